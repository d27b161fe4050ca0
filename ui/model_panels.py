"""Panels of the page Models: who is at work, all versions, their quality day by day, and the loop's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from domain.contract import Domain
from ui import model_charts, parts
from ui.model_queries import Headline


def at_work(domain: Domain, standing: Any | None, newest: str) -> None:
    """The champion, since when, by whom and why; its challengers, and the share of the keys that the first decides for."""
    if standing is None:
        why = '--why "the first"'
        parts.empty("no version decides yet: none was promoted.", f"polyscore models promote {domain.name} {newest} {why}")
        return
    tiles = {
        "champion": standing.champion,
        "at work since": f"{parts.moment(standing.at_us):%d %b %Y %H:%M} UTC",
        "challengers": str(len(standing.challengers)),
    }
    if standing.challengers:
        tiles["the first challenger decides for"] = f"{standing.share:.1%} of the keys" if standing.share else "nobody, in shadow"
    parts.tiles(tiles)
    beside = f"; challenged by {parts.plain(', '.join(standing.challengers))}" if standing.challengers else ""
    st.caption(f"by {parts.plain(standing.by)}: {parts.plain(standing.why)}{beside}")


def versions(domain: Domain, found: Sequence[Any], standing: Any | None, headline: Headline) -> None:
    """One line a version, newest first, as `polyscore models list` has it."""
    data = pd.DataFrame([
        {
            "version": row.version,
            "stage": _stage(row, standing),
            "since": parts.moment(row.steps[-1]["at_us"]),
            headline.name.replace("_", " "): row.value,
            "by": parts.shown(row.steps[-1]["by"]),
            "why": parts.shown(row.steps[-1]["why"]),
            "comes from": row.parent or "",
        }
        for row in found
    ])  # fmt: skip
    config = {
        "since": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone="UTC"),
        headline.name.replace("_", " "): st.column_config.NumberColumn(format="%.4f", help="mean over the folds of its own report"),
        "why": st.column_config.TextColumn(width="large"),
    }
    st.markdown("**Versions**, newest first")
    st.dataframe(data, hide_index=True, column_config=config, height=min(38 + 35 * len(data), 260))
    st.caption(f"more of one: `polyscore models show {domain.name} VERSION`; times are UTC")


def _stage(row: Any, standing: Any | None) -> str:
    takes = standing is not None and standing.share > 0 and standing.challengers[:1] == [row.version]
    return f"{row.stage}, {standing.share:.1%}" if standing and takes else str(row.stage)


def quality(found: Sequence[Any], standing: Any | None, headline: Headline) -> None:
    """The headline measure by day of event time, a line a version, those in the shadow too."""
    better = "lower" if headline.lower_is_better else "higher"
    st.markdown(f"**{headline.name.replace('_', ' ')} by day**, by the labels that came; {better} is better")
    if not found:
        parts.empty("no day's decisions have been judged by labels.", "polyscore quality")
        return
    newest: date = found[0].day
    st.caption(f"data as of the day {newest:%d %B %Y} of event time")
    measured = [row for row in found if row.value is not None]
    if not measured:
        st.caption(f"too few labels to measure any of the {len({row.day for row in found}):,} days by; they come days after the decisions")
        return
    chart = model_charts.quality(measured, standing, headline.name)
    st.altair_chart(chart, width="stretch", alt=f"{headline.name} by day and model version")
    st.caption("filled: the labels' time is over; hollow and dashed: labels are still to come")


def history(domain: Domain, found: Sequence[Any]) -> None:
    """What happened to the domain's models, newest first."""
    st.markdown("**The loop's history**, newest first")
    if not found:
        parts.empty("nothing has happened to a model since it was announced.", f"polyscore retrain {domain.name}", "polyscore loop")
        return
    parts.as_of(found[0].at_us)
    data = pd.DataFrame([{"when": parts.moment(e.at_us), "what": e.what, "version": e.version, "text": parts.shown(e.text)} for e in found])
    config = {
        "when": st.column_config.DatetimeColumn(format="D MMM, HH:mm:ss", timezone="UTC"),
        "text": st.column_config.TextColumn(width="large"),
    }
    st.dataframe(data, hide_index=True, column_config=config, height=320)
