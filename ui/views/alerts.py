"""The queue of alerts, and one of them in detail: why it was raised, and what its customer did before."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.cards import masked
from domain.contract import Domain
from ui import charts, parts, queries
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
        _detail(engine, domain, rows[chosen] if chosen is not None else rows[0], chosen is not None)


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
    st.session_state["looked again"] = st.session_state.get("looked again", 0) + 1


def _table(domain: Domain, rows: Sequence[Any], total: int) -> int | None:
    """The queue as a table; returns the selected row's place."""
    parts.as_of(rows[0].decided_us)
    data = pd.DataFrame({
        "decided": [parts.moment(r.decided_us) for r in rows],
        "action": [r.action for r in rows],
        "score": [r.score for r in rows],
        **_context(domain, rows),
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
    if chosen is not None:
        right.button("Show the newest", on_click=_look_again, key=f"again {newest}", width="stretch")
    return chosen if chosen is not None and chosen < len(rows) else None


def _detail(engine: Engine, domain: Domain, alert: Any, selected: bool) -> None:
    found = queries.decision(engine, domain.name, alert.decision_id)
    st.caption("the selected alert" if selected else "the newest alert")
    colour = parts.colour(domain, alert.action)
    context = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in alert.context.items() if value is not None)
    st.html(
        f"<div style='font-size:1.25rem'><b style='color:{colour}'>{escape(alert.action)}</b> &nbsp;{escape(masked(alert.decision_id))} "
        f"<span style='opacity:.65'>of {domain.key_name} {escape(masked(alert.key))}</span></div>"
        f"<div style='opacity:.8'>{escape(masked(context))}</div>"
    )
    st.markdown("\n".join(f"{i}. {reason}" for i, reason in enumerate(alert.reasons, 1)) or "No feature pushed the score up.")
    if found is None:
        st.caption("its decision is not in the database yet")
        return
    _numbers(domain, found)
    recent = queries.recent_decisions(engine, found)
    st.markdown(f"**The {domain.key_name}'s last {len(recent)} {domain.events_name}**")
    chart = charts.history(recent, domain, alert.decision_id)
    st.altair_chart(chart, width="stretch", alt=f"the {domain.key_name}'s decisions over time")
    with st.expander("As a table, and every feature of this one"):
        st.dataframe(_recent(domain, recent), hide_index=True, height=220)
        features = {f.name: value for f, value in zip(domain.schema.features, found.features, strict=False)}
        st.dataframe(pd.DataFrame({"feature": list(features), "value": list(features.values())}), hide_index=True, height=260)


def _numbers(domain: Domain, found: Any) -> None:
    took = None if found.source_us is None else (found.decided_us - found.source_us) / 1000
    values = {
        "score": f"{found.score:.4f}",
        "threshold": f"{found.threshold:.4f}",
        "decided after": parts.milliseconds(took),
        "happened": f"{found.event_time:%d %b %H:%M}",
    }
    parts.tiles(values)
    st.caption(f"model {found.model_version} as {found.format}; the threshold is the score at which another action would have cost less")


def _recent(domain: Domain, rows: Sequence[Any]) -> pd.DataFrame:
    fixed = {"happened": [r.event_time for r in rows], "action": [r.action for r in rows], "score": [r.score for r in rows]}
    return pd.DataFrame({**fixed, **_context(domain, rows)})


def _context(domain: Domain, rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of what is looked at first."""
    return {name.replace("_", " "): [parts.shown(r.context.get(name)) for r in rows] for name in domain.shown}


parts.page("Alerts", draw)
