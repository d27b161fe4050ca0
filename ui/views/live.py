"""What happens now: throughput, latency against the deadline, what was decided, what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from apps.sla import merge
from domain.contract import Domain
from ui import charts, parts, queries

SHOWN_S = 900  # of the newest data
NOW_S = 10


def draw(engine: Engine, domain: Domain) -> None:
    totals = queries.totals(engine, domain.name)
    if not totals.end_us:
        parts.empty(
            "no decision has been measured.", "polyscore monitor", f"polyscore stream {domain.name}", f"polyscore simulate {domain.name}"
        )
        return
    found = queries.windows(engine, domain.name, totals.end_us - SHOWN_S * 1_000_000)
    recent = [w for w in found if w.end_us > totals.end_us - NOW_S * 1_000_000]
    shown = _since_history(found)
    used = sorted({f"model {w.model_version} as {w.format}" for w in recent if w.format})
    parts.as_of(totals.end_us)
    _tiles(engine, domain, totals, recent)
    _worth(queries.sums(engine, domain.name), domain)
    left, right = st.columns(2, gap="medium")
    with left:
        _chart("Throughput", charts.throughput(shown, domain.events_name))
        _chart("What was decided, the calm left out", charts.actions(shown, domain))
    with right:
        latency = f"Latency from source to reader, against the deadline of {domain.deadline_ms:g} ms"
        if any(w.measured for w in shown):
            _chart(latency, charts.latency(shown, domain.deadline_ms))
        else:
            _chart(latency, None, f"replayed {domain.events_name} carry no time of sending, so they have no latency")
        _chart("Consumer lag", charts.lag(shown, domain.events_name))
    st.caption(f"scored by {' and '.join(used)}" if used else "no scorer decides at the moment")


def _since_history(windows: Sequence[Any]) -> Sequence[Any]:
    """The windows after the last that was mostly replayed history, if any is live: beside that flood it could not be seen."""
    last = max((i for i, w in enumerate(windows) if 2 * w.measured < w.decisions), default=-1)
    live = windows[last + 1 :]
    return live if any(w.measured for w in live) else windows


def _tiles(engine: Engine, domain: Domain, totals: queries.Totals, recent: list[Any]) -> None:
    latency = merge(recent)
    seconds = (recent[-1].end_us - recent[0].start_us) / 1e6
    late = f"{totals.misses / totals.measured:.2%}" if totals.measured else "–"
    alerts = queries.alert_count(engine, domain.name, totals.end_us - queries.DAY_US)
    values = {
        f"{domain.events_name} / s": f"{sum(w.decisions for w in recent) / seconds:,.0f}",
        "p50": parts.milliseconds(latency.p50_ms),
        "p99": parts.milliseconds(latency.p99_ms),
        "waiting": f"{max(w.lag for w in recent if w.end_us == totals.end_us):,}",
        "over deadline, 24 h": late,
        "alerts, 24 h": parts.counted(alerts),
        "decided, 24 h": f"{totals.decisions:,}",
    }
    parts.tiles(values, bad=["p99"] if (latency.p99_ms or 0) > domain.deadline_ms else [])


def _worth(sums: Mapping[str, float], domain: Domain) -> None:
    """What the decisions were worth so far, as the ledger counts it."""
    known = [name for name in domain.worth if name in sums]
    if known:
        parts.tiles({name: f"{sums[name]:,.0f}" for name in known})


def _chart(title: str, chart: charts.Chart | None, instead: str = "nothing in the last minutes") -> None:
    st.markdown(f"**{title}**")
    if chart is None:
        st.caption(instead)
    else:
        st.altair_chart(chart, width="stretch", alt=title)


parts.page("Live", draw)
