"""The charts of the comparison of formats. Each takes the comparison's rows and returns an Altair chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd

from ui import theme
from ui.charts import INK, OTHER, Chart
from ui.comparison import by_ratio
from ui.theme import CALM, TROUBLE, WATCH

Rows = Sequence[dict[str, Any]]
_STEP: Final = 26
_LEGEND: Final = alt.Legend(title=None, orient="top", columns=3)  # a phone has no room for more beside each other
_KINDS: Final = {"format": INK, "kernel": CALM, "yardstick": TROUBLE, "library": WATCH, "engine": OTHER}


def _subject(rows: Rows) -> alt.Y:
    order = [row["subject"] for row in rows]
    return alt.Y("subject:N", sort=order, title=None, axis=alt.Axis(labelLimit=200, labelOverlap=False))


def ratio(rows: list[dict[str, Any]], measure: str, yardstick: str) -> Chart | None:
    """How many times what the yardstick takes, on a logarithmic scale; None where nothing was timed."""
    found = by_ratio(rows, measure)
    if not found:
        return None
    data = pd.DataFrame(found)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())), legend=_LEGEND)
    shown = [alt.Tooltip("subject:N"), alt.Tooltip("ratio:Q", format=",.2f"), alt.Tooltip("us:Q", format=",.2f", title="µs a row, p50")]
    scale_x, axis = alt.Scale(type="log", nice=False, padding=40), alt.Axis(grid=False, tickCount=5, format="~g")
    x = alt.X("ratio:Q", title=f"times the {yardstick}'s", scale=scale_x, axis=axis)
    base = alt.Chart(data).encode(x=x, y=_subject(found))
    dots = base.mark_circle(size=110, opacity=1).encode(color=colour, tooltip=shown)
    text = base.mark_text(align="left", dx=9, color=theme.text(None)).encode(text=alt.Text("ratio:Q", format=",.3~r"))
    rule = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=OTHER, strokeDash=[4, 4]).encode(x="ratio:Q")
    return alt.layer(rule, dots, text).properties(height=alt.Step(_STEP))


def loading(rows: Rows) -> Chart | None:
    """Seconds of a cold process until its first score, the reading alone within it as a tick."""
    found = [
        {"subject": row["subject"], "cold": cold["process_s"], "reading": cold["reading_s"]}
        for row in rows
        if row["figures"] and (cold := row["figures"]["cold"])
    ]
    if not found:
        return None
    data = pd.DataFrame(found)
    seconds = {"cold": "cold process, s", "reading": "the reading alone, s"}
    shown = [alt.Tooltip("subject:N"), *(alt.Tooltip(f"{name}:Q", format=".3f", title=title) for name, title in seconds.items())]
    base = alt.Chart(data).encode(y=_subject(found), tooltip=shown)
    bars = base.mark_bar(color=INK, opacity=0.55).encode(x=alt.X("cold:Q", title="seconds: cold process (bar), reading alone (mark)"))
    ticks = base.transform_filter("isValid(datum.reading)").mark_tick(color=TROUBLE, thickness=2.5).encode(x="reading:Q")
    return alt.layer(bars, ticks).properties(height=alt.Step(_STEP))


def stream(rows: Rows) -> Chart:
    """Payments per second of a core through the whole stream."""
    data = pd.DataFrame(rows)
    colour = alt.Color("guarantee:N", scale=alt.Scale(range=[INK, OTHER]), legend=_LEGEND)
    shown = [
        alt.Tooltip("format:N"),
        alt.Tooltip("guarantee:N"),
        alt.Tooltip("per_core:Q", format=",.0f"),
        alt.Tooltip("per_second:Q", format=",.0f"),
    ]
    return alt.Chart(data).mark_bar().encode(
        x=alt.X("per_core:Q", title="payments per second of a core"),
        y=alt.Y("format:N", sort=list(dict.fromkeys(data["format"])), title=None),
        yOffset="guarantee:N",
        color=colour,
        tooltip=shown,
    ).properties(height=alt.Step(_STEP / 2))  # fmt: skip
