"""LightGBM's rules, each forced: models written by hand for every kind of split, and random ones over objectives and boosting types.

Every format scores them as LightGBM does, in every bit of the raw score.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.serve import Models
from exports import lightgbm_text
from exports.compiled import KernelScorer
from exports.errors import UnsupportedModel
from exports.formats import FORMATS, LOCAL
from exports.missing import ZERO
from exports.probes import probes
from tests.exports.served import add, serving

ODD = [0.0, -0.0, 1e-35, -1e-35, ZERO, -ZERO, math.nextafter(ZERO, 1), math.nextafter(-ZERO, -1), 5e-324, 0.5, -0.5, 1.0, -1.0, 2.0, 3.0]
ROWS = np.array([[v] for v in [*ODD, 1e300, -1e300, math.inf, -math.inf, math.nan, 31.0, 32.0, 33.0, 1e9, -2.0, 2.7, -0.7]])
THRESHOLDS = ["-1", "-1.0000000180025095e-35", "-0", "0", "1e-36", "1.0000000180025095e-35", "1", "1e300", "inf"]


def text(threshold: str, decision: int, *, categories: str = "", version: str = "v4", leaves: str = "0.1 0.7") -> str:
    """A model of one split. ``categories``: the two lines of its bit set."""
    info = "0:1:2:33" if categories else "[-1:1]"
    head = f"tree\nversion={version}\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=0\nobjective=regression\n"
    split = f"split_feature=0\nsplit_gain=1\nthreshold={threshold}\ndecision_type={decision}\nleft_child=-1\nright_child=-2\n"
    rest = "internal_value=0\ninternal_weight=0\ninternal_count=2\n" + categories + "is_linear=0\nshrinkage=1\n"
    tree = f"Tree=0\nnum_leaves=2\nnum_cat={int(bool(categories))}\n{split}leaf_value={leaves}\nleaf_weight=1 1\nleaf_count=1 1\n{rest}\n\n"
    return f"{head}feature_names=x\nfeature_infos={info}\n\n{tree}end of trees\n\nfeature_importances:\nx=1\n\n"


def as_lightgbm(model: str, rows: np.ndarray) -> None:
    """Every format against LightGBM: none of them refuses any of these models."""
    raw = np.asarray(lgb.Booster(model_str=model).predict(rows, raw_score=True)).reshape(len(rows), -1)
    for name in LOCAL:
        with tempfile.TemporaryDirectory() as folder:
            scorer = FORMATS[name].load(FORMATS[name].export(model, None, Path(folder) / FORMATS[name].file_name))
            assert scorer.raw_batch(rows).tobytes() == raw.tobytes(), name
            assert np.array([scorer.score(row.tolist()).raw for row in rows[:40]]).tobytes() == raw[:40].tobytes(), name


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("decision", [missing << 2 | left << 1 for missing, left in product(range(3), range(2))])
def test_every_missing_type_and_default_at_every_kind_of_threshold(threshold: str, decision: int) -> None:
    as_lightgbm(text(threshold, decision), ROWS)


@pytest.mark.parametrize("decision", [1, 3, 5, 9, 11])
@pytest.mark.parametrize("bits", ["1", "6", "4294967295", "2147483648", "0 2"])
def test_every_category_code_in_and_out_of_a_set(decision: int, bits: str) -> None:
    words = bits.split()
    as_lightgbm(text("0", decision, categories=f"cat_boundaries=0 {len(words)}\ncat_threshold={bits}\n"), ROWS)


@pytest.mark.parametrize("version", ["v2", "v3", "v4"])
def test_every_version_of_the_text_is_read(version: str) -> None:
    as_lightgbm(text("0.5", 8, version=version), ROWS)


def test_leaves_keep_every_bit_and_the_sign_of_zero() -> None:
    as_lightgbm(text("0", 2, leaves="-0 2.2250738585072014e-308"), ROWS)
    as_lightgbm(text("0", 2, leaves="0.30000000000000004 -1.7976931348623157e308"), ROWS)


OBJECTIVES: dict[str, dict[str, Any]] = {
    **{name: {"objective": name} for name in ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "cross_entropy")},
    **{name: {"objective": name} for name in ("poisson", "gamma", "tweedie", "binary", "cross_entropy_lambda")},
    "sqrt": {"objective": "regression", "reg_sqrt": True},
    **{f"{name}-sqrt": {"objective": name, "reg_sqrt": True} for name in ("regression_l1", "quantile", "mape", "fair", "huber")},
    "binary-sigmoid": {"objective": "binary", "sigmoid": 2.5},
    "multiclass": {"objective": "multiclass", "num_class": 3},
    "multiclassova": {"objective": "multiclassova", "num_class": 3, "sigmoid": 0.6},
    "lambdarank": {"objective": "lambdarank"},
    "rank_xendcg": {"objective": "rank_xendcg"},
}
BOOSTING: dict[str, dict[str, Any]] = {
    "gbdt": {},
    "dart": {"boosting": "dart", "drop_rate": 0.5},
    "rf": {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
    "goss": {"data_sample_strategy": "goss"},
}


@cache
def trained(objective: str, boosting: str, missing: str, seed: int) -> str:
    """A small random model: numbers with gaps, zeros and a category."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 4)) * 10.0 ** rng.integers(-3, 4, 4)
    x[:, 3] = rng.integers(0, 40, len(x))
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.15] = 0.0
    signal = np.nan_to_num(x[:, 0] / np.nanstd(x[:, 0])) + (np.nan_to_num(x[:, 3]) % 3 == 0)
    parameters = {**OBJECTIVES[objective], **BOOSTING[boosting]}
    target = {"multiclass": np.digitize(signal, [0.0, 1.0]), "multiclassova": np.digitize(signal, [0.0, 1.0])}.get(objective, signal)
    if objective.startswith(("binary", "cross_entropy")):
        target = (signal > 0.5).astype(float)
    elif objective in ("poisson", "gamma", "tweedie", "mape") or objective.endswith("sqrt"):
        target = np.exp(signal / 2) + 0.01
    elif "rank" in objective:
        target = np.clip(np.digitize(signal, [0, 1, 2]), 0, 3)
    data = lgb.Dataset(x, target, categorical_feature=[3], group=[40] * 10 if "rank" in objective else None, params={"verbose": -1})
    common = {
        "verbose": -1,
        "num_leaves": 7,
        "min_data_in_leaf": 3,
        "min_data_per_group": 3,
        "cat_smooth": 1.0,
        "seed": seed,
        "num_threads": 1,
    }
    how = {"none": {"use_missing": False}, "zero": {"zero_as_missing": True}, "nan": {}}[missing]
    return str(lgb.train({**common, **parameters, **how}, data, 6).model_to_string())


