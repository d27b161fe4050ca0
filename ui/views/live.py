"""What happens now: throughput, latency against the deadline, what was decided, what waits."""

from __future__ import annotations

import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import charts, live_panels, parts, queries
from ui.asking import shared

SHOWN_S = 900  # of the newest data
NOW_S = 10


def draw(engine: Engine, domain: Domain) -> None:
    totals = shared(queries.totals, engine, domain.name)
    if not totals.end_us:
        parts.empty("no decision has been measured.", "polyscore monitor", f"polyscore stream {domain.name}", parts.source(domain))
        return
    found = shared(queries.windows, engine, domain.name, totals.end_us - SHOWN_S * 1_000_000)
    recent = [w for w in found if w.end_us > totals.end_us - NOW_S * 1_000_000]
    shown = live_panels.since_history(found)
    used = sorted({f"model {w.model_version} as {w.format}" for w in recent if w.format})
    of_now = parts.measured_at(totals.end_us)
    live_panels.tiles(engine, domain, totals, recent, of_now=of_now)
    live_panels.worth(engine, domain)
    left, right = st.columns(2, gap="medium")
    with left:
        live_panels.chart("Throughput", charts.throughput(shown, domain.events_name))
        live_panels.chart("What was decided, the calm left out", charts.actions(shown, domain))
    with right:
        latency = f"Latency from source to reader, against the deadline of {domain.deadline_ms:g} ms"
        if any(w.measured for w in shown):
            live_panels.chart(latency, charts.latency(shown, domain.deadline_ms))
        else:
            live_panels.chart(latency, None, f"replayed {domain.events_name} carry no time of sending, so they have no latency")
        live_panels.chart("Consumer lag", charts.lag(shown, domain.events_name))
    if of_now:
        st.caption(f"scored by {' and '.join(used)}" if used else "no scorer decides at the moment")


parts.page("Live", draw)
