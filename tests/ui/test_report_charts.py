"""The charts of a model's report show each fold's numbers beside what is pooled or their mean."""

from __future__ import annotations

from typing import Any

import pytest

from ui import report_charts as charts

POOLED = [[0.0, 1.0], [0.5, 0.8], [1.0, 0.0]]
FOLDS = [[[0.0, 1.0], [1.0, 0.1]], [[0.0, 0.9], [1.0, 0.2]]]
METRICS = [
    {"auc": 0.9, "card_precision_at_100": 0.3, "card_precision_ceiling": 0.4},
    {"auc": 0.8, "card_precision_at_100": 0.0, "card_precision_ceiling": 0.5},
]
BY_FOLD = [{"first_test_day": day, "metrics": metrics} for day, metrics in zip((45, 52), METRICS, strict=True)]


def layers(chart: Any) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each layer as Vega-Lite reads it, with its rows."""
    spec = chart.to_dict()
    return [(layer, spec["datasets"][(layer.get("data") or spec["data"])["name"]]) for layer in spec["layer"]]


def lines(chart: Any) -> dict[tuple[str, int], list[list[float]]]:
    """The points of every line, by its name in the legend and the fold."""
    found: dict[tuple[str, int], list[list[float]]] = {}
    for layer, rows in layers(chart):
        for row in rows if "color" in layer["encoding"] else []:
            found.setdefault((row["line"], row["fold"]), []).append([row["x"], row["y"]])
    return found


def test_a_curve_has_each_folds_line_thin_behind_the_pooled_one() -> None:
    chart = charts.curve(POOLED, FOLDS, "recall", "precision")
    assert lines(chart) == {("each fold", 0): FOLDS[0], ("each fold", 1): FOLDS[1], ("all folds together", -1): POOLED}
    (behind, _), (before, _) = layers(chart)
    assert behind["encoding"]["detail"]["field"] == "fold", "or the folds are one line"
    assert behind["mark"]["strokeWidth"] < before["mark"]["strokeWidth"]


def test_calibration_has_each_folds_bins_behind_the_pooled_ones() -> None:
    bins = [[{"score": x, "observed": y, "count": 9.0} for x, y in points] for points in [POOLED, *FOLDS]]
    found = lines(charts.calibration(bins[0], bins[1:]))
    assert found == {("each fold", 0): FOLDS[0], ("each fold", 1): FOLDS[1], ("all folds together", -1): POOLED}


@pytest.mark.parametrize("folds", [[], [[]]])
def test_a_curve_without_folds_is_drawn_alone(folds: list[Any]) -> None:
    assert lines(charts.curve(POOLED, folds, "x", "y")) == {("all folds together", -1): POOLED}


def test_a_metric_by_fold_has_a_point_a_fold_and_the_mean() -> None:
    rule, points = layers(charts.by_fold(BY_FOLD, "auc", 0.85))
    assert rule[0]["mark"]["type"] == "rule"
    assert rule[1] == [{"value": 0.85}]
    assert points[1] == [{"fold": 45, "value": 0.9}, {"fold": 52, "value": 0.8}]


def test_card_precision_has_its_ceiling_and_both_in_figures() -> None:
    found = layers(charts.card_precision(BY_FOLD))
    assert found[0][1] == [{"fold": 45, "precision": 0.3, "ceiling": 0.4}, {"fold": 52, "precision": 0.0, "ceiling": 0.5}]
    marks = [(layer["mark"]["type"], layer["encoding"]["y"]["field"]) for layer, _ in found]
    assert marks == [("bar", "precision"), ("text", "precision"), ("text", "precision"), ("tick", "ceiling"), ("text", "ceiling")]
