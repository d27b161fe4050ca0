"""The database's tables: a view of what passed through Kafka, filled by the sink alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, LargeBinary, String, Text, TypeDecorator
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

MAX_BIGINT = 2**63 - 1
LABELS_KEPT = 10_000  # of a partition
KEPT_DAYS = 60  # decisions and SLA windows, which come by the thousand a second: as long as the topic of decisions has them
KEPT = "kept"  # marks a column that an upsert does not overwrite


class Table(SQLModel, registry=registry()):
    """A registry of its own, so that Streamlit's hot reload can define the tables again."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime, also in SQLite, which keeps no time zone. A naive datetime is refused (``ValueError``)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the database takes aware times")
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _json() -> Any:
    return Field(sa_type=JSON, nullable=False)


def _micros(*, key: bool = False) -> Any:
    """UTC microseconds or an offset: 64 bits."""
    return Field(sa_type=BigInteger, primary_key=key, sa_column_kwargs={"autoincrement": False}, ge=0, le=MAX_BIGINT)


def _by_hand(kind: type[TypeEngine[Any]] | TypeEngine[Any], default: str | int) -> Any:
    """A person's, not the topic's: an upsert leaves it as it is."""
    return Field(default=default, sa_column=Column(kind, nullable=False, default=default, info={KEPT: True}))


def _utc() -> Any:
    return Field(sa_type=UtcDateTime, nullable=False)


class DecisionRow(Table, table=True):
    """One decision (``domain.decision.Decision``), by its event's id."""

    __tablename__ = "decision"
    __table_args__ = (
        Index("decision_by_key", "domain", "key", "event_time"),
        Index("decision_by_time", "domain", "decided_us", "action"),  # counts by action are answered from the index alone
        Index("decision_by_event_time", "domain", "event_time"),
    )

    domain: str = Field(primary_key=True)
    decision_id: str = Field(primary_key=True)
    key: str
    event_time: datetime = _utc()
    action: str
    alert: bool
    score: float
    threshold: float
    raw: list[float] = _json()
    features: list[float | None] = _json()
    context: dict[str, Any] = _json()
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    reasons: list[str] = _json()
    model_version: str
    format: str
    terms: dict[str, float] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    partition: int | None = None
    offset: int | None = Field(default=None, sa_type=BigInteger)
    source_us: int | None = _micros()
    broker_us: int = _micros()
    decided_us: int = _micros()


class AlertRow(Table, table=True):
    """A decision that a person should see, and how far that person got."""

    __tablename__ = "alert"
    __table_args__ = (
        # Which are the newest, and which of them have changed, is answered from the index alone.
        Index("alert_by_status", "domain", "status", "decided_us", "decision_id", "version"),
        Index("alert_by_key", "domain", "key", "decided_us"),
        Index("alert_by_likeness", "domain", "action", "likeness", "decided_us"),
        Index("alert_by_time", "domain", "decided_us", "decision_id"),  # which are the newest is answered from the index alone
    )

    domain: str = Field(primary_key=True)
    decision_id: str = Field(primary_key=True)
    key: str
    event_time: datetime = _utc()
    action: str
    score: float
    context: dict[str, Any] = _json()
    reasons: list[str] = _json()
    model_version: str
    decided_us: int = _micros()
    # ``models.reviews.State``: what people's acts came to (``apps.reviewed``).
    status: str = _by_hand(String, "new")
    version: int = _by_hand(Integer, 0)
    analyst: str = _by_hand(String, "")
    changed_us: int = _by_hand(BigInteger, 0)
    verdict: str = _by_hand(String, "")
    reason: str = _by_hand(String, "")
    note: str = _by_hand(Text, "")
    likeness: str = Field(default="", sa_type=Text)  # the first reason without its numbers


class ReviewRow(Table, table=True):
    """What an analyst did with an alert (``models.reviews.Act``), and whether it was accepted."""

    __tablename__ = "review"
    __table_args__ = (Index("review_by_alert", "domain", "decision_id", "arrived_us"),)

    domain: str = Field(primary_key=True)
    act_id: str = Field(primary_key=True)
    decision_id: str
    analyst: str
    at_us: int = _micros()
    what: str
    version: int  # of the alert, as its analyst saw it
    verdict: str
    reason: str
    note: str = Field(sa_type=Text)
    arrived_us: int = _micros()  # by the broker's clock
    accepted: bool
    refusal: str = Field(sa_type=Text)  # why it changed nothing: who was first


