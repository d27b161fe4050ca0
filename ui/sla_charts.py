"""The charts of the page SLA."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import altair as alt
import pandas as pd

from ui import theme
from ui.charts import HEIGHT, UTC, Chart
from ui.parts import drawn

_TIME = alt.X("time:T", title="UTC", axis=alt.Axis(format="%H:%M", grid=False, labelOverlap=True, **UTC))


def late(stretches: Sequence[Any], width_us: int, share: float) -> Chart:
    """The share that was late in each stretch of time, against what the objective allows."""
    found = [
        {"time": drawn(s.number * width_us), "late": s.misses / s.measured, "misses": s.misses, "measured": s.measured}
        for s in stretches
        if s.measured
    ]
    shown = [alt.Tooltip("time:T", format="%H:%M"), alt.Tooltip("late:Q", format=".3%"), "misses:Q", alt.Tooltip("measured:Q", format=",")]
    y = alt.Y("late:Q", title="over the deadline", axis=alt.Axis(format="~%"))
    bars = alt.Chart(pd.DataFrame(found)).mark_bar(size=5, color=theme.INK).encode(x=_TIME, y=y, tooltip=shown)
    return alt.layer(bars, *_line(1.0 - share, "late", f"the objective allows {1.0 - share:.2%}")).properties(height=HEIGHT)


def left(stretches: Sequence[Any], width_us: int, share: float) -> Chart:
    """What was left of the day's error budget at the end of each stretch of time."""
    allowed = (1.0 - share) * sum(s.measured for s in stretches)
    ends = [drawn((s.number + 1) * width_us) for s in stretches]
    found = pd.DataFrame({"time": ends, "left": [1.0 - total / allowed for total in accumulate(s.misses for s in stretches)]})
    shown = [alt.Tooltip("time:T", format="%H:%M"), alt.Tooltip("left:Q", format=".1%")]
    y = alt.Y("left:Q", title="of the budget left", axis=alt.Axis(format="~%"))
    line = (
        alt.Chart(found)
        .mark_line(color=theme.INK, strokeWidth=1.8, interpolate="step-after", point=alt.OverlayMarkDef(color=theme.INK))
        .encode(x=_TIME, y=y, tooltip=shown)
    )
    return alt.layer(line, *_line(0.0, "left", "nothing is left")).properties(height=HEIGHT)


def _line(value: float, name: str, words: str) -> tuple[Chart, Chart]:
    limit = pd.DataFrame([{name: value, "text": words}])
    rule = alt.Chart(limit).mark_rule(color=theme.TROUBLE, strokeDash=[5, 4]).encode(y=f"{name}:Q")
    text = (
        alt.Chart(limit).mark_text(align="left", dx=4, dy=-7, color=theme.text("act")).encode(y=f"{name}:Q", text="text:N", x=alt.value(0))
    )
    return rule, text
