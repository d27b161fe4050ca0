"""The parts of the page SLA: the objective and its budget, what was promised beside speed, the breaches, the day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from domain.contract import Domain
from domain.registry import DOMAINS
from ui import parts, sla_charts
from ui.budget import Breach, Budget
from ui.sla_queries import FAST

MOST_BREACHES = 100


def objective(domain: Domain, day: Budget, hour: Budget) -> None:
    """What must hold, what is left of the budget, and how fast it goes."""
    st.markdown(
        f":material/flag: **{100 * domain.on_time:.6g} %** of all {domain.events_name} are decided, for whoever reads the decisions, "
        f"within **{domain.deadline_ms:g} ms** of their source, over a day. The numbers stand in {_where(domain)}."
    )
    burn = "burn rate, last hour"
    bad = [name for name, wrong in (("budget left", (day.left or 0.0) < 0), (burn, (hour.spent or 0.0) > 1)) if wrong]
    parts.tiles({
        "on time, 24 h": percent(day.on_time),
        "late allowed": f"{day.allowed:,.0f}" if day.measured else "–",
        "late": f"{day.misses:,}",
        "budget left": percent(day.left),
        burn: "–" if hour.spent is None else f"{hour.spent:.2f}",
        "measured": f"{day.measured:,}",
    }, bad)  # fmt: skip
    st.caption("a burn rate of 1 spends the day's budget in a day, of 2 in half a day; what was replayed has no latency and does not count")


def _where(domain: Domain) -> str:
    """A table of one's own has no code of its own: its objective is that of all tables."""
    if domain.name in DOMAINS.own:
        return "`models/table_domain.py`: `deadline_ms`, and in `domain/contract.py`: `on_time`"
    return f"`domain/{domain.name}/__init__.py`: `on_time` and `deadline_ms`"


def percent(value: float | None) -> str:
    """A share as people read it, with the digits that an objective of many nines needs."""
    return "–" if value is None else f"{value:.3%}" if 0.99 < value < 1 else f"{value:.1%}"


def promises(domain: Domain, sums: Mapping[str, float]) -> None:
    """What else was promised, as the ledger counts it from the first decision on."""
    for promise in domain.promises:
        of = sums.get(promise.of, 0.0)
        if not of:
            st.caption(f"{promise.title}: nothing is known of it yet; `polyscore outcomes` tells")
            continue
        kept = sums.get(promise.kept, 0.0)
        mark = ":material/check_circle: kept" if kept >= promise.share * of else ":material/error: **missed**"
        st.markdown(f"{mark}: {promise.title}: **{kept / of:.1%}** of {of:,.0f} ({promise.of}); promised are {promise.share:.0%}")


def breaches(found: Sequence[Breach], day: Budget, cut: bool) -> None:
    """A line a breach, newest first."""
    st.markdown(
        f"**Breaches**, newest first: minutes that spent the budget {FAST:g} times as fast as it lasts, "
        "and stretches in which the scorer stood still"
    )
    if not found:
        spent = (day.left or 0.0) < 0
        st.caption("no minute was that fast: the budget went slowly" if spent else ":material/check_circle: none in this day")
        return
    st.dataframe(pd.DataFrame([_cells(breach) for breach in found[:MOST_BREACHES]]), hide_index=True, width="stretch")
    if cut or len(found) > MOST_BREACHES:
        st.caption(f"only the newest are shown, {MOST_BREACHES} breaches at most; the oldest of them may have begun earlier")


def _cells(breach: Breach) -> dict[str, str]:
    seconds = (breach.end_us - breach.start_us) / 1e6
    return {
        "since (UTC)": f"{parts.moment(breach.start_us):%d %b %H:%M:%S}",
        "for": f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min",
        "what": "stood still" if breach.stood_still else "too slow",
        "late": f"{breach.misses:,}",
        "worst p99": parts.milliseconds(breach.worst_p99_ms),
        "most waiting": f"{breach.most_waiting:,}",
        "model": ", ".join(breach.versions) or "none decided",
    }


def day(stretches: Sequence[Any], width_us: int, domain: Domain) -> None:
    """The day as charts."""
    columns = st.columns(2, gap="medium")
    if not any(s.measured for s in stretches):
        columns[0].caption(f"replayed {domain.events_name} carry no time of sending, so they have no latency")
        return
    drawn = {
        "Late, by ten minutes, against the objective": sla_charts.late(stretches, width_us, domain.on_time),
        "What was left of the day's budget": sla_charts.left(stretches, width_us, domain.on_time),
    }
    for column, (title, chart) in zip(columns, drawn.items(), strict=True):
        column.markdown(f"**{title}**")
        column.altair_chart(chart, width="stretch", alt=title)
