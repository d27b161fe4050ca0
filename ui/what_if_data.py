"""What the page What-if reads and computes: the newest labelled window, and what other terms make of it. Both are kept for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st
from sqlalchemy import Engine, select

from apps.tables import Table
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from domain.registry import DOMAINS

if TYPE_CHECKING:
    from models.what_if import Judgement, Labelled, Point

SIZES = (1_000, 5_000, 20_000)  # decisions that are judged again
DRAWN = 5_000  # of these, for the curve: it judges them a dozen times
MOST_LABELS = 40_000
WILD = 10  # of the newest labels, those that do not say how far labels have come: a source's clock may be wrong
KEPT_S = 60.0  # a window stands still for so long
_COLUMNS = (
    "domain", "decision_id", "key", "event_time", "action", "alert", "score", "threshold", "raw", "context", "facts",
    "model_version", "format", "terms", "source_us", "broker_us", "decided_us",
)  # fmt: skip


@st.cache_resource(ttl=KEPT_S, max_entries=4, show_spinner="reading labelled decisions")
def window(_engine: Engine, where: str, domain: str, size: int) -> Labelled | None:
    """The newest ``size`` decisions up to where labels have come, with their labels; None: there are none. ``where``: which database."""
    from models.what_if import gather  # noqa: PLC0415  # with what the domain learns with: only this page waits for it

    with _engine.connect() as connection:
        t = _table("label")
        query = select(t.c.tells_of).where(t.c.domain == domain).order_by(t.c.tells_of.desc()).limit(WILD + 1)
        newest = connection.execute(query).scalars().all()
        if not newest:
            return None
        decisions = _decisions(connection, domain, newest[-1], size)
        since = decisions[-1].event_time if decisions else datetime.max.replace(tzinfo=UTC)
        query = select(t.c.label).where(t.c.domain == domain, t.c.tells_of >= since).order_by(t.c.tells_of.desc()).limit(MOST_LABELS)
        labels = [label for value in connection.execute(query).scalars() if (label := _label(DOMAINS[domain], value)) is not None]
    return gather(DOMAINS[domain], decisions, labels)


def _decisions(connection: Any, domain: str, until: datetime, size: int) -> Sequence[Decision]:
    """The newest first."""
    d = _table("decision")
    query = select(*(d.c[name] for name in _COLUMNS)).where(d.c.domain == domain, d.c.event_time <= until)
    rows = connection.execute(query.order_by(d.c.event_time.desc()).limit(size))
    return [Decision.model_construct(**row._mapping, features=[], reasons=[]) for row in rows]


def _label(domain: Domain, value: bytes) -> Any:
    try:
        return domain.parse_label(value)
    except MalformedEvent:  # of another version of this code
        return None


@st.cache_data(ttl=300, max_entries=200, show_spinner=False)
def judged(_window: Labelled, token: str, terms: Mapping[str, float]) -> Judgement:
    """As ``models.what_if.judged``; ``token`` tells windows apart."""
    from models import what_if  # noqa: PLC0415

    return what_if.judged(_window, terms)


@st.cache_data(ttl=300, max_entries=50, show_spinner="going over the term's range")
def curve(_window: Labelled, token: str, others: Mapping[str, float], name: str) -> list[Point]:
    """As ``models.what_if.curve``, of the newest ``DRAWN`` decisions; ``others``: the terms but the one that is gone over."""
    from models import what_if  # noqa: PLC0415

    return what_if.curve(_window.newest(DRAWN), others, name)


def token(window: Labelled) -> str:
    """What tells a window from others."""
    first, last = window.decisions[0], window.decisions[-1]
    return f"{window.domain.name} {first.decision_id} {last.decision_id} {len(window.decisions)} {len(window.labels)}"


def _table(name: str) -> Any:
    return Table.metadata.tables[name]
