"""An independent engine (Titus) scores our PFA from raw features: LightGBM's raw score bit for bit, its values within four ulps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports import pfa, titus_engine, titus_environment
from exports.missing import ZERO
from exports.titus_engine import TitusScorer
from tests.exports.handmade import Tree, booster
from tests.exports.zoo import KINDS, SCHEMA, rows, trained

pytestmark = pytest.mark.system

EDGES = [np.nextafter(ZERO, 1.0), ZERO, np.nextafter(ZERO, 0.0), 1e-35, 5e-324, 0.0, 1.5, 1e300, 1.7976931348623157e308]
THRESHOLDS = [*EDGES, *(-edge for edge in EDGES), np.inf]
with np.errstate(over="ignore"):  # infinity stands beside the largest double
    BESIDE = [np.nextafter(edge, way) for edge in THRESHOLDS for way in (-np.inf, np.inf)]
VALUES = [*THRESHOLDS, *BESIDE, np.nan, -np.inf]
NUMERIC_DECISIONS = [missing << 2 | left << 1 for missing in range(3) for left in range(2)]
LINKS = {
    "binary sigmoid:1": 1,
    "binary sigmoid:0.3": 1,
    "multiclass num_class:3": 3,
    "multiclassova num_class:3 sigmoid:1": 3,
    "regression sqrt": 1,
    "poisson": 1,
    "cross_entropy": 1,
    "cross_entropy_lambda": 1,
}


@pytest.fixture(scope="module", autouse=True)
def environment() -> Path:
    """Titus, made the first time."""
    return titus_environment.set_up()


@contextmanager
def judge(model: lgb.Booster, schema: FeatureSchema | None, folder: Path) -> Iterator[TitusScorer]:
    scorer = titus_engine.load(pfa.export(model, schema, folder / "model.pfa"))
    yield scorer
    scorer.close()


def assert_agreement(titus: TitusScorer, model: lgb.Booster, x: NDArray[np.float64]) -> None:
    raw, values = (np.asarray(model.predict(x, raw_score=raw)).reshape(len(x), -1) for raw in (True, False))
    assert titus.raw_batch(x).tobytes() == raw.tobytes()
    np.testing.assert_array_max_ulp(titus.score_batch(x), values, maxulp=4)


def every_decision() -> lgb.Booster:
    """A stump for each threshold, missing type and default side, on two features."""
    rng = np.random.default_rng(0)
    return booster([Tree([i % 2], [t], [d], rng.normal(size=2)) for i, t in enumerate(THRESHOLDS) for d in NUMERIC_DECISIONS], 2)


@pytest.mark.parametrize("kind", KINDS)
def test_titus_agrees_on_every_kind_of_model(kind: str, tmp_path: Path) -> None:
    model = trained(kind)
    with judge(model, SCHEMA, tmp_path) as titus:
        x = rows(pfa.load(tmp_path / "model.pfa").ensemble)[:300]
        x[:40, 3] = np.resize([-0.5, 2.7, 5.999, 6.2, -1.5, 1e20, np.inf, -np.inf], 40)
        assert_agreement(titus, model, x)


def test_titus_agrees_on_every_missing_type_and_default_side_at_every_edge(tmp_path: Path) -> None:
    with judge(every_decision(), None, tmp_path) as titus:
        assert_agreement(titus, every_decision(), np.column_stack([VALUES, np.roll(VALUES, 7)]))


def test_nan_is_missing_to_titus_too(tmp_path: Path) -> None:
    with judge(every_decision(), None, tmp_path) as titus:
        missing = titus.datum([1.0, None])
        assert titus.score_data([missing | {"Column_1": float("nan")}]) == titus.score_data([missing])


@pytest.mark.parametrize("objective", LINKS)
def test_titus_agrees_where_exponentials_overflow_or_vanish(objective: str, tmp_path: Path) -> None:
    outputs = LINKS[objective]
    raw = np.array([-1e4, -800, -709.783, -709.782, -40, -1, -1e-9, 0, 1e-9, 1, 36, 709.782, 709.783, 800, 1e4])
    thresholds = np.arange(len(raw) - 1) + 0.5
    trees = [Tree([0] * len(thresholds), thresholds, [2] * len(thresholds), np.roll(raw, 5 * k)) for k in range(outputs)]
    model = booster(trees, 1, objective, outputs)
    with judge(model, None, tmp_path) as titus:
        assert_agreement(titus, model, np.arange(len(raw), dtype=float).reshape(-1, 1))


def test_titus_takes_features_whatever_they_arecalled(tmp_path: Path) -> None:
    names = ["a b", "a_b", "a[0]", '"', "école", "", "1st", "input", "null", "a.b", "zero", "zero_nonzero", "日本"]
    schema = FeatureSchema(tuple(Feature(name) for name in names))
    rng = np.random.default_rng(2)
    model = booster([Tree([i], [0.5], [4 + i % 2 * 2], rng.normal(size=2)) for i in range(len(names))], len(names))
    x = rng.choice([0.0, 1.0, -1.0, np.nan, 1e-36], (100, len(names)))
    with judge(model, schema, tmp_path) as titus:
        assert titus.schema == schema
        assert_agreement(titus, model, x)


def test_titus_walks_a_deep_tree(tmp_path: Path) -> None:
    n = 200  # on Python 3.11 and 3.13 it takes 10,000 too; 3.12 has a limit in C that no program can move
    model = booster([Tree([0] * n, range(n), [10] * n, np.arange(n + 1) / 7)], 1)
    with judge(model, None, tmp_path) as titus:
        assert_agreement(titus, model, np.array([[-1.0], [n / 2], [n - 1.0], [n + 1.0], [np.nan]]))
