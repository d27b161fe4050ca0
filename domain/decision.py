"""The decision: what every domain answers to an event, and what travels on ``<domain>.decisions`` and ``<domain>.alerts``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Decision(BaseModel):
    """One scored event. ``decision_id`` is the event's own id, so a repeated message changes nothing downstream.

    Times ending in ``_us`` are UTC microseconds since the epoch. ``source_us`` is when the source sent the event (absent on
    replayed history, which has no latency worth measuring), ``broker_us`` when Kafka appended it (millisecond
    resolution), ``decided_us`` when the scorer handed the decision over. A decision is a ``domain.contract.Judged``, as its event is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    decision_id: str
    key: str  # the customer, shopper or machine whose state was used
    event_time: datetime
    action: str
    alert: bool
    score: float  # the value the policy judged: a probability or a quantity, after the link
    threshold: float  # the score at which this event's action would have changed
    raw: list[float]  # raw scores, one an output of the ensemble
    features: list[float | None]  # the scored row, in the schema's order; null is missing
    context: dict[str, str | float | None]  # the event's own fields that a person wants to see
    facts: dict[str, Any] = Field(default_factory=dict)  # what the policy knew beside the scores
    reasons: list[str]  # in words, strongest first; only on alerts
    model_version: str
    format: str
    terms: dict[str, float] = Field(default_factory=dict)  # the policy's numbers that were not the domain's defaults
    partition: int | None = None  # where the event lies in its topic; a batch does not say
    offset: int | None = None
    source_us: int | None
    broker_us: int
    decided_us: int

    @property
    def id(self) -> str:
        """The event's id."""
        return self.decision_id
