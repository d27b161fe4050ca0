"""Every question that the dashboard asks the database. Each is answered from an index, and reads a bounded number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, Select, func, select
from sqlmodel import col

from apps.tables import AlertRow, DecisionRow, ModelRow, OutcomesRow, SlaWindowRow
from ui.asking import rows

MOST_ALERTS = 5_000  # in the queue
MOST_COUNTED = 100_000  # a count that reaches this goes no further
DAY_US = 86_400 * 1_000_000
RECENT = 30  # decisions of a key
MOST_KEYS = 2_000  # on the page Now


@dataclass(frozen=True)
class Totals:
    """Sums over a domain's windows of the 24 hours up to the newest, and when that ended (UTC microseconds; 0: there is none)."""

    decisions: int
    measured: int
    misses: int
    end_us: int


def totals(engine: Engine, domain: str) -> Totals:
    """What the monitor has measured in a day."""
    w = SlaWindowRow
    newest = select(func.max(w.end_us)).where(col(w.domain) == domain).scalar_subquery()
    sums = select(func.sum(w.decisions), func.sum(w.measured), func.sum(w.misses), func.max(w.end_us))
    query = sums.where(col(w.domain) == domain, col(w.end_us) > newest - DAY_US)
    return Totals(*(int(value or 0) for value in rows(engine, query)[0]))


def windows(engine: Engine, domain: str, since_us: int) -> Sequence[Row[Any]]:
    """The windows that ended after ``since_us``, oldest first."""
    table = SlaWindowRow.metadata.tables["sla_window"]
    query = select(table).where(table.c.domain == domain, table.c.end_us > since_us).order_by(table.c.end_us).limit(20_000)
    return rows(engine, query)


def alerts(engine: Engine, domain: str, ids: Sequence[str]) -> Sequence[Row[Any]]:
    """These alerts, in no order."""
    table = AlertRow.metadata.tables["alert"]
    return rows(engine, select(table).where(table.c.domain == domain, table.c.decision_id.in_(ids))) if ids else []


def alert_count(engine: Engine, domain: str, after_us: int = 0) -> int:
    """How many alerts there are, decided after ``after_us``; ``MOST_COUNTED`` where there are that many or more."""
    return how_many(engine, select(col(AlertRow.decided_us)).where(col(AlertRow.domain) == domain, col(AlertRow.decided_us) > after_us))


def alerts_with(engine: Engine, domain: str, status: str) -> int:
    """How many alerts have this status; ``MOST_COUNTED`` where there are that many or more."""
    return how_many(engine, select(col(AlertRow.decided_us)).where(col(AlertRow.domain) == domain, col(AlertRow.status) == status))


def new_alerts(engine: Engine, domain: str) -> int:
    """How many alerts nobody has claimed; ``MOST_COUNTED`` where there are that many or more."""
    return alerts_with(engine, domain, "new")


def how_many(engine: Engine, found: Select[Any]) -> int:
    """The rows of a question, counted up to ``MOST_COUNTED``."""
    return int(rows(engine, select(func.count()).select_from(found.limit(MOST_COUNTED).subquery()))[0][0])


def decision(engine: Engine, domain: str, decision_id: str) -> Row[Any] | None:
    """One decision with everything that it was based on."""
    table = DecisionRow.metadata.tables["decision"]
    found = rows(engine, select(table).where(table.c.domain == domain, table.c.decision_id == decision_id))
    return found[0] if found else None


def newest_decision(engine: Engine, domain: str) -> Row[Any] | None:
    """The decision made last, with everything that it was based on."""
    d = DecisionRow.metadata.tables["decision"]
    found = rows(engine, select(d).where(d.c.domain == domain).order_by(d.c.decided_us.desc()).limit(1))
    return found[0] if found else None


def recent_decisions(engine: Engine, of: Row[Any]) -> Sequence[Row[Any]]:
    """The decisions of its key up to and including this one, newest first."""
    d = DecisionRow
    columns = (d.decision_id, d.event_time, d.action, d.score, d.context)
    query = select(*(col(c) for c in columns)).where(col(d.domain) == of.domain, col(d.key) == of.key, col(d.event_time) <= of.event_time)
    return rows(engine, query.order_by(col(d.event_time).desc()).limit(RECENT))


def sums(engine: Engine, domain: str) -> tuple[dict[str, float], int]:
    """What the domain's decisions were worth from the first on, by name, and up to when (UTC microseconds); nothing where none is known."""
    found: Any = rows(engine, select(col(OutcomesRow.sums), col(OutcomesRow.end_us)).where(col(OutcomesRow.domain) == domain))
    return (dict(found[0][0]), int(found[0][1])) if found else ({}, 0)


def newest_by_key(engine: Engine, domain: str, *, lowest_first: bool) -> Sequence[Row[Any]]:
    """The newest decision of each key, by score; of the first ``MOST_KEYS`` keys by name, and of one more where there are more."""
    d = DecisionRow.metadata.tables["decision"]
    first = select(func.min(d.c.key).label("key")).where(d.c.domain == domain).cte("keys", recursive=True)
    after = select(func.min(d.c.key)).where(d.c.domain == domain, d.c.key > first.c.key).scalar_subquery()
    keys = first.union_all(select(after).where(first.c.key.is_not(None)))  # from key to key through the index: not a look at every row
    newest = select(d.c.decision_id).where(d.c.domain == domain, d.c.key == keys.c.key).order_by(d.c.event_time.desc()).limit(1)
    newest_id = newest.correlate(keys).scalar_subquery().label("id")
    some = select(newest_id).select_from(keys).where(keys.c.key.is_not(None)).limit(MOST_KEYS + 1)
    columns = (d.c.decision_id, d.c.key, d.c.event_time, d.c.action, d.c.score, d.c.threshold, d.c.context, d.c.decided_us)
    query = select(*columns).where(d.c.domain == domain, d.c.decision_id.in_(select(some.subquery().c.id)))
    return rows(engine, query.order_by(d.c.score.asc() if lowest_first else d.c.score.desc()))


def models(engine: Engine, domain: str) -> Sequence[Row[Any]]:
    """Version and time of the announced bundles, newest first."""
    m = ModelRow
    return rows(engine, select(col(m.version), col(m.created)).where(col(m.domain) == domain).order_by(col(m.created).desc()).limit(200))


def model(engine: Engine, domain: str, version: str) -> Row[Any]:
    """One of them with its manifest and report."""
    table = ModelRow.metadata.tables["model"]
    return rows(engine, select(table).where(table.c.domain == domain, table.c.version == version))[0]


def steps(engine: Engine, domain: str, version: str) -> Row[Any] | None:
    """The stages of one of them, the present one last; None where the registry has not told of it."""
    m = ModelRow
    found = rows(engine, select(col(m.stage), col(m.steps), col(m.parent)).where(col(m.domain) == domain, col(m.version) == version))
    return found[0] if found else None
