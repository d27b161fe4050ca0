"""The report's plots as PNG files. What is pooled over the folds has each fold behind it, so that the spread is seen.

The colours are of Okabe and Ito's palette, told apart by the colour-blind; shapes and line styles tell the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

Report = Mapping[str, Any]
Points = Sequence[Sequence[float]]
_POOLED, _FOLD, _LIMIT, _GUIDE = "#0072b2", "#56b4e9", "#d55e00", "#707070"
_DAY = "first day of the test window"
_ROOT = (lambda value: np.sqrt(np.abs(value)), np.square)  # most bins lie near zero


def draw(report: Report, folder: Path) -> list[Path]:
    """Write every plot that the report has the numbers for; returns the files."""
    written = []
    with rc_context({"text.parse_math": False}):  # names of features and classes may hold what would be taken for formulas
        for name, figure in figures(report).items():
            figure.savefig(folder / name, dpi=120)
            written.append(folder / name)
    return written


def figures(report: Report) -> dict[str, Figure]:
    """Each plot by the name of its file."""
    found = {"importance.png": _importance(report["importance"])}
    if "curves" in report:
        found["precision_recall.png"] = _curve(report, "precision_recall", "recall", "precision")
        found["roc.png"] = _curve(report, "roc", "false positive rate", "true positive rate", diagonal=True)
        found["calibration.png"] = _calibration(report)
    if "card_precision_at_100" in report["metrics"]:
        found["card_precision.png"] = _card_precision(report["folds"])
    if report.get("shown"):
        found["metrics_by_fold.png"] = _by_fold(report)
    return found


def _figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    figure = _empty(5, 4)
    return figure, _dress(figure.add_subplot(), x_label, y_label)


def _empty(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _dress(axes: Any, x_label: str, y_label: str) -> Any:
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    return axes


def _curve(report: Report, name: str, x_label: str, y_label: str, *, diagonal: bool = False) -> Figure:
    figure, axes = _figure(x_label, y_label)
    if diagonal:
        axes.plot([0, 1], [0, 1], color=_GUIDE, linestyle=":", linewidth=1, label="by chance")
    _behind(axes, [fold["curves"][name] for fold in report["folds"]])
    axes.plot(*zip(*report["curves"][name], strict=True), color=_POOLED, linewidth=2, label="all folds together")
    axes.legend(frameon=False, fontsize="small")
    return figure


def _behind(axes: Any, lines: Sequence[Points]) -> None:
    """A thin line for each fold, named once."""
    for number, points in enumerate(lines):
        axes.plot(*zip(*points, strict=True), color=_FOLD, linewidth=0.9, alpha=0.9, label="each fold" if number == 0 else None)


def _calibration(report: Report) -> Figure:
    figure, axes = _figure("mean score of the bin", f"share of {report.get('positive', 'positives')} in the bin")
    pooled, folds = _bins(report["calibration"]), [_bins(fold["calibration"]) for fold in report["folds"]]
    top = max(max(point) for points in [pooled, *folds] for point in points)
    for scale, limit, axis in ((axes.set_xscale, axes.set_xlim, axes.xaxis), (axes.set_yscale, axes.set_ylim, axes.yaxis)):
        scale("function", functions=_ROOT)
        limit(0, top * 1.05)  # matplotlib's own margin would end above the bins near zero, as the root has no numbers below it
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1))
    axes.plot([0, top], [0, top], color=_GUIDE, linestyle=":", linewidth=1, label="perfect")
    _behind(axes, folds)
    axes.plot(*zip(*pooled, strict=True), "o-", color=_POOLED, linewidth=2, markersize=4, clip_on=False, label="all folds together")
    axes.legend(frameon=False, fontsize="small")
    return figure


def _bins(bins: Sequence[Mapping[str, float]]) -> Points:
    return [(b["score"], b["observed"]) for b in bins]


def _card_precision(folds: Sequence[Mapping[str, Any]]) -> Figure:
    figure, axes = _figure(_DAY, "card precision@100")
    found, ceilings = ([fold["metrics"][name] for fold in folds] for name in ("card_precision_at_100", "card_precision_ceiling"))
    places = range(len(folds))
    axes.bar(places, found, width=0.6, color=_POOLED, label="found among the 100 cards checked a day")
    left, right = ([place + side for place in places] for side in (-0.4, 0.4))
    axes.hlines(ceilings, left, right, color=_LIMIT, linewidth=2.5, label="ceiling: all that could be found")
    for place, low, high in zip(places, found, ceilings, strict=True):
        _number(axes, place, 0, low)
        _number(axes, place, high, high)
    axes.set_xticks(places, [str(fold["first_test_day"]) for fold in folds])
    axes.set_ylim(0, max(*ceilings, *found) * 1.3)  # room for the legend
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    return figure


def _number(axes: Any, x: float, y: float, value: float) -> None:
    """The value in figures just above (x, y), readable on a bar too."""
    plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
    axes.annotate(f"{value:.2f}", (x, y), (0, 5), textcoords="offset points", ha="center", va="bottom", fontsize="small", bbox=plate)


def _by_fold(report: Report) -> Figure:
    """A panel a metric, each on a scale of its own: every fold's value, and their mean."""
    shown, folds = report["shown"], report["folds"]
    figure, label = _empty(11, 3.6), _DAY if "first_test_day" in folds[0] else "fold"
    days = [fold.get("first_test_day", number) for number, fold in enumerate(folds, 1)]
    for axes, (name, title) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        spread = report["metrics"][name]
        _dress(axes, label, "").set_title(f"{title}\nmean {spread['mean']:.4f}, std {spread['std']:.4f}", fontsize="medium")
        axes.axhline(spread["mean"], color=_LIMIT, linestyle="--", linewidth=1.5, label="mean")
        axes.plot(days, [fold["metrics"][name] for fold in folds], "o", color=_POOLED, label="a fold")
        axes.margins(x=0.15)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=2, frameon=False, fontsize="small")
    return figure


def _importance(shares: Mapping[str, float]) -> Figure:
    figure, axes = _figure("share of the gain", "")
    top = list(shares.items())[:12][::-1]
    axes.barh([name for name, _ in top], [share for _, share in top], color=_POOLED)
    return figure
