"""What the page *Alerts* asks the database. Each question is answered from an index, and reads a bounded number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, select

from apps.tables import AlertRow, ReviewRow
from models.reviews import STATUSES
from ui import queries
from ui.asking import rows

SIMILAR = 5  # of a kind
MOST_ACTS = 50
_ALERT = AlertRow.metadata.tables["alert"]
_REVIEW = ReviewRow.metadata.tables["review"]


def newest(engine: Engine, domain: str, statuses: Sequence[str] = STATUSES) -> list[Row[Any]]:
    """Id, time (``decided_us``) and version of the newest alerts with one of these statuses, newest first."""
    found: list[Row[Any]] = []
    for status in statuses:  # one question each: the index has the order within a status
        query = select(_ALERT.c.decision_id, _ALERT.c.decided_us, _ALERT.c.version)
        query = query.where(_ALERT.c.domain == domain, _ALERT.c.status == status)
        order = _ALERT.c.decided_us.desc(), _ALERT.c.decision_id.desc()
        found += rows(engine, query.order_by(*order).limit(queries.MOST_ALERTS))
    return sorted(found, key=lambda row: (row.decided_us, row.decision_id), reverse=True)[: queries.MOST_ALERTS]


def counts(engine: Engine, domain: str) -> dict[str, int]:
    """How many alerts have each status; ``queries.MOST_COUNTED`` where there are that many or more."""
    return {status: queries.alerts_with(engine, domain, status) for status in STATUSES}


def one(engine: Engine, domain: str, decision_id: str) -> Row[Any] | None:
    """An alert as it is now."""
    found = queries.alerts(engine, domain, [decision_id])
    return found[0] if found else None


def act(engine: Engine, domain: str, act_id: str) -> Row[Any] | None:
    """An act, once it has come back through the sink."""
    found = rows(engine, select(_REVIEW).where(_REVIEW.c.domain == domain, _REVIEW.c.act_id == act_id))
    return found[0] if found else None


def acts(engine: Engine, domain: str, decision_id: str) -> Sequence[Row[Any]]:
    """What was done with an alert, the latest first."""
    query = select(_REVIEW).where(_REVIEW.c.domain == domain, _REVIEW.c.decision_id == decision_id)
    return rows(engine, query.order_by(_REVIEW.c.arrived_us.desc()).limit(MOST_ACTS))


def same_reason(engine: Engine, of: Row[Any]) -> list[Row[Any]]:
    """The newest other alerts with the same action and, but for its numbers, the same first reason."""
    a = _ALERT.c
    return _others(engine, of, (a.action == of.action, a.likeness == of.likeness))


def same_key(engine: Engine, of: Row[Any]) -> list[Row[Any]]:
    """The newest other alerts of the same customer, shopper or machine."""
    return _others(engine, of, (_ALERT.c.key == of.key,))


def _others(engine: Engine, of: Row[Any], alike: Sequence[Any]) -> list[Row[Any]]:
    query = select(_ALERT).where(_ALERT.c.domain == of.domain, *alike).order_by(_ALERT.c.decided_us.desc()).limit(SIMILAR + 1)
    return [row for row in rows(engine, query) if row.decision_id != of.decision_id][:SIMILAR]
