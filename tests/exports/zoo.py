"""Small models of many kinds, trained once, and rows that try every split from both sides."""

from __future__ import annotations

from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports.ensemble import Ensemble

LABELS = ("gro cery", "back\\slash", "<&>", "école", "single's", "y")
SCHEMA = FeatureSchema((
    Feature("amount", description="a < b & c"),
    Feature("zeros"),
    Feature("noise"),
    Feature("label", "categorical", LABELS),
    Feature("gone"),
))  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "binary": {"objective": "binary"},
    "binary-sigmoid": {"objective": "binary", "sigmoid": 0.7},
    "multiclass": {"objective": "multiclass", "num_class": 3},
    "one-vs-all": {"objective": "multiclassova", "num_class": 3},
    "regression": {"objective": "regression"},
    "square-root": {"objective": "regression", "reg_sqrt": True},
    "poisson": {"objective": "poisson"},
    "cross-entropy": {"objective": "cross_entropy"},
    "cross-entropy-lambda": {"objective": "cross_entropy_lambda"},
    "random-forest": {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    "no-missing": {"objective": "binary", "use_missing": False},
    "zero-as-missing": {"objective": "binary", "zero_as_missing": True},
    "one-leaf": {"objective": "regression", "min_data_in_leaf": 100_000},
}
_COMMON = {"verbose": -1, "num_leaves": 15, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1, "seed": 1, "num_threads": 1}
_ROWS = 1500


@cache
def trained(kind: str) -> lgb.Booster:
    """A model of 12 rounds; the feature ``gone`` is often missing and says something by it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(_ROWS, len(SCHEMA)))
    x[:, 3] = rng.integers(0, len(LABELS), _ROWS)
    x[rng.random(_ROWS) < 0.3, 1] = 0.0
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(_ROWS) < 0.4, 4] = np.nan
    y = np.nan_to_num(x[:, 0]) + 2 * np.isin(x[:, 3], [1, 4]) + np.nan_to_num(x[:, 1]) ** 2 + np.isnan(x[:, 4]) > 1.5
    target = y * rng.integers(1, 3, _ROWS) if "num_class" in KINDS[kind] else y.astype(float)
    data = lgb.Dataset(x, target, feature_name=list(SCHEMA.names), categorical_feature=[3], params={"verbose": -1})
    return lgb.train({**_COMMON, **KINDS[kind]}, data, 12)


def rows(ensemble: Ensemble) -> NDArray[np.float64]:
    """Random rows, and rows that stand on each threshold, one step beside it, around zero, at infinity; every label, seen or not."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, len(SCHEMA)))
    for feature in range(len(SCHEMA)):
        edges = ensemble.threshold[(ensemble.feature == feature) & (ensemble.category_set < 0)]
        beside = [edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)]
        special = [0.0, -0.0, 1e-35, -1e-35, 1.0000001e-35, 5e-324, np.inf, -np.inf, 1e300, np.nan]
        pool = np.concatenate([*beside, special])
        chosen = rng.random(len(x)) < 0.6
        x[chosen, feature] = rng.choice(pool, chosen.sum())
    x[:, 3] = rng.choice([*range(len(LABELS)), -1.0, 6.0, 40.0, np.nan], len(x))
    return x
