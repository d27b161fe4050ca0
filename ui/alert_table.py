"""The queue of alerts as a table that stands still; pressing an alert's id opens it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from domain.cards import masked
from domain.contract import Domain
from ui import alert_csv, decided, parts

OPEN = "alert"  # the widget, and the name in the address, of the open alert's id
_MARKS = {"new": "\u25cb new", "in review": "\u25d0", "closed": "\u25cf"}  # an empty, a half and a full circle


def table(domain: Domain, rows: Sequence[Any], total: int) -> None:
    """The list, how many of how many it has, and the way to take it along."""
    parts.as_of(max(row.decided_us for row in rows))
    shown(domain, rows, "alert pressed", {"first reason": [parts.shown(row.reasons[0] if row.reasons else "") for row in rows]}, height=520)
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(f"{len(rows):,} of {parts.counted(total)} alerts, newest first; press an alert's id to open it")
    name = f"{domain.name}-alerts.csv"
    right.download_button("CSV", partial(alert_csv.text, domain, rows), name, "text/csv", on_click="ignore", icon=":material/download:")


def shown(domain: Domain, rows: Sequence[Any], key: str, more: dict[str, list[Any]], height: int | None = None) -> None:
    """Alerts as a table whose first column opens them. Each cell there is the alert's own id: a place in a list would be a guess."""
    data = pd.DataFrame({
        "alert": [masked(row.decision_id) for row in rows],
        "decided": [parts.moment(row.decided_us) for row in rows],
        "action": [row.action for row in rows],
        "status": [in_short(row) for row in rows],
        "score": [row.score for row in rows],
        **decided.context(domain, rows),
        domain.key_name: [parts.shown(row.key) for row in rows],
        **more,
    })  # fmt: skip
    config: dict[str, Any] = {
        "alert": st.column_config.ButtonColumn(width=115, type="tertiary", alignment="left", on_click=press, args=(key,), key=key),
        "decided": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss", width=105),
        "action": st.column_config.TextColumn(width=60),
        "status": st.column_config.TextColumn(width=120),
        "score": st.column_config.NumberColumn(format="%.3f", width=55),
        **{name.replace("_", " "): st.column_config.Column(width=75) for name in (*domain.shown, domain.key_name)},
        **{name: st.column_config.TextColumn(width="large") for name in more},
    }
    st.dataframe(data, hide_index=True, height=height or "auto", column_config=config)


def press(key: str) -> None:
    """Open the alert whose id was pressed."""
    st.session_state[OPEN] = st.session_state[key].label


def in_short(row: Any) -> str:
    """An alert's status in a cell: a mark and who has it."""
    return _MARKS[row.status] if row.status == "new" else f"{_MARKS[row.status]} {row.verdict or row.status}: {row.analyst}"