def cases() -> Iterator[tuple[str, str]]:
    for objective, boosting in product(OBJECTIVES, BOOSTING):
        if boosting == "rf" and objective in ("lambdarank", "rank_xendcg"):
            continue  # LightGBM gives them constant trees
        yield objective, boosting


@pytest.mark.parametrize(("objective", "boosting"), [*cases()])
def test_every_objective_with_every_boosting_type(objective: str, boosting: str) -> None:
    model = trained(objective, boosting, "nan", 0)
    read = lightgbm_text.parse(model)
    rows = probes(read.ensemble, read.schema, most=1_500)
    as_lightgbm(model, rows)
    values = np.asarray(lgb.Booster(model_str=model).predict(rows)).reshape(len(rows), -1)
    np.testing.assert_array_max_ulp(KernelScorer(read.ensemble, read.schema).score_batch(rows), values, maxulp=2)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    objective=st.sampled_from([*OBJECTIVES]),
    missing=st.sampled_from(["none", "zero", "nan"]),
    seed=st.integers(1, 10_000),
)
def test_random_models_of_every_kind(objective: str, missing: str, seed: int) -> None:
    model = trained(objective, "gbdt", missing, seed)
    read = lightgbm_text.parse(model)
    as_lightgbm(model, probes(read.ensemble, read.schema, most=1_000, seed=seed))


def test_best_and_chosen_iterations_are_what_leaves() -> None:
    booster = lgb.Booster(model_str=trained("binary", "gbdt", "nan", 3))
    chosen = booster.model_to_string(num_iteration=2)
    rows = probes(lightgbm_text.parse(chosen).ensemble, lightgbm_text.parse(chosen).schema, most=500)
    as_lightgbm(chosen, rows)
    wanted = booster.predict(rows, raw_score=True, num_iteration=2)
    assert (
        KernelScorer(lightgbm_text.parse(chosen).ensemble, lightgbm_text.parse(chosen).schema).raw_batch(rows).ravel().tolist()
        == wanted.tolist()
    )


def test_a_linear_tree_is_refused_with_what_to_do(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(300, 2))
    booster = lgb.train({"linear_tree": True, "verbose": -1, "objective": "regression"}, lgb.Dataset(x, x[:, 0] * x[:, 1]), 3)
    for name, chosen in FORMATS.items():
        with pytest.raises(UnsupportedModel, match=r"linear tree.*linear_tree=false"):
            chosen.export(booster.model_to_string(), None, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_served_model_answers_as_lightgbm_for_every_kind_of_split(tmp_path: Path) -> None:
    models = Models()
    with serving(models) as server:
        from exports import remote  # noqa: PLC0415  # beside the server that it asks

        for decision in (0, 2, 4, 6, 8, 10):
            model = text("0.5", decision)
            add(models, model, lightgbm_text.parse(model).schema)
            scorer = remote.load(remote.export_to(server, model, None, tmp_path / "model.remote.json"), timeout=5)
            assert scorer.raw_batch(ROWS).ravel().tolist() == lgb.Booster(model_str=model).predict(ROWS, raw_score=True).tolist()
