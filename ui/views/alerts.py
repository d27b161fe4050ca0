"""The queue of alerts, and one of them in detail: why it was raised, and what its customer did before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.cards import masked
from domain.contract import Domain
from ui import decided, gone_over, parts, queries
from ui.alert_queue import AlertQueue, matching

_QUEUE = "alerts shown"


def draw(engine: Engine, domain: Domain) -> None:
    newest = _newest(engine, domain)
    if not newest:
        parts.empty(
            f"no alert has been raised for {domain.events_name}.",
            f"polyscore stream {domain.name}",
            f"polyscore simulate {domain.name}",
            "polyscore sink",
        )
        return
    actions, key = _filters(domain, sorted({row.action for row in newest}))
    rows = _shown((domain.name, tuple(actions), key), matching(newest, actions, key))
    if not rows:
        st.info(f"No alert matches the filter, of the newest {len(newest):,}.")
        return
    left, right = st.columns([8, 7], gap="medium")
    with left:
        chosen = _table(domain, rows, queries.alert_count(engine, domain.name))
    with right:
        _open(engine, domain, rows, chosen)


def _open(engine: Engine, domain: Domain, rows: Sequence[Any], chosen: int | None) -> None:
    """The alert in detail: the selected one, or the one that was gone over, which stays while newer ones come; or the newest."""
    again = next((row for row in rows if row.decision_id == gone_over.held(domain)), None)
    if chosen is not None:
        alert, what = rows[chosen], "the selected alert"
    else:
        alert, what = (again, "the alert that was gone over") if again else (rows[0], "the newest alert")
    st.caption(what)
    decided.detail(engine, domain, alert)


def _newest(engine: Engine, domain: Domain) -> list[Any]:
    queues: dict[str, AlertQueue] = st.session_state.setdefault("alert queues", {})
    return queues.setdefault(domain.name, AlertQueue()).look(engine, domain.name)


def _filters(domain: Domain, known: list[str]) -> tuple[list[str], str]:
    left, right, _ = st.columns([2, 2, 3])
    actions = left.pills("Action", known, selection_mode="multi", key="action filter")
    key = right.text_input(f"{domain.key_name.capitalize()} begins with", key=f"{domain.key_name} filter")
    return list(actions), key.strip()


def _shown(asked: tuple[object, ...], rows: Sequence[Any]) -> Sequence[Any]:
    """The rows shown: the newest, or, while one is selected, those among which it was."""
    kept: tuple[object, Sequence[Any]] | None = st.session_state.get(_QUEUE)
    if kept and kept[0] == asked and _selected() is not None:
        return kept[1]
    st.session_state[_QUEUE] = (asked, rows)
    return rows


def _selected() -> int | None:
    """The selected row's place in the table."""
    state = st.session_state.get(_table_key())
    rows = state["selection"]["rows"] if state else []
    return rows[0] if rows else None


def _table_key() -> str:
    return f"alerts table {st.session_state.get('looked again', 0)}"


def _look_again() -> None:
    gone_over.let_go()
    st.session_state["looked again"] = st.session_state.get("looked again", 0) + 1


def _table(domain: Domain, rows: Sequence[Any], total: int) -> int | None:
    """The queue as a table; returns the selected row's place."""
    parts.as_of(rows[0].decided_us)
    data = pd.DataFrame({
        "decided": [parts.moment(r.decided_us) for r in rows],
        "action": [r.action for r in rows],
        "score": [r.score for r in rows],
        **decided.context(domain, rows),
        domain.key_name: [masked(r.key) for r in rows],
        "first reason": [r.reasons[0] if r.reasons else "" for r in rows],
    })  # fmt: skip
    config = {
        "decided": st.column_config.DatetimeColumn(format="HH:mm:ss", width=70),
        "action": st.column_config.TextColumn(width=60),
        "score": st.column_config.NumberColumn(format="%.3f", width=55),
        **{name.replace("_", " "): st.column_config.Column(width=75) for name in (*domain.shown, domain.key_name)},
        "first reason": st.column_config.TextColumn(width="large"),
    }
    st.dataframe(data, hide_index=True, height=560, key=_table_key(), on_select="rerun", selection_mode="single-row", column_config=config)
    chosen = _selected()
    newest = st.session_state[_QUEUE][1][0].decided_us
    left, right = st.columns([3, 1])
    left.caption(f"{len(rows):,} of {parts.counted(total)} alerts, newest first; select one to keep it")
    if chosen is not None or gone_over.held(domain):
        right.button("Show the newest", on_click=_look_again, key=f"again {newest}", width="stretch")
    return chosen if chosen is not None and chosen < len(rows) else None


parts.page("Alerts", draw)
