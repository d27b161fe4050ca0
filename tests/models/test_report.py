"""The report's folds carry what their spread is drawn from: their windows, and the points of their own curves."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.report import FOLD_POINTS
from tests.models.small import START, WINDOW


@pytest.fixture
def folds(trained: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((trained / "report.json").read_text())["folds"]
    assert len(found) > 1
    return found


def area(points: list[list[float]]) -> float:
    x, y = np.array(sorted(points)).T
    return float(np.trapezoid(y, x))


def test_a_folds_roc_points_are_its_own_and_few_enough(folds: list[dict[str, Any]]) -> None:
    for fold in folds:
        points = fold["curves"]["roc"]
        assert points[0] == [0, 0]
        assert points[-1] == [1, 1]
        assert len(points) <= FOLD_POINTS
        assert area(points) == pytest.approx(fold["metrics"]["auc"], abs=0.005)
    assert max(f["metrics"]["auc"] for f in folds) - min(f["metrics"]["auc"] for f in folds) > 0.01, "or any fold's would do"


def test_a_folds_precision_recall_points_are_its_own(folds: list[dict[str, Any]]) -> None:
    for fold in folds:
        assert len(fold["curves"]["precision_recall"]) <= FOLD_POINTS
        assert area(fold["curves"]["precision_recall"]) == pytest.approx(fold["metrics"]["average_precision"], abs=0.02)


def test_a_folds_calibration_holds_all_that_it_tested(folds: list[dict[str, Any]]) -> None:
    for fold in folds:
        assert sum(b["count"] for b in fold["calibration"]) == fold["tested"]
        assert sum(b["count"] * b["observed"] for b in fold["calibration"]) == pytest.approx(fold["positives"])


def test_a_folds_windows_are_the_protocols_days(folds: list[dict[str, Any]]) -> None:
    for fold in folds:
        test = START + timedelta(days=fold["first_test_day"])
        train = test - timedelta(days=WINDOW.train + WINDOW.delay)
        for name, first, length in (("train_window", train, WINDOW.train), ("test_window", test, WINDOW.test)):
            begin, end = (datetime.fromisoformat(fold[name][key]) for key in ("from", "to"))
            assert first <= begin < first + timedelta(days=1)
            assert first + timedelta(days=length - 1) <= end < first + timedelta(days=length)
