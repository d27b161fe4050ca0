"""Every question that the dashboard asks the database. Each is bounded and answered from an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Executable, Row, func, select
from sqlmodel import col

from apps.tables import AlertRow, DecisionRow, ModelRow, SlaWindowRow

MOST_ALERTS = 5_000
RECENT_PAYMENTS = 30


@dataclass(frozen=True)
class Totals:
    """Sums over all windows of a domain, and when the newest one ended (UTC microseconds; 0: there is none)."""

    decisions: int
    measured: int
    misses: int
    end_us: int


def totals(engine: Engine, domain: str) -> Totals:
    """What the monitor has measured in all."""
    w = SlaWindowRow
    query = select(func.sum(w.decisions), func.sum(w.measured), func.sum(w.misses), func.max(w.end_us)).where(col(w.domain) == domain)
    return Totals(*(int(value or 0) for value in _rows(engine, query)[0]))


def windows(engine: Engine, domain: str, since_us: int) -> Sequence[Row[Any]]:
    """The windows that ended after ``since_us``, oldest first."""
    table = SlaWindowRow.metadata.tables["sla_window"]
    query = select(table).where(table.c.domain == domain, table.c.end_us > since_us).order_by(table.c.end_us).limit(20_000)
    return _rows(engine, query)


def alerts(engine: Engine, domain: str, actions: Sequence[str], key: str, limit: int = MOST_ALERTS) -> Sequence[Row[Any]]:
    """The newest alerts with one of these actions (none: any), of a customer whose id begins with ``key``."""
    table = AlertRow.metadata.tables["alert"]
    query = select(table).where(table.c.domain == domain).order_by(table.c.decided_us.desc()).limit(limit)
    if actions:
        query = query.where(table.c.action.in_(actions))
    if key:
        query = query.where(table.c.key >= key, table.c.key < key + "\U0010ffff")
    return _rows(engine, query)


def alert_count(engine: Engine, domain: str, after_us: int = 0) -> int:
    """How many alerts there are, decided after ``after_us``."""
    query = select(func.count()).where(col(AlertRow.domain) == domain, col(AlertRow.decided_us) > after_us)
    return int(_rows(engine, query)[0][0])


def decision(engine: Engine, domain: str, decision_id: str) -> Row[Any] | None:
    """One decision with everything that it was based on."""
    table = DecisionRow.metadata.tables["decision"]
    found = _rows(engine, select(table).where(table.c.domain == domain, table.c.decision_id == decision_id))
    return found[0] if found else None


def recent_decisions(engine: Engine, of: Row[Any]) -> Sequence[Row[Any]]:
    """The customer's payments up to and including this one, newest first."""
    d = DecisionRow
    columns = (d.decision_id, d.event_time, d.action, d.score, d.context)
    query = select(*(col(c) for c in columns)).where(col(d.domain) == of.domain, col(d.key) == of.key, col(d.event_time) <= of.event_time)
    return _rows(engine, query.order_by(col(d.event_time).desc()).limit(RECENT_PAYMENTS))


def models(engine: Engine, domain: str) -> Sequence[Row[Any]]:
    """The announced bundles, newest first."""
    table = ModelRow.metadata.tables["model"]
    return _rows(engine, select(table).where(table.c.domain == domain).order_by(table.c.created.desc()).limit(200))


def _rows(engine: Engine, query: Executable) -> Sequence[Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(query).all()
