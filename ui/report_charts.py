"""The charts of a model's report. What is pooled over the folds has each fold behind it, so that the spread is seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from ui import theme
from ui.charts import HEIGHT, INK, OTHER, Chart

Points = Sequence[Sequence[float]]
Bins = Sequence[Mapping[str, float]]
Folds = Sequence[Mapping[str, Any]]
_LINES = {"each fold": theme.LATENCY["p50"], "all folds together": INK}
_LIMIT = theme.TROUBLE
_UNIT = alt.Scale(domain=[0, 1])
_ROOT = alt.Scale(type="sqrt")  # most bins of a calibration lie near zero
_DAY = "first test day"


def curve(pooled: Points, folds: Iterable[Points], x: str, y: str, *, diagonal: bool = False) -> Chart:
    """Points of a curve in the unit square, over all folds, and thin behind it of each."""
    axes = {"x": alt.X("x:Q", title=x, scale=_UNIT), "y": alt.Y("y:Q", title=y, scale=_UNIT)}
    shown = [alt.Tooltip("x:Q", format=".3f", title=x), alt.Tooltip("y:Q", format=".3f", title=y)]
    lines = _lines(pooled, folds, axes, shown)
    return alt.layer(*([_diagonal(1.0)] if diagonal else []), *lines).properties(height=HEIGHT + 140)


def calibration(pooled: Bins, folds: Iterable[Bins]) -> Chart:
    """Share of positives against the mean score, by bin, over all folds, and thin behind it of each."""
    points, behind = _bins(pooled), [_bins(bins) for bins in folds]
    percent = alt.Axis(format="~%", tickCount=5)
    axes = {
        "x": alt.X("x:Q", title="mean score of the bin", scale=_ROOT, axis=percent),
        "y": alt.Y("y:Q", title="share of positives in it", scale=_ROOT, axis=percent),
    }
    shown = [alt.Tooltip("x:Q", format=".4f", title="score"), alt.Tooltip("y:Q", format=".4f", title="positives")]
    end = max(max(point) for line in [points, *behind] for point in line)
    return alt.layer(_diagonal(end), *_lines(points, behind, axes, shown, dots=True)).properties(height=HEIGHT + 140)


def _bins(bins: Bins) -> Points:
    return [(b["score"], b["observed"]) for b in bins]


def _lines(pooled: Points, folds: Iterable[Points], axes: Mapping[str, Any], shown: Sequence[Any], *, dots: bool = False) -> list[Chart]:
    """The folds' lines, and the pooled one before them, named by one legend."""
    behind, before = _LINES
    legend = alt.Legend(title=None, orient="top", direction="vertical", symbolType="stroke", symbolStrokeWidth=3)
    colour = alt.Color("line:N", scale=alt.Scale(domain=list(_LINES), range=list(_LINES.values())), legend=legend)
    thin = pd.concat([_line(points, behind, number) for number, points in enumerate(folds)] or [_line([], behind, 0)])
    point = alt.OverlayMarkDef(color=INK, size=30) if dots else False
    return [
        alt.Chart(thin).mark_line(strokeWidth=1).encode(**axes, color=colour, detail="fold:N", order="order:Q"),
        alt.Chart(_line(pooled, before, -1))
        .mark_line(strokeWidth=2.2, point=point)
        .encode(**axes, color=colour, order="order:Q", tooltip=shown),
    ]


def _line(points: Points, name: str, fold: int) -> pd.DataFrame:
    return pd.DataFrame(points, columns=["x", "y"]).assign(line=name, fold=fold, order=range(len(points)))


def _diagonal(end: float) -> Chart:
    ends = pd.DataFrame({"x": [0.0, end], "y": [0.0, end]})
    return alt.Chart(ends).mark_line(color=OTHER, strokeDash=[4, 4], strokeWidth=1).encode(x="x:Q", y="y:Q")


def by_fold(folds: Folds, metric: str, mean: float) -> Chart:
    """A metric of each fold as a point, and the mean as a line; the scale is the metric's own, not from zero."""
    data = pd.DataFrame([{"fold": f.get("first_test_day", n), "value": f["metrics"].get(metric)} for n, f in enumerate(folds, 1)])
    title = _DAY if "first_test_day" in folds[0] else "fold"
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(tickCount=5))
    points = alt.Chart(data).mark_circle(color=INK, size=70, opacity=1).encode(
        x=alt.X("fold:O", title=title, axis=alt.Axis(labelAngle=0, grid=False)),
        y=y,
        tooltip=[alt.Tooltip("fold:O", title=title), alt.Tooltip("value:Q", format=".4f")],
    )  # fmt: skip
    rule = alt.Chart(pd.DataFrame({"value": [mean]})).mark_rule(color=_LIMIT, strokeDash=[5, 4], strokeWidth=1.5).encode(y=y)
    return alt.layer(rule, points).properties(height=HEIGHT)


def card_precision(folds: Folds) -> Chart:
    """Card precision@100 by fold, with the ceiling that no model can pass."""
    names = {"precision": "card_precision_at_100", "ceiling": "card_precision_ceiling"}
    data = pd.DataFrame([{"fold": f["first_test_day"], **{k: f["metrics"][name] for k, name in names.items()}} for f in folds])
    x = alt.X("fold:O", title=_DAY, axis=alt.Axis(labelAngle=0))
    base = alt.Chart(data).encode(x=x, tooltip=["fold:O", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in names)])
    bars = base.mark_bar(color=INK, size=34).encode(y=alt.Y("precision:Q", title="card precision@100"))
    label = {"y": alt.Y("precision:Q"), "text": alt.Text("precision:Q", format=".2f")}
    within = base.transform_filter("datum.precision >= datum.ceiling / 5").mark_text(color="white", baseline="top", dy=6).encode(**label)
    above = base.transform_filter("datum.precision < datum.ceiling / 5").mark_text(color=INK, baseline="bottom", dy=-4).encode(**label)
    ticks = base.mark_tick(color=_LIMIT, thickness=2.5, size=44).encode(y="ceiling:Q")
    ceilings = base.mark_text(color=theme.text("act"), baseline="bottom", dy=-4).encode(
        y="ceiling:Q", text=alt.Text("ceiling:Q", format=".2f")
    )
    return alt.layer(bars, within, above, ticks, ceilings).properties(height=HEIGHT + 130)


def importance(shares: Mapping[str, float], most: int = 14) -> Chart:
    """What the model looks at: shares of the gain."""
    data = pd.DataFrame([{"feature": name.replace("_", " "), "gain": share} for name, share in list(shares.items())[:most]])
    return alt.Chart(data).mark_bar(color=INK).encode(
        x=alt.X("gain:Q", title="share of the gain", axis=alt.Axis(format="%")),
        y=alt.Y("feature:N", sort="-x", title=None, axis=alt.Axis(labelLimit=220, labelOverlap=False)),
        tooltip=["feature:N", alt.Tooltip("gain:Q", format=".1%")],
    ).properties(height=HEIGHT + 130)  # fmt: skip
