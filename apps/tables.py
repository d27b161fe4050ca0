"""The database's tables: a view of what passed through Kafka, filled by the sink alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Index, LargeBinary
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry()):
    """A registry of its own, so that Streamlit's hot reload can define the tables again."""


def _json() -> Any:
    return Field(sa_column=Column(JSON, nullable=False))


def _micros(*, index: bool = False, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(BigInteger, nullable=nullable, index=index))


def _utc() -> Any:
    return Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class DecisionRow(Table, table=True):
    """One decision (``domain.decision.Decision``), by its event's id."""

    __tablename__ = "decision"
    __table_args__ = (Index("decision_by_key", "domain", "key", "event_time"), Index("decision_by_time", "domain", "decided_us"))

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
    reasons: list[str] = _json()
    model_version: str
    format: str
    source_us: int | None = _micros(nullable=True)
    broker_us: int = _micros()
    decided_us: int = _micros()


class AlertRow(Table, table=True):
    """A decision that a person should see, and how far that person got."""

    __tablename__ = "alert"
    __table_args__ = (Index("alert_by_status", "domain", "status", "decided_us"),)

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
    status: str = "new"


class SlaWindowRow(Table, table=True):
    """What the monitor measured in one window of wall-clock time (``apps.monitor``). Latencies in milliseconds."""

    __tablename__ = "sla_window"
    __table_args__ = (Index("sla_window_by_end", "domain", "end_us"),)

    domain: str = Field(primary_key=True)
    model_version: str = Field(primary_key=True)
    format: str = Field(primary_key=True)
    start_us: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
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


class ModelRow(Table, table=True):
    """A trained bundle as announced on ``models``."""

    __tablename__ = "model"

    domain: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    created: datetime = _utc()
    manifest: dict[str, Any] = _json()
    report: dict[str, Any] = _json()


class DeadLetterRow(Table, table=True):
    """A message that could not be processed: why, what it was, and where it stood."""

    __tablename__ = "dead_letter"

    topic: str = Field(primary_key=True)  # the dead-letter topic, and the letter's own place in it
    partition: int = Field(primary_key=True)
    offset: int = Field(sa_column=Column("offset", BigInteger, primary_key=True, autoincrement=False))
    domain: str = Field(index=True)
    code: str
    reason: str
    original: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    source_topic: str
    source_partition: int
    source_offset: int = _micros()
    failed_us: int = _micros()


class SinkOffsetRow(Table, table=True):
    """How far the sink has read, written with the rows it read: an empty database starts from the beginning."""

    __tablename__ = "sink_offset"

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = _micros()
