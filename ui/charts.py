"""The charts of what runs. Each takes plain rows and returns an Altair chart with its units on its axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from apps.sla import merge
from domain.cards import masked
from domain.contract import Domain
from ui import theme
from ui.parts import colour, drawn
from ui.theme import LATENCY, TROUBLE

if TYPE_CHECKING:
    from models.explanation import Part  # with LightGBM and all formats, which charts do without

Chart = Any  # Altair types its builders as unions that it does not narrow itself
HEIGHT = 210
INK, OTHER = theme.INK, theme.QUIET
UTC: dict[str, Any] = {"titleAnchor": "end", "titleFontSize": 10, "titlePadding": 2}  # how an axis of time says so
_TIME = alt.X("time:T", title="UTC", axis=alt.Axis(format="%H:%M:%S", grid=False, labelOverlap=True, **UTC))


def _series(windows: Iterable[Any]) -> pd.DataFrame:
    """One row a time; the windows of several models are one."""
    found = []
    for end_us, group in groupby(sorted(windows, key=lambda w: w.end_us), key=lambda w: w.end_us):
        of_time = list(group)
        seen: Any = of_time[0] if len(of_time) == 1 else merge(of_time)
        numbers = {"throughput": sum(w.throughput for w in of_time), "lag": max(w.lag for w in of_time)}
        latency = {"p50": seen.p50_ms, "p95": seen.p95_ms, "p99": seen.p99_ms, "p99.9": seen.p999_ms}
        found.append({"time": drawn(end_us), **numbers, **latency})
    return pd.DataFrame(found)


def throughput(windows: Sequence[Any], noun: str) -> Chart:
    """Decisions a second."""
    return _area(_series(windows), "throughput", f"{noun} / s", INK)


def lag(windows: Sequence[Any], noun: str) -> Chart:
    """What waits to be scored."""
    return _area(_series(windows), "lag", f"{noun} waiting", OTHER)


def _area(data: pd.DataFrame, name: str, title: str, colour: str) -> Chart:
    mark = alt.Chart(data).mark_area(line={"color": colour, "strokeWidth": 1.5}, color=colour, opacity=0.2, interpolate="monotone")
    shown = [alt.Tooltip("time:T", format="%H:%M:%S"), alt.Tooltip(f"{name}:Q", format=",.0f")]
    return mark.encode(x=_TIME, y=alt.Y(f"{name}:Q", title=title), tooltip=shown).properties(height=HEIGHT)


def latency(windows: Sequence[Any], deadline_ms: float) -> Chart:
    """Percentiles from the source to a reader, on a logarithmic scale, against the deadline."""
    data = _series(windows).melt("time", list(LATENCY), "percentile", "ms").dropna()
    colour = alt.Color(
        "percentile:N", scale=alt.Scale(domain=list(LATENCY), range=list(LATENCY.values())), legend=alt.Legend(title=None, orient="top")
    )
    shown = [alt.Tooltip("time:T", format="%H:%M:%S"), "percentile:N", alt.Tooltip("ms:Q", format=",.1f")]
    top = max(2.0 * deadline_ms, float(data["ms"].max()))  # the deadline's name stands above the lines
    scale = alt.Scale(type="log", nice=False, domain=[1, top])
    y = alt.Y("ms:Q", title="milliseconds", scale=scale, axis=alt.Axis(values=[1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]))
    lines = alt.Chart(data).mark_line(strokeWidth=1.8, interpolate="monotone").encode(x=_TIME, y=y, color=colour, tooltip=shown)
    limit = pd.DataFrame([{"ms": deadline_ms, "text": f"deadline {deadline_ms:g} ms"}])
    rule = alt.Chart(limit).mark_rule(color=TROUBLE, strokeDash=[5, 4]).encode(y="ms:Q")
    text = alt.Chart(limit).mark_text(align="left", dx=4, dy=-7, color=theme.text("act")).encode(y="ms:Q", text="text:N", x=alt.value(0))
    return alt.layer(lines, rule, text).properties(height=HEIGHT)


def actions(windows: Sequence[Any], domain: Domain, bins: int = 60) -> Chart | None:
    """What was decided but the calm, by action and stretch of time; None where there is none."""
    rows = [(w.end_us, name, count) for w in windows for name, count in w.actions.items() if domain.actions.get(name) != "calm"]
    if not rows:
        return None
    data = pd.DataFrame(rows, columns=["time", "action", "count"])
    width = max((windows[-1].end_us - windows[0].end_us) // bins, 2_000_000)
    data["time"] = (data["time"] // width * width).map(drawn)
    data = pd.DataFrame(data.groupby(["time", "action"], as_index=False)["count"].sum())
    shown = [alt.Tooltip("time:T", format="%H:%M:%S"), "action:N", alt.Tooltip("count:Q", format=",")]
    return alt.Chart(data).mark_bar(size=6).encode(
        x=_TIME, y=alt.Y("count:Q", title="decisions"), color=action_colour(domain, data["action"].unique()), tooltip=shown
    ).properties(height=HEIGHT)  # fmt: skip


def action_colour(domain: Domain, found: Iterable[str]) -> alt.Color:
    """Each action in its severity's colour, in the domain's order."""
    known = [*(name for name in domain.actions if name in set(found)), *sorted(set(found) - set(domain.actions))]
    colours = [colour(domain, name) for name in known]
    return alt.Color("action:N", scale=alt.Scale(domain=known, range=colours), legend=alt.Legend(title=None, orient="top"))


def history(rows: Sequence[Any], domain: Domain, marked: str) -> Chart:
    """A key's decisions over time by what is looked at first (its score, where that is no number), the marked one larger."""
    numeric = any(isinstance(r.context.get(domain.shown[0]), int | float) for r in rows)
    name = domain.shown[0] if numeric else "score"
    values = [r.context.get(name) if numeric else r.score for r in rows]
    data = pd.DataFrame({"time": [r.event_time.replace(tzinfo=None) for r in rows], "value": values, "action": [r.action for r in rows]})
    data["size"] = [260 if r.decision_id == marked else 70 for r in rows]
    shown = [alt.Tooltip("time:T", format="%d %b %H:%M"), alt.Tooltip("value:Q", format=",.2f"), "action:N"]
    return alt.Chart(data).mark_circle(opacity=0.9).encode(
        x=alt.X("time:T", title="UTC", axis=alt.Axis(format="%d %b", grid=False, **UTC)),
        y=alt.Y("value:Q", title=name.replace("_", " ")),
        color=action_colour(domain, data["action"].unique()),
        size=alt.Size("size:Q", legend=None, scale=None),
        tooltip=shown,
    ).properties(height=HEIGHT)  # fmt: skip


def pushes(parts: Sequence[Part]) -> Chart:
    """What features added to a raw score: up to the right, down to the left, each named with its value."""
    names = [f"{part.feature.replace('_', ' ')} = {_value(part.value)}" for part in parts]
    data = pd.DataFrame({"feature": names, "push": [part.push for part in parts]})
    colour = alt.condition("datum.push > 0", alt.value(INK), alt.value(OTHER))
    y = alt.Y("feature:N", sort=names, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False))
    base = alt.Chart(data).encode(x=alt.X("push:Q", title="added to the raw score", scale=alt.Scale(padding=40)), y=y)
    bars = base.mark_bar().encode(color=colour, tooltip=["feature:N", alt.Tooltip("push:Q", format="+.4f")])
    above = base.transform_filter("datum.push >= 0").mark_text(align="left", dx=4, color=theme.text(None))
    below = base.transform_filter("datum.push < 0").mark_text(align="right", dx=-4, color=theme.text(None))
    text = alt.Text("push:Q", format="+.3f")
    return alt.layer(bars, above.encode(text=text), below.encode(text=text)).properties(height=alt.Step(26))


def _value(value: float | str | None) -> str:
    return "missing" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(masked(value))
