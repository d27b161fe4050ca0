"""The chart of a measure by day: a line a model version, what is settled apart from what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import pandas as pd

from ui import theme
from ui.charts import HEIGHT, Chart

_DASHED: Final = [4, 3]
_PARTS: Final = ("champion", "challenger", "")  # in the present line-up, in the legend's order
_COLOURS: Final = list(theme.MANY)


def quality(rows: Sequence[Any], standing: Any | None, measure: str) -> Chart:
    """``rows``: windows with a value."""
    data = pd.DataFrame({
        "day": pd.to_datetime([row.day for row in rows]),
        "value": [row.value for row in rows],
        "version": [named(row.model_version, standing) for row in rows],
        "labelled": [row.labelled for row in rows],
        "decisions": [row.decisions for row in rows],
        "settled": ["yes" if row.settled else "not yet" for row in rows],
    }).sort_values(["version", "day"])  # fmt: skip
    over, still = data[data["settled"] == "yes"], data[data["settled"] != "yes"]
    joined = pd.concat([over.groupby("version").tail(1), still])  # the dashes begin where the line ends
    order = sorted(data["version"].unique(), key=lambda name: (_PARTS.index(_part(name)), name))
    legend, scale = alt.Legend(title=None, orient="top", columns=1, labelLimit=400), alt.Scale(domain=order, range=_COLOURS)
    axes = {
        "x": alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", grid=False, labelOverlap=True)),
        "y": alt.Y("value:Q", title=measure.replace("_", " "), scale=alt.Scale(zero=False, padding=8)),
        "color": alt.Color("version:N", scale=scale, legend=legend),
    }
    shown = [
        alt.Tooltip("day:T", format="%d %b %Y"),
        alt.Tooltip("value:Q", format=".4f"),
        "version:N", "settled:N", alt.Tooltip("labelled:Q", format=","), alt.Tooltip("decisions:Q", format=","),
    ]  # fmt: skip
    return alt.layer(
        alt.Chart(over).mark_line(strokeWidth=1.8).encode(**axes),
        alt.Chart(joined).mark_line(strokeWidth=1.4, strokeDash=_DASHED).encode(**axes),
        alt.Chart(over).mark_point(filled=True, size=36, opacity=1).encode(**axes, tooltip=shown),
        alt.Chart(still).mark_point(filled=False, size=36, opacity=1).encode(**axes, tooltip=shown),
    ).properties(height=HEIGHT + 90)


def named(version: str, standing: Any | None) -> str:
    """A version with its part in the present line-up, if it has one."""
    if standing is None or version not in (standing.champion, *standing.challengers):
        return version
    return f"{version} ({_PARTS[0] if version == standing.champion else _PARTS[1]})"


def _part(name: str) -> str:
    return next((part for part in _PARTS if name.endswith(f"({part})")), "")
