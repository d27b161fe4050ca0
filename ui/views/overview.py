"""All domains at a glance: what their decisions were worth, whether the scorers keep up, and who decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from apps.sla import merge
from domain.contract import Domain
from domain.registry import DOMAINS
from ui import live_panels, model_queries, parts, queries
from ui.asking import shared

NOW_S = 10  # of the newest data, as on the page Live


def draw(engine: Engine) -> None:
    for domain in DOMAINS.values():
        with st.container(border=True):
            st.markdown(f"**{domain.title}**")
            totals = shared(queries.totals, engine, domain.name)
            if totals.end_us:
                _domain(engine, domain, totals)
            else:
                _empty(domain)


def _empty(domain: Domain) -> None:
    """In one line: who runs one domain of three looks at this all day."""
    commands = (f"polyscore stream {domain.name}", parts.source(domain), "polyscore monitor", "polyscore sink")
    filling = ", ".join(f"`{command}`" for command in commands)
    st.caption(f"Nothing to show yet: no decision on {domain.events_name} has been measured. This fills it: {filling}")


def _domain(engine: Engine, domain: Domain, totals: queries.Totals) -> None:
    of_now = parts.measured_at(totals.end_us)
    live_panels.worth(engine, domain)
    _health(engine, domain, totals, shared(queries.windows, engine, domain.name, totals.end_us - NOW_S * 1_000_000), of_now=of_now)


def _health(engine: Engine, domain: Domain, totals: queries.Totals, recent: Sequence[Any], *, of_now: bool) -> None:
    p99 = merge(recent).p99_ms if of_now else None
    seconds = (recent[-1].end_us - recent[0].start_us) / 1e6
    late = totals.misses / totals.measured if totals.measured else None
    standing = model_queries.standing(engine, domain.name)
    slow = "p99, deadline " + parts.milliseconds(domain.deadline_ms)
    parts.tiles({
        f"{domain.events_name} / s": f"{sum(w.decisions for w in recent) / seconds:,.0f}" if of_now else "–",
        slow: parts.milliseconds(p99),
        "over deadline, 24 h": "–" if late is None else f"{late:.2%}",
        "waiting": f"{max(w.lag for w in recent if w.end_us == totals.end_us):,}" if of_now else "–",
        "new alerts": parts.counted(shared(queries.new_alerts, engine, domain.name)),
        "champion": standing.champion if standing else "none",
    }, bad=[slow] if (p99 or 0) > domain.deadline_ms else [])  # fmt: skip
    if (p99 or 0) > domain.deadline_ms:
        st.caption(":material/warning: slower than the deadline")
    alarm = model_queries.alarm(engine, domain.name, standing.champion) if standing else None
    if alarm is not None and alarm.what == "drift":
        st.caption(f":material/warning: {parts.plain(alarm.text)}")
    links = {"live": "Live", "alerts": "Alerts", "models": "Models"}
    for column, (page, label) in zip(st.columns([1] * len(links) + [5]), links.items(), strict=False):
        column.page_link(f"views/{page}.py", label=label, query_params={"domain": domain.title})


parts.over_all("Overview", draw)
