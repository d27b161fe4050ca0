"""The report's plots show the spread over folds: each fold's own numbers stand beside what is pooled, and can be read."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from models import plots


@pytest.fixture
def report(trained: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((trained / "report.json").read_text())
    assert len(found["folds"]) > 1
    return found


def lines(figure: Figure, panel: int = 0) -> dict[str, list[list[list[float]]]]:
    """The points of the lines of a panel: those of the folds, and those named in the legend."""
    found: dict[str, list[list[list[float]]]] = {}
    for line in figure.axes[panel].get_lines():
        label = str(line.get_label())
        found.setdefault("each fold" if label.startswith("_") else label, []).append(np.asarray(line.get_xydata()).tolist())
    return found


@pytest.mark.parametrize("name", ["precision_recall", "roc"])
def test_a_curve_has_each_folds_own_behind_the_pooled_one(name: str, report: dict[str, Any]) -> None:
    found = lines(plots.figures(report)[f"{name}.png"])
    assert found["each fold"] == [fold["curves"][name] for fold in report["folds"]]
    assert found["all folds together"] == [report["curves"][name]]


def test_calibration_has_each_folds_own_bins_behind_the_pooled_ones(report: dict[str, Any]) -> None:
    found = lines(plots.figures(report)["calibration.png"])
    assert found["each fold"] == [[[b["score"], b["observed"]] for b in fold["calibration"]] for fold in report["folds"]]
    assert found["all folds together"] == [[[b["score"], b["observed"]] for b in report["calibration"]]]


def test_no_bin_of_a_calibration_lies_outside_its_axes(report: dict[str, Any]) -> None:
    report["calibration"][0].update(score=0.0, observed=0.0)
    figure = plots.figures(report)["calibration.png"]
    figure.canvas.draw()
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    for points in lines(figure).values():
        assert all(left <= x <= right and low <= y <= high for line in points for x, y in line)


def test_card_precision_is_drawn_by_fold_with_its_ceiling_over_it(report: dict[str, Any]) -> None:
    axes = plots.figures(report)["card_precision.png"].axes[0]
    metrics = [fold["metrics"] for fold in report["folds"]]
    assert [bar.get_height() for bar in axes.patches] == [m["card_precision_at_100"] for m in metrics]
    ceilings = [np.asarray(segment) for segment in axes.collections[0].get_segments()]  # type: ignore[attr-defined]  # lines
    assert [segment[:, 1].tolist() for segment in ceilings] == [[m["card_precision_ceiling"]] * 2 for m in metrics]
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(fold["first_test_day"]) for fold in report["folds"]]


def test_every_metric_has_a_point_a_fold_and_a_line_at_the_mean(report: dict[str, Any]) -> None:
    figure = plots.figures(report)["metrics_by_fold.png"]
    assert list(report["shown"]) == ["auc", "average_precision", "card_precision_share", "calibration_error"]
    for panel, (name, title) in enumerate(report["shown"].items()):
        found = lines(figure, panel)
        assert found["a fold"] == [[[fold["first_test_day"], fold["metrics"][name]] for fold in report["folds"]]]
        assert {y for _, y in found["mean"][0]} == {report["metrics"][name]["mean"]}
        assert title in figure.axes[panel].get_title()


@pytest.mark.parametrize("count", [1, 4, 8])
def test_no_text_is_cut_off_and_no_two_ticks_of_an_axis_overlap(count: int, report: dict[str, Any]) -> None:
    for name, figure in plots.figures(_with_folds(report, count)).items():
        figure.canvas.draw()
        page, ticks = figure.bbox.padded(1), [_ticks(axis) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
        apart = set(figure.findobj(Text)) - {label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
        for text in (*apart, *(label for labels in ticks for label in labels)):
            box = text.get_window_extent()
            assert not text.get_text() or (page.contains(*box.min) and page.contains(*box.max)), f"{name}: {text.get_text()!r}"
        for labels in ticks:
            for one, other in pairwise(labels):
                assert not one.get_window_extent().overlaps(other.get_window_extent()), f"{name}: {one.get_text()} on {other.get_text()}"


def _ticks(axis: Any) -> list[Text]:
    """The labels that are drawn; those beyond an axis's ends are made all the same."""
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_text()]


def _with_folds(report: dict[str, Any], count: int) -> dict[str, Any]:
    folds = [copy.deepcopy(report["folds"][i % len(report["folds"])]) for i in range(count)]
    for number, fold in enumerate(folds):
        fold["first_test_day"] = 100 + 7 * number
    folds[0]["metrics"]["card_precision_at_100"] = 0.0
    return {**report, "folds": folds}


def test_every_plot_is_written_under_its_name(report: dict[str, Any], tmp_path: Path) -> None:
    written = plots.draw(report, tmp_path)
    names = {"precision_recall.png", "roc.png", "calibration.png", "card_precision.png", "metrics_by_fold.png", "importance.png"}
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()} == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_what_looks_like_a_formula_is_a_name_as_any_other(report: dict[str, Any], tmp_path: Path) -> None:
    named = {"importance": {f"revenue_$_cost_$ {name}": share for name, share in report["importance"].items()}}
    assert plots.draw({**report, **named}, tmp_path)
