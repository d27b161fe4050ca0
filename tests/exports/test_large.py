"""Engines that are not ours choose how to sum: large models, in rows alone and in batches of any size, stay LightGBM's bit for bit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from exports.formats import FORMATS

ENGINES = ("onnx", "c")
BATCHES = (1, 7, 100, 10_000)
_COMMON = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 1, "min_data_per_group": 1, "cat_smooth": 1, "max_cat_threshold": 500}


@cache
def forest(kind: str) -> tuple[lgb.Booster, NDArray[np.float64]]:
    """A model and 10,000 rows to score, some values missing, some codes as no schema lists them."""
    rng = np.random.default_rng(2)
    features = 400 if kind == "many features" else 8
    x = rng.normal(size=(1500, features))
    x[rng.random(x.shape) < 0.1] = np.nan
    rest = rng.normal(size=(10_000, features))
    rest[rng.random(rest.shape) < 0.1] = np.nan
    if kind == "many categories":
        x[:, :2] = rng.integers(0, 300, (len(x), 2))
        odd = [-1.0, -0.5, 0.5, 17.7, 299.5, 300.0, 1e6, 1e300, np.inf, -np.inf, np.nan, 2.0**31, 2.0**32, 2.0**32 + 5, -(2.0**31)]
        rest[:, :2] = np.where(rng.random((len(rest), 2)) < 0.3, rng.choice(odd, (len(rest), 2)), rng.integers(0, 300, (len(rest), 2)))
    target = np.nan_to_num(x[:, :2] % 7).sum(axis=1) + rng.normal(size=len(x))
    parameters = {"objective": "regression", "num_leaves": 63}
    if kind == "many classes":
        target = np.argsort(np.argsort(target)) * 7 // len(target)
        parameters |= {"objective": "multiclass", "num_class": 7, "num_leaves": 31}
    data = lgb.Dataset(x, target, categorical_feature=[0, 1] if kind == "many categories" else [], params={"verbose": -1})
    return lgb.train({**_COMMON, **parameters}, data, {"many trees": 1000, "many classes": 150, "many features": 20}.get(kind, 100)), rest


@pytest.mark.parametrize("kind", ["many trees", "many classes", "many categories", "many features"])
@pytest.mark.parametrize("model_format", ENGINES)
def test_a_large_model_is_summed_in_lightgbms_order_in_batches_of_any_size(model_format: str, kind: str, tmp_path: Path) -> None:
    booster, rows = forest(kind)
    chosen = FORMATS[model_format]
    scorer = chosen.load(chosen.export(booster, None, tmp_path / chosen.file_name))
    wanted = np.asarray(booster.predict(rows, raw_score=True)).reshape(len(rows), -1)
    for size in BATCHES:
        starts = range(0, min(len(rows), 40 * size), size)
        found = np.concatenate([scorer.raw_batch(rows[start : start + size]) for start in starts])
        assert found.tobytes() == wanted[: len(found)].tobytes(), f"in batches of {size}"
    assert np.array([scorer.score(row.tolist()).raw for row in rows[:100]]).tobytes() == wanted[:100].tobytes()
    assert scorer.raw_batch(rows[:0]).shape == (0, wanted.shape[1])


def test_the_large_models_are_what_they_arecalled() -> None:
    assert forest("many trees")[0].num_trees() == 1000
    assert max(tree["num_leaves"] for tree in forest("many trees")[0].dump_model()["tree_info"]) == 63
    assert len(set(forest("many features")[0].trees_to_dataframe()["split_feature"].dropna())) > 256
    assert max(line.count("||") for line in _thresholds(forest("many categories")[0])) > 64


def _thresholds(booster: lgb.Booster) -> list[str]:
    return [str(t) for t in booster.trees_to_dataframe()["threshold"]]
