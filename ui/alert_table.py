"""The queue of alerts as a table that stands still while one of its rows is selected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from domain.cards import masked
from domain.contract import Domain
from ui import decided, gone_over, parts

_QUEUE = "alerts shown"


def kept(asked: tuple[object, ...], rows: Sequence[Any]) -> Sequence[Any]:
    """The rows shown: the newest, or, while one is selected, those among which it was."""
    before: tuple[object, Sequence[Any]] | None = st.session_state.get(_QUEUE)
    if before and before[0] == asked and _selected() is not None:
        return before[1]
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


def table(domain: Domain, rows: Sequence[Any], total: int) -> int | None:
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
