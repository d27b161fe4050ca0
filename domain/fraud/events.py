"""The messages of the fraud topics: a payment, and the label that follows it days later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
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
    """What became known of a payment: a chargeback says fraud, an all-clear says none. ``event_time`` is when."""

    transaction_id: Id
    event_time: Moment
    payment_time: Moment
    customer_id: Id
    terminal_id: Id
    verdict: Literal["chargeback", "all-clear"]

    @property
    def id(self) -> str:
        return self.transaction_id

    @property
    def key(self) -> str:
        return self.terminal_id

    @property
    def fraud(self) -> bool:
        return self.verdict == "chargeback"


def parse_payment(data: bytes) -> Payment:
    """A payment from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Payment.model_validate_json, "payment", data)


def parse_label(data: bytes) -> Label:
    """A label from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Label.model_validate_json, "label", data)


def targets(labels: Iterable[Label]) -> Callable[[Judged], float]:
    """1 for a payment with a chargeback, whatever else was said of it; 0 for one with an all-clear; nan without a label."""
    known: dict[str, float] = {}
    for label in labels:
        known[label.transaction_id] = max(known.get(label.transaction_id, 0.0), float(label.fraud))
    return lambda payment: known.get(payment.id, math.nan)
