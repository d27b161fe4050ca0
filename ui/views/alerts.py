"""The analysts' queue: a list that stands still, what has come since, and the open alert with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from domain.cards import masked
from domain.contract import Domain
from ui import alert_acts, alert_filters, alert_panel, alert_queries, alert_queue, alert_table, parts
from ui.alert_queue import Filters


def draw(engine: Engine, domain: Domain) -> None:
    if all(severity == "calm" for severity in domain.actions.values()):
        st.info(f"{domain.title} raises no alerts: nobody said at what score a person should look. The page *Now* has its newest scores.")
        return
    who = alert_acts.analyst()
    counts = alert_queries.counts(engine, domain.name)
    if not any(counts.values()):
        commands = (f"polyscore stream {domain.name}", parts.source(domain), "polyscore sink")
        parts.empty(f"no alert has been raised for {domain.events_name}.", *commands)
        parts.again()
        return
    filters = alert_filters.ask(domain, who)
    listed = alert_queue.listed(engine, domain.name, filters.statuses)
    rows = alert_queue.matching(listed, filters)
    parts.live(lambda fresh: _since(fresh, domain, filters))
    left, right = st.columns([8, 7], gap="medium")
    with left:
        if rows:
            alert_table.table(domain, rows, sum(counts[status] for status in filters.statuses))
        else:
            st.info(f"No alert matches the filter, of the newest {len(listed):,}.")
    with right:
        alert = _opened(engine, domain, rows)
        if alert is not None:
            alert_panel.show(engine, domain, alert, who)


def _since(engine: Engine, domain: Domain, filters: Filters) -> None:
    """The live part: how many there are, and what the list does not show yet. It changes only when that is pressed."""
    counts, since = alert_queries.counts(engine, domain.name), alert_queue.since(engine, domain.name, filters)
    parts.tiles({status: parts.counted(count) for status, count in counts.items()})
    said = [f"{since.new:,} new alert{'s' * (since.new > 1)}"] * bool(since.new) + [f"{since.changed:,} changed"] * bool(since.changed)
    # Always a button: one that came and went would push the list about under the hand.
    label = f"{', '.join(said)}, refresh" if said else "The list shows all there is"
    if st.button(label, key="refresh", icon=":material/refresh:", disabled=not said):
        alert_queue.renew()
        st.rerun()


def _opened(engine: Engine, domain: Domain, rows: Sequence[Any]) -> Any:
    """The alert whose id stands in the address, as it was when it was opened; where there is none, the first of the list from now on."""
    parts.forget_of_another(domain, alert_table.OPEN)
    if rows and not (st.session_state.get(alert_table.OPEN) or st.query_params.get(alert_table.OPEN)):
        st.session_state[alert_table.OPEN] = masked(rows[0].decision_id)
    wanted = st.text_input("The open alert's id", key=alert_table.OPEN, bind="query-params", width=420).strip()
    held = st.session_state.get(alert_acts.OPENED)
    if held is not None and (held.domain, masked(held.decision_id)) == (domain.name, masked(wanted)):
        return held
    alone = [row.decision_id for row in rows if masked(row.decision_id) == wanted]
    found = alert_queries.one(engine, domain.name, alone[0] if len(alone) == 1 else wanted)
    st.session_state[alert_acts.OPENED] = found
    if found is None and wanted:
        parts.empty(f"no alert {parts.plain(wanted)} is in the database.", "polyscore sink", by_itself=False)
    return found


parts.desk("Alerts", draw)
