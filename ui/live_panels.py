"""The parts of the page Live: the numbers, what decisions were worth, and the frame of a chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from sqlalchemy import Engine

from apps.sla import merge
from domain.contract import Domain
from ui import charts, letter_queries, parts, queries
from ui.asking import shared
from ui.budget import Budget
from ui.sla_panels import percent


def since_history(windows: Sequence[Any]) -> Sequence[Any]:
    """The windows after the last that was mostly replayed history, if any is live: beside that flood it could not be seen."""
    last = max((i for i, w in enumerate(windows) if 2 * w.measured < w.decisions), default=-1)
    live = windows[last + 1 :]
    return live if any(w.measured for w in live) else windows


def tiles(engine: Engine, domain: Domain, totals: queries.Totals, recent: list[Any], *, of_now: bool) -> None:
    """The last seconds in numbers, where they are of now, and what the day has come to."""
    latency = merge(recent)
    seconds = (recent[-1].end_us - recent[0].start_us) / 1e6
    budget = Budget(domain.on_time, totals.measured, totals.misses)
    refused, of_late = _refused(engine, domain)
    alerts = shared(queries.alert_count, engine, domain.name, totals.end_us - queries.DAY_US)
    newest = {
        f"{domain.events_name} / s": f"{sum(w.decisions for w in recent) / seconds:,.0f}",
        "p50": parts.milliseconds(latency.p50_ms),
        "p95": parts.milliseconds(latency.p95_ms),
        "p99": parts.milliseconds(latency.p99_ms),
        "p99.9": parts.milliseconds(latency.p999_ms),
        "waiting": f"{max(w.lag for w in recent if w.end_us == totals.end_us):,}",
    }
    values = {
        **(newest if of_now else dict.fromkeys(newest, "–")),
        "over deadline, 24 h": "–" if budget.on_time is None else f"{1 - budget.on_time:.2%}",
        "error budget left": percent(budget.left),
        "dead letters / min": parts.counted(of_late),
        "dead letters, 24 h": parts.counted(refused),
        "alerts, 24 h": parts.counted(alerts),
        "decided, 24 h": f"{totals.decisions:,}",
    }
    slow = {"p99": latency.p99_ms, "p99.9": latency.p999_ms}
    bad = [name for name, ms in slow.items() if of_now and (ms or 0) > domain.deadline_ms]
    parts.tiles(values, bad=[*bad, *(["error budget left"] if (budget.left or 0) < 0 else [])])


def _refused(engine: Engine, domain: Domain) -> tuple[int, int]:
    """Dead letters in the day up to now, and in its last minute: by the clock, as nothing is measured where all is refused."""
    second_us = parts.now_us() // 1_000_000 * 1_000_000  # a whole one, so that viewers share the answer
    day, minute = second_us - queries.DAY_US, second_us - 60_000_000
    return shared(letter_queries.count, engine, domain.name, "", day), shared(letter_queries.count, engine, domain.name, "", minute)


def worth(engine: Engine, domain: Domain) -> None:
    """What the decisions were worth so far, as the ledger counts it."""
    sums, end_us = shared(queries.sums, engine, domain.name)
    known = {name: f"{sums[name]:,.0f}" for name in domain.worth if name in sums}
    if known:
        parts.tiles(known)
        at = parts.moment(end_us)
        st.caption(f"from the first decision on, by the labels that had come by {at:%H:%M:%S} UTC, {at:%d %B}")
    elif domain.worth:
        st.caption("what the decisions were worth is not known yet: `polyscore outcomes` tells")


def chart(title: str, chart: charts.Chart | None, instead: str = "nothing in the last minutes") -> None:
    """A chart under its title; where there is none, what is said instead."""
    st.markdown(f"**{title}**")
    if chart is None:
        st.caption(instead)
    else:
        st.altair_chart(chart, width="stretch", alt=title)
