"""The report on a model: metrics with their spread over folds, the baselines, and the points of its plots."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.calibration import calibration_bins
from domain.contract import Domain
from domain.learning import Learning, Matrix, Recipe, Rows
from domain.schema import MISSING, FeatureSchema
from models.curves import curves
from models.dataset import Dataset
from models.protocol import Fold

FOLD_POINTS = 100  # of a fold's curve: thin lines behind the pooled one need fewer, and the report goes through Kafka


Boosters = Mapping[str, lgb.Booster]


def fit(recipe: Recipe, rows: Rows, schema: FeatureSchema) -> lgb.Booster:
    """Train on labelled rows."""
    names, categorical = takeable(schema), list(schema.categorical_indices)
    train = lgb.Dataset(learnable(rows.x, schema), rows.y, feature_name=names, categorical_feature=categorical, params={"verbose": -1})
    return lgb.train(dict(recipe.params), train, num_boost_round=recipe.rounds)


def takeable(schema: FeatureSchema) -> list[str]:
    """The features' names, or their places where LightGBM refuses or changes a name (brackets, commas, blanks)."""
    plain = all(re.fullmatch(r"[\w.-]+", name, re.ASCII) for name in schema.names)
    return list(schema.names) if plain else [f"Column_{i}" for i in range(len(schema))]


def learnable(x: Matrix, schema: FeatureSchema) -> Matrix:
    """A copy in which an unseen category counts as missing, as it does for LightGBM when it scores (both are in no set)."""
    found = x.copy()
    for i in schema.categorical_indices:
        found[found[:, i] < 0, i] = MISSING
    return found


def fitted(domain: Domain, rows: Rows) -> Boosters:
    """The model by its recipe, under no name, and those beside it."""
    return {name: fit(recipe, rows, domain.schema) for name, recipe in recipes(domain.learning()).items()}


def recipes(learning: Learning) -> dict[str, Recipe]:
    """The model's recipe, under no name, and behind it those of the models beside it."""
    return {"": learning.recipe, **learning.beside}


def answers(boosters: Boosters, x: Matrix) -> Matrix:
    """What the models say of ``x`` (n, features), after the link, side by side: (n, outputs)."""
    return np.hstack([np.asarray(b.predict(x, num_threads=b.params.get("num_threads", 0))).reshape(len(x), -1) for b in boosters.values()])


def cross_validate(
    domain: Domain, data: Dataset, parts: list[Fold], progress: Callable[[str], None], fit: Callable[[Domain, Rows], Boosters] = fitted
) -> dict[str, Any]:
    """Train (by ``fit``) and judge once a fold; the report as plain JSON values."""
    learning = domain.learning()
    results, tested = [], []
    for number, fold in enumerate(parts, 1):
        progress(f"fold {number} of {len(parts)}")
        train, test = data.chosen(fold.train), data.chosen(fold.test)
        boosters = fit(domain, train)
        scores = answers(boosters, test.x)
        results.append(_fold(domain, data, fold, train, test, scores))
        tested.append((test.y, scores))
    y, scores = (np.concatenate([pair[i] for pair in tested]) for i in (0, 1))
    return {
        "protocol": _protocol(learning, len(results)),
        "folds": results,
        "metrics": spread([r["metrics"] for r in results]),
        "baselines": {name: spread([r["baselines"][name] for r in results]) for name in results[0]["baselines"]},
        "headline": learning.headline,
        "lower_is_better": learning.lower_is_better,
        "shown": dict(learning.shown),
        **_plotted(domain, y, scores),
    }


def _protocol(learning: Learning, count: int) -> dict[str, Any]:
    window = learning.window
    if window is None:
        return {"method": "by key, each whole on one side", "folds": count}
    return {
        "method": "forward-chaining",
        "left_out": "keys known as positive by the day of the test" if learning.leave_out_found else "",
        "train_days": window.train,
        "delay_days": window.delay,
        "test_days": window.test,
        "folds": count,
    }


def _fold(domain: Domain, data: Dataset, fold: Fold, train: Rows, test: Rows, scores: Matrix) -> dict[str, Any]:
    """A fold's windows, counts, metrics and baselines, and the points of its own curves: what the spread is drawn from."""
    learning = domain.learning()
    found: dict[str, Any] = {
        "train_window": _span(data.time[fold.train]),
        "test_window": _span(data.time[fold.test]),
        "trained": len(fold.train),
        "tested": len(fold.test),
        "metrics": learning.judge(test, scores),
        "baselines": learning.baselines(train, test),
        **_plotted(domain, test.y, scores, FOLD_POINTS),
    }
    if fold.first_test_day is not None:
        found["first_test_day"] = fold.first_test_day
    return found


def _plotted(domain: Domain, y: NDArray[np.float64], scores: Matrix, *points: int) -> dict[str, Any]:
    """The points of the plots that go with the objective."""
    if domain.objective == "binary":
        plain = scores[:, 0]
        return {"positives": int(y.sum()), "curves": curves(y, plain, *points), "calibration": calibration_bins(y, plain)}
    return {"calibration": calibration_bins(y, scores[:, 0])} if domain.objective == "regression" else {}


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


def importance(booster: lgb.Booster, names: Sequence[str] | None = None) -> dict[str, float]:
    """Gain by feature, largest first, as shares of the whole; ``names``: the features' in order, where the booster has others."""
    gain = booster.feature_importance("gain")
    shares = gain / max(gain.sum(), 1e-300)
    return {name: float(share) for share, name in sorted(zip(shares, names or booster.feature_name(), strict=True), reverse=True)}
