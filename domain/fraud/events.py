"""The messages of the fraud topics: a payment, and the label that follows it days later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from domain.contract import Judged
from domain.messages import Id, Message, Moment, parse


class Payment(Message):
    """A card payment that waits for an answer. ``amount`` is in units of the account's currency."""

    transaction_id: Id
    event_time: Moment
    customer_id: Id
    terminal_id: Id
    amount: Annotated[float, Field(ge=0, le=10_000_000)]
    merchant_category: str | None = None

    @property
    def decides(self) -> bool:
        return True

    @property
    def id(self) -> str:
        return self.transaction_id

    @property
    def key(self) -> str:
        return self.customer_id

    @property
    def context(self) -> dict[str, str | float | None]:
        return {"amount": self.amount, "terminal_id": self.terminal_id, "merchant_category": self.merchant_category}


class Label(Message):
    """What became known of a payment: a chargeback says fraud, an all-clear says none. ``event_time`` is when.

    ``source`` keeps two kinds apart (Dal Pozzolo et al., "Credit Card Fraud Detection and Concept-Drift Adaptation with Delayed Supervised
    Information", IJCNN 2015). The late label, by chargeback or for want of one, comes for every payment: models, the terminals' features,
    the ledger and the measures of quality learn from it alone. An analyst's verdict comes within hours, of alerts only: a sample that the
    model itself has picked. It tells at once how many alerts are right, and nothing else is computed from it.
    """

    transaction_id: Id
    event_time: Moment
    payment_time: Moment
    customer_id: Id
    terminal_id: Id
    verdict: Literal["chargeback", "all-clear"]
    source: Literal["chargeback", "analyst"] = "chargeback"

    @property
    def id(self) -> str:
        return self.transaction_id

    @property
    def key(self) -> str:
        return self.terminal_id

    @property
    def fraud(self) -> bool:
        return self.verdict == "chargeback"

    @property
    def late(self) -> bool:
        """Whether it is the label that every payment gets, not an analyst's."""
        return self.source == "chargeback"


def parse_payment(data: bytes) -> Payment:
    """A payment from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Payment.model_validate_json, "payment", data)


def parse_label(data: bytes) -> Label:
    """A label from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Label.model_validate_json, "label", data)


def label_of(payment: Payment, fraud: bool, at: datetime) -> Label:
    """What became of a payment, known at ``at``."""
    return Label(
        transaction_id=payment.transaction_id,
        event_time=at,
        payment_time=payment.event_time,
        customer_id=payment.customer_id,
        terminal_id=payment.terminal_id,
        verdict="chargeback" if fraud else "all-clear",
    )


def targets(labels: Iterable[Label]) -> Callable[[Judged], float]:
    """1 for a payment with a chargeback, whatever else was said of it; 0 for one with an all-clear; nan without a late label."""
    known: dict[str, float] = {}
    for label in labels:
        if label.late:
            known[label.transaction_id] = max(known.get(label.transaction_id, 0.0), float(label.fraud))
    return lambda payment: known.get(payment.id, math.nan)


FRAUD, GOOD = "fraud", "not fraud"  # what an analyst may say


def verdict_label(payment: Judged, verdict: str, at: datetime) -> Label:
    """An analyst's verdict on a payment as a label. Raises ``ValueError`` for a verdict that is none."""
    if verdict not in (FRAUD, GOOD):
        raise ValueError(f"{verdict!r} is no verdict on a payment; say {FRAUD!r} or {GOOD!r}")
    return Label(
        transaction_id=payment.id,
        event_time=at,
        payment_time=payment.event_time,
        customer_id=payment.key,
        terminal_id=str(payment.context["terminal_id"]),
        verdict="chargeback" if verdict == FRAUD else "all-clear",
        source="analyst",
    )


def verdicts(labels: Iterable[Label]) -> Callable[[Judged], float]:
    """1 where the latest analyst's verdict on a payment is fraud (of two at one moment, that one), 0 where it is not, nan without one."""
    known: dict[str, tuple[datetime, float]] = {}
    for label in labels:
        if not label.late:
            said = (label.event_time, float(label.fraud))
            known[label.transaction_id] = max(known.get(label.transaction_id, said), said)
    return lambda payment: known[payment.id][1] if payment.id in known else math.nan