class LabelRow(Table, table=True):
    """One of the newest labels of its topic's partition: the ``LABELS_KEPT``-th after it takes its place."""

    __tablename__ = "label"
    __table_args__ = (Index("label_by_time", "domain", "tells_of"),)

    domain: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    place: int = Field(primary_key=True)  # the offset, modulo ``LABELS_KEPT``
    tells_of: datetime = _utc()  # event time (``Domain.tells_of``)
    label: bytes = Field(sa_type=LargeBinary)  # as the topic has it


class BatchRow(Table, table=True):
    """One line of a batch's list: the newest decision of a key at that run (``apps.batch``)."""

    __tablename__ = "batch"

    domain: str = Field(primary_key=True)
    run_us: int = _micros(key=True)
    key: str = Field(primary_key=True)
    decision_id: str
    event_time: datetime = _utc()
    action: str
    score: float
    threshold: float
    context: dict[str, Any] = _json()
    reasons: list[str] = _json()
    model_version: str
    format: str


class SlaWindow(Table):
    """What the monitor measured in one window of wall-clock time (``apps.monitor``). Latencies in milliseconds.

    A window without decisions but with lag (a scorer that stands still) has an empty model version and format.
    """

    domain: str = Field(primary_key=True)
    model_version: str = Field(primary_key=True)
    format: str = Field(primary_key=True)
    start_us: int = _micros(key=True)
    end_us: int = _micros()
    decisions: int  # all that became visible in the window
    measured: int  # of these, with a source time: the ones the latencies speak of
    throughput: float  # decisions a second
    p50_ms: float | None  # source time to visible for a read_committed reader
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    decided_p50_ms: float | None  # source time to decided
    decided_p99_ms: float | None
    deadline_ms: float
    misses: int  # measured decisions visible later than the deadline
    lag: int  # events not yet scored, all partitions
    actions: dict[str, int] = _json()
    histogram: str = Field("", sa_type=Text)  # source time to visible in microseconds; merged with ``apps.sla.merge``


class SlaWindowRow(SlaWindow, table=True):
    """A window as published on ``metrics``."""

    __tablename__ = "sla_window"
    __table_args__ = (
        Index("sla_window_by_end", "domain", "end_us", "decisions", "measured", "misses", "lag"),  # a day's sums, from the index alone
        Index("sla_window_recent", "end_us"),
    )


class Outcomes(Table):
    """What a domain's decisions were worth up to now (``apps.outcomes``): sums from the first decision on, by name."""

    domain: str = Field(primary_key=True)
    end_us: int = _micros()
    sums: dict[str, float] = _json()


class OutcomesRow(Outcomes, table=True):
    """The newest sums as published on ``metrics``."""

    __tablename__ = "outcomes"


class Contested(Table):
    """What a champion and a challenger came to on the events that both decided (``models.contest``): counts and sums up to now."""

    domain: str = Field(primary_key=True)
    champion: str = Field(primary_key=True)
    challenger: str = Field(primary_key=True)
    end_us: int = _micros()
    both: int
    agreed: int
    mean_difference: float  # of the scores
    actions: dict[str, int] = _json()
    champion_sums: dict[str, float] = _json()
    challenger_sums: dict[str, float] = _json()


class ContestedRow(Contested, table=True):
    """The newest balance as published on ``metrics``."""

    __tablename__ = "contest"


class QualityWindow(Table):
    """A day's decisions by one version, judged by the labels there are by now (``models.quality.Window``)."""

    domain: str = Field(primary_key=True)
    day: date = Field(primary_key=True)  # of event time, UTC
    model_version: str = Field(primary_key=True)
    decisions: int
    labelled: int
    waiting: int  # for a label
    never: int  # labelled in the domain's time; once the day is settled there are no waiting ones
    reviewed: int  # alerts that a person judged, and how many of them were right: sooner than labels, and a biased sample
    confirmed: int
    settled: bool
    share: float  # of the day's decisions that the counts and measures are of
    metrics: dict[str, float] = _json()
    worth: dict[str, float] = _json()


