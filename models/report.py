"""The report on a model: metrics with their spread over folds, the best single rule, and the points of its plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from models.dataset import Dataset
from models.metrics import best_single_rule, calibration_bins, curves, judge
from models.protocol import Fold, Window, days, folds

FOLD_POINTS = 100  # of a fold's curve: thin lines behind the pooled one need fewer, and the report goes through Kafka


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted: LightGBM's parameters and the number of boosting rounds."""

    params: dict[str, Any]
    rounds: int

    def fit(self, data: Dataset, schema: FeatureSchema) -> lgb.Booster:
        """Train on all rows of ``data``, which must be labelled.

        An unseen category counts as missing here, as it does for LightGBM when it scores (both are in no set).
        """
        x = data.x.copy()
        for i in schema.categorical_indices:
            x[x[:, i] < 0, i] = MISSING
        names, categorical = list(schema.names), list(schema.categorical_indices)
        train = lgb.Dataset(x, data.y, feature_name=names, categorical_feature=categorical, params={"verbose": -1})
        return lgb.train(self.params, train, num_boost_round=self.rounds)


def cross_validate(
    data: Dataset, schema: FeatureSchema, window: Window, starts: list[int], recipe: Recipe, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Train and judge once a start; the report as plain JSON values. Raises ``DataError`` (``models.protocol``)."""
    results, tested = [], []
    for number, fold in enumerate(folds(data, window, starts), 1):
        progress(f"fold {number} of {len(starts)}")
        booster = recipe.fit(data.rows(fold.train), schema)
        scores = np.asarray(booster.predict(data.x[fold.test], num_threads=recipe.params.get("num_threads", 0)))
        results.append(_fold(data, schema, fold, scores))
        tested.append((data.y[fold.test], scores))
    y, scores = (np.concatenate([pair[i] for pair in tested]) for i in (0, 1))
    return {
        "protocol": _protocol(window, len(results)),
        "folds": results,
        "metrics": spread([r["metrics"] for r in results]),
        "single_rule": {"mean": float(np.mean([r["single_rule"]["average_precision"] for r in results]))},
        "curves": curves(y, scores),
        "calibration": calibration_bins(y, scores),
    }


def _protocol(window: Window, count: int) -> dict[str, Any]:
    return {
        "method": "forward-chaining",
        "left_out": "customers known as compromised by the day of the test",
        "train_days": window.train,
        "delay_days": window.delay,
        "test_days": window.test,
        "folds": count,
    }


def _fold(data: Dataset, schema: FeatureSchema, fold: Fold, scores: NDArray[np.float64]) -> dict[str, Any]:
    """A fold's windows, counts and metrics, and the points of its own curves: what the spread is drawn from."""
    tested = data.rows(fold.test)
    name, precision = best_single_rule(tested.x, tested.y, schema.names)
    return {
        "first_test_day": fold.first_test_day,
        "train_window": _span(data.time[fold.train]),
        "test_window": _span(tested.time),
        "trained": len(fold.train),
        "tested": len(fold.test),
        "frauds": int(tested.y.sum()),
        "metrics": judge(tested.y, scores, tested.key, days(data)[fold.test]),
        "single_rule": {"rule": name, "average_precision": precision},
        "curves": curves(tested.y, scores, FOLD_POINTS),
        "calibration": calibration_bins(tested.y, scores),
    }


def _span(time: NDArray[np.float64]) -> dict[str, str]:
    """The first and the last moment of rows that stand in order of time."""
    first, last = (datetime.fromtimestamp(time[i], UTC).isoformat() for i in (0, -1))
    return {"from": first, "to": last}


def spread(metrics: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation over the folds, and the extremes."""
    found = {}
    for name in metrics[0]:
        values = np.array([m[name] for m in metrics])
        found[name] = {"mean": float(values.mean()), "std": float(values.std()), "min": float(values.min()), "max": float(values.max())}
    return found


def importance(booster: lgb.Booster) -> dict[str, float]:
    """Gain by feature, largest first, as shares of the whole."""
    gain = booster.feature_importance("gain")
    shares = gain / max(gain.sum(), 1e-300)
    return {name: float(share) for share, name in sorted(zip(shares, booster.feature_name(), strict=True), reverse=True)}
