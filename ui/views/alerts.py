"""The queue of alerts, and one of them in detail: why it was raised, and what its customer did before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import alert_table, decided, gone_over, parts, queries
from ui.alert_queue import AlertQueue, matching


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
    rows = alert_table.kept((domain.name, tuple(actions), key), matching(newest, actions, key))
    if not rows:
        st.info(f"No alert matches the filter, of the newest {len(newest):,}.")
        return
    left, right = st.columns([8, 7], gap="medium")
    with left:
        chosen = alert_table.table(domain, rows, queries.alert_count(engine, domain.name))
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


parts.page("Alerts", draw)
