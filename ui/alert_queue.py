"""The queue of alerts as a viewer holds it: a list that stands still until it is asked for anew, and beside it what has come since."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import streamlit as st
from sqlalchemy import Engine

from models.reviews import STATUSES
from ui import alert_queries, queries

_LISTED = "alerts listed"
_QUEUE = "alert queue"


class Filters(NamedTuple):
    """What a viewer wants to see. No actions: any. ``mine``: the analyst's name whose alerts alone are shown, or empty."""

    statuses: tuple[str, ...] = STATUSES
    actions: tuple[str, ...] = ()
    key: str = ""
    mine: str = ""


class Since(NamedTuple):
    """What has come since the list was made: how many alerts would be new in it, and how many in it have changed."""

    new: int
    changed: int


class AlertQueue:
    """The newest alerts of one domain, newest first, of which each look reads only those that are new or have changed."""

    def __init__(self, statuses: Sequence[str] = STATUSES) -> None:
        self._statuses = statuses
        self._held: dict[tuple[str, int, int], Any] = {}

    def look(self, engine: Engine, domain: str) -> list[Any]:
        """The alerts as they are now. One that vanishes between two questions is left out."""
        newest = [tuple(row) for row in alert_queries.newest(engine, domain, self._statuses)]
        unknown = [place[0] for place in newest if place not in self._held]
        known = self._held | {_place(row): row for row in queries.alerts(engine, domain, unknown)}
        self._held = {place: known[place] for place in newest if place in known}
        return list(self._held.values())


def _place(row: Any) -> tuple[str, int, int]:
    return row.decision_id, row.decided_us, row.version


def listed(engine: Engine, domain: str, statuses: Sequence[str]) -> list[Any]:
    """The alerts as they were when the viewer last asked for them: with another domain or other statuses, or by ``renew``."""
    asked = (domain, tuple(statuses))
    held: tuple[Any, list[Any]] | None = st.session_state.get(_LISTED)
    if held is None or held[0] != asked:
        held = st.session_state[_LISTED] = (asked, _queue(*asked).look(engine, domain))
    return held[1]


def renew() -> None:
    """Let the list be made anew."""
    st.session_state.pop(_LISTED, None)


def put(row: Any) -> None:
    """Show one alert of the list as it is now, in its place."""
    if held := st.session_state.get(_LISTED):
        st.session_state[_LISTED] = (held[0], [row if row.decision_id == known.decision_id else known for known in held[1]])


def since(engine: Engine, domain: str, filters: Filters) -> Since:
    """What the list would have if it were made now."""
    before = {row.decision_id: row for row in matching(listed(engine, domain, filters.statuses), filters)}
    now = {row.decision_id: row for row in matching(_queue(domain, filters.statuses).look(engine, domain), filters)}
    oldest = min((row.decided_us for row in now.values()), default=0)
    # Not those that newer ones have pushed out, nor those that the viewer's own act has taken out.
    gone = sum(n not in now and r.decided_us >= oldest and r.status in filters.statuses for n, r in before.items())
    changed = sum(row.version != before[name].version for name, row in now.items() if name in before)
    return Since(len(now.keys() - before.keys()), changed + gone)


def matching(rows: Collection[Any], filters: Filters) -> list[Any]:
    """Those that the filters let through; of the statuses the list is made already."""
    actions, key, mine = filters.actions, filters.key, filters.mine
    fits = [row for row in rows if (not actions or row.action in actions) and row.key.startswith(key)]
    return [row for row in fits if row.status != "new" and row.analyst == mine] if mine else fits


def _queue(domain: str, statuses: Sequence[str]) -> AlertQueue:
    asked = (domain, tuple(statuses))
    held: tuple[Any, AlertQueue] | None = st.session_state.get(_QUEUE)
    if held is None or held[0] != asked:  # one at a time: thousands of rows for each that a viewer has looked at would add up
        held = st.session_state[_QUEUE] = (asked, AlertQueue(statuses))
    return held[1]
