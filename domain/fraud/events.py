"""The messages of the fraud topics: a payment, and the label that follows it days later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.contract import MalformedEvent

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(2068, 1, 1, tzinfo=UTC)  # what a history entry can hold (domain.history)
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Payment(_Message):
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


class Label(_Message):
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


M = TypeVar("M", bound=_Message)
_CODES = {"missing": "missing-field", "extra_forbidden": "unknown-field", "json_invalid": "not-json", "finite_number": "not-finite"}


def _parse(model: type[M], data: bytes) -> M:
    if not data:
        raise MalformedEvent("empty", f"the message has no body; a {model.__name__.lower()} is a JSON object")
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise _explain(model, error) from None


def _explain(model: type[BaseModel], error: ValidationError) -> MalformedEvent:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    code = _CODES.get(kind) or ("wrong-type" if kind.endswith(("_type", "_parsing")) else "out-of-range")
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return MalformedEvent(code, f"{model.__name__.lower()}: {where}: {first['msg']}")


def parse_payment(data: bytes) -> Payment:
    """A payment from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return _parse(Payment, data)


def parse_label(data: bytes) -> Label:
    """A label from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return _parse(Label, data)


def targets(labels: Iterable[Label]) -> Callable[[Payment], float]:
    """1 for a payment with a chargeback, whatever else was said of it; 0 for one with an all-clear; nan without a label."""
    known: dict[str, float] = {}
    for label in labels:
        known[label.transaction_id] = max(known.get(label.transaction_id, 0.0), float(label.fraud))
    return lambda payment: known.get(payment.transaction_id, math.nan)