class QualityWindowRow(QualityWindow, table=True):
    """The newest state of the window as published on ``metrics``."""

    __tablename__ = "quality_window"


class DriftWindow(Table):
    """A feature or output in the week up to ``end_us``, against what the version learned from (``models.watch.Measured``)."""

    domain: str = Field(primary_key=True)
    end_us: int = _micros(key=True)  # event time
    model_version: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    psi: float
    limit: float  # from which on it is drift
    missing: float
    unseen: float
    rows: int
    draws: int  # keys, each on each day


class DriftWindowRow(DriftWindow, table=True):
    """The window as published on ``metrics``."""

    __tablename__ = "drift_window"
    __table_args__ = (Index("drift_window_by_end", "domain", "model_version", "end_us"),)


class ModelRow(Table, table=True):
    """A version of a domain's model (``models.registry.Version``). ``stage`` is the last of its ``steps``."""

    __tablename__ = "model"
    __table_args__ = (Index("model_by_created", "domain", "created", "version"),)  # manifests and reports are not sorted to find the newest

    domain: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    created: datetime = _utc()
    parent: str | None = None
    stage: str
    steps: list[dict[str, Any]] = _json()
    manifest: dict[str, Any] = _json()
    report: dict[str, Any] = _json()


class StandingRow(Table, table=True):
    """Which versions of a domain's model are at work (``models.registry.Standing``)."""

    __tablename__ = "standing"

    domain: str = Field(primary_key=True)
    champion: str
    challengers: list[str] = _json()
    share: float
    former: list[str] = _json()
    terms: dict[str, float] = Field(default_factory=dict, sa_type=JSON, nullable=False)
    at_us: int = _micros()
    by: str
    why: str


class LoopEvent(Table):
    """Something that happened to a domain's model (``apps.loop_events``): refused, promoted, drifted, trained again."""

    domain: str = Field(primary_key=True)
    at_us: int = _micros(key=True)
    what: str = Field(primary_key=True)
    version: str = Field(primary_key=True)  # of the model that it is about; empty for none
    text: str  # for people: what happened, and why
    details: dict[str, Any] = _json()


class LoopEventRow(LoopEvent, table=True):
    """The event as published on ``metrics``."""

    __tablename__ = "loop_event"
    __table_args__ = (
        Index("loop_event_by_time", "domain", "at_us"),
        Index("loop_event_by_version", "domain", "version", "at_us"),  # what was last said of a version
    )


class DeadLetterRow(Table, table=True):
    """A message that could not be processed: why, what it was, and where it stood."""

    __tablename__ = "dead_letter"

    __table_args__ = (
        Index("dead_letter_by_time", "domain", "failed_us"),
        Index("dead_letter_by_code", "domain", "code", "failed_us"),  # counts by code are answered from the index alone
        Index("dead_letter_by_source", "source_topic", "source_partition", "source_offset"),  # did what was sent again come back?
    )

    topic: str = Field(primary_key=True)  # the dead-letter topic, and the letter's own place in it
    partition: int = Field(primary_key=True)
    offset: int = _micros(key=True)
    domain: str
    code: str
    reason: str
    original: bytes = Field(sa_type=LargeBinary)
    source_topic: str
    source_partition: int
    source_offset: int = _micros()
    failed_us: int = _micros()


class Resent(Table):
    """A dead letter's message that a person sent again (``apps.resend``): the letter's place, and where the message landed."""

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    offset: int = _micros(key=True)
    at_us: int = _micros(key=True)
    domain: str
    by: str
    changed: bool  # corrected before, or sent as it was
    event_id: str  # of the event in the message; empty for one that cannot be read
    to_topic: str
    to_partition: int
    to_offset: int = _micros()


class ResentRow(Resent, table=True):
    """The news of it as published on ``metrics``."""

    __tablename__ = "resent"


class SinkOffsetRow(Table, table=True):
    """How far the sink has read, written with the rows it read: an empty database starts from the beginning."""

    __tablename__ = "sink_offset"

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = _micros()
    topic_id: str  # Kafka's own id: another one means that the topic was made anew and its offsets say nothing
