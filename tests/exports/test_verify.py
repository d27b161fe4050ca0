"""A parity report finds the smallest wrong there is in an artifact, and says of what it could not compare why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from domain.schema import Feature, FeatureSchema
from exports import lightgbm_text, native, parity, pfa, pmml
from exports.compiled import KernelScorer
from exports.ensemble import Ensemble
from exports.errors import CorruptArtifact, EngineMissing, UnsupportedModel
from exports.formats import FORMATS, LOCAL
from exports.probes import probes
from exports.scorer import Scorer
from tests.exports.zoo import KINDS, SCHEMA, trained


def model(kind: str) -> lightgbm_text.TextModel:
    return lightgbm_text.read(trained(kind))


def report(kind: str, **formats: Callable[[], Scorer]) -> parity.Report:
    return parity.verify(model(kind), SCHEMA, formats, {})


@pytest.mark.parametrize("kind", [*KINDS])
def test_sound_artifacts_pass(kind: str, tmp_path: Path) -> None:
    found = report(
        kind,
        native=lambda: native.load(native.export(trained(kind), SCHEMA, tmp_path / "model.txt")),
        pmml=lambda: pmml.load(pmml.export(trained(kind), SCHEMA, tmp_path / "model.pmml")),
        pfa=lambda: pfa.load(pfa.export(trained(kind), SCHEMA, tmp_path / "model.pfa")),
    )
    assert found.passed
    assert [c.outcome for c in found.comparisons] == ["passed"] * 3
    assert all(c.equal == c.rows == found.made for c in found.comparisons)


def one_ulp_up(ensemble: Ensemble) -> Ensemble:
    """The first split by number, one unit in the last place further up."""
    threshold = ensemble.threshold.copy()
    threshold[first_by_number(ensemble)] = np.nextafter(threshold[first_by_number(ensemble)], np.inf)
    return replace(ensemble, threshold=threshold)


def other_default(ensemble: Ensemble) -> Ensemble:
    """Missing goes the other way at the first split by number."""
    default_left = ensemble.default_left.copy()
    default_left[first_by_number(ensemble)] ^= True
    return replace(ensemble, default_left=default_left)


def one_category_less(ensemble: Ensemble) -> Ensemble:
    """One code fewer in the first set of several."""
    at = next(i for i, codes in enumerate(ensemble.sets) if len(codes) > 1)
    return replace(ensemble, sets=(*ensemble.sets[:at], ensemble.sets[at][1:], *ensemble.sets[at + 1 :]))


def first_by_number(ensemble: Ensemble) -> int:
    return int(np.flatnonzero((ensemble.feature >= 0) & (ensemble.category_set < 0))[0])


@pytest.mark.parametrize("plant", [one_ulp_up, other_default, one_category_less])
@pytest.mark.parametrize("model_format", [name for name in LOCAL if name != "native"])  # whose artifact is the model's own text
def test_a_planted_wrong_is_caught_with_its_row(model_format: str, plant: Callable[[Ensemble], Ensemble], tmp_path: Path) -> None:
    chosen, sound = FORMATS[model_format], model("binary")
    wrong = replace(sound, ensemble=plant(sound.ensemble))
    path = chosen.export(wrong, SCHEMA, tmp_path / chosen.file_name)
    found = report("binary", planted=lambda: chosen.load(path))
    comparison = found.comparisons[0]
    assert not found.passed
    assert comparison.outcome == "failed"
    assert comparison.equal is not None
    assert comparison.equal < comparison.rows
    assert comparison.worst is not None
    row = [float(v) for v in comparison.worst["row"].values()]
    assert list(chosen.load(path).score(row).values) == comparison.worst["got"] != comparison.worst["lightgbm"]


def deep(ensemble: Ensemble) -> list[int]:
    """Of each tree the last split by number on a feature that no split above it asks for: where few rows come by chance."""
    found = []
    for root in ensemble.tree_start[:-1].tolist():
        todo, last = [(int(root), frozenset[int]())], -1
        while todo:
            node, above = todo.pop()
            feature = int(ensemble.feature[node])
            if feature < 0:
                continue
            if ensemble.category_set[node] < 0 and feature not in above and above:
                last = max(last, node)
            todo += [(node + 1, above | {feature}), (int(ensemble.right[node]), above | {feature})]
        found += [last] if last >= 0 else []
    return found


@pytest.mark.parametrize("kind", ["binary", "zero-as-missing"])
def test_what_is_wrong_deep_in_a_tree_is_caught_as_well(kind: str, tmp_path: Path) -> None:
    """An artifact that moves a threshold by one step there, or forgets that a zero is missing, answers otherwise for few rows."""
    sound, planted = model(kind), list[Ensemble]()
    for node in deep(sound.ensemble):
        threshold, zero = sound.ensemble.threshold.copy(), sound.ensemble.zero_missing.copy()
        threshold[node] = np.nextafter(threshold[node], np.inf)
        planted.append(replace(sound.ensemble, threshold=threshold))
        if zero[node] and (threshold[node] >= 0) != sound.ensemble.default_left[node]:  # a zero then goes the other way
            zero[node] = False
            planted.append(replace(sound.ensemble, zero_missing=zero))
    assert len(planted) > (8 if kind == "binary" else 14)
    for number, wrong in enumerate(planted):
        assert not report(kind, planted=lambda wrong=wrong: KernelScorer(wrong, SCHEMA)).passed, number


def nested() -> lightgbm_text.TextModel:
    """A tree that asks for a category three times over: {5, 6}, in there {5}, and beside that a number."""
    rng = np.random.default_rng(1)
    x = np.column_stack([rng.integers(0, 9, 3_000), rng.normal(size=3_000)]).astype(float)
    y = 8.0 * np.isin(x[:, 0], [5, 6]) + 4.0 * (x[:, 0] == 5) + (x[:, 1] > 1.0) * (x[:, 0] == 6)
    told = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 0.0, "num_leaves": 4, "max_cat_to_onehot": 1}
    return lightgbm_text.read(lgb.train(told, lgb.Dataset(x, y, categorical_feature=[0]), 1))


def test_a_row_comes_to_a_split_behind_two_of_the_same_category() -> None:
    found = nested()
    by_number = np.flatnonzero((found.ensemble.feature >= 0) & (found.ensemble.category_set < 0))
    assert len(by_number)
    rows = probes(found.ensemble, found.schema, most=400)
    for node in by_number.tolist():
        wrong = found.ensemble.threshold.copy()
        wrong[node] = np.nextafter(wrong[node], np.inf)
        moved = KernelScorer(replace(found.ensemble, threshold=wrong), found.schema).raw_batch(rows)
        assert (moved != KernelScorer(found.ensemble, found.schema).raw_batch(rows)).any(), "no row stands on its threshold"


@pytest.mark.parametrize("model_format", [name for name in LOCAL if name != "native"])
def test_an_artifact_with_the_labels_of_a_feature_in_another_order_is_caught(model_format: str, tmp_path: Path) -> None:
    labelled = [replace(f, categories=f.categories[::-1]) if f.categories else f for f in SCHEMA.features]
    chosen = FORMATS[model_format]
    path = chosen.export(model("binary"), FeatureSchema(tuple(labelled)), tmp_path / chosen.file_name)
    (found,) = report("binary", swapped=lambda: chosen.load(path)).comparisons
    assert found.outcome == "failed"
    assert found.reason == "its categories of 'label' are not the model's: code 0 is 'y' there and 'gro cery' here"


def test_of_thousands_of_features_no_more_rows_are_made_than_memory_has() -> None:
    found, wide = model("binary").ensemble, FeatureSchema(tuple(Feature(f"f{i}") for i in range(20_000)))
    rows = probes(replace(found, n_features=20_000), wide)
    assert rows.size <= 51_000_000
    assert len({row.tobytes() for row in rows[:200]}) > 100, "splits have their share"


def test_an_answer_that_is_none_stands_in_the_report_as_text() -> None:
    class Nobody(KernelScorer):
        def raw_batch(self, rows: np.ndarray) -> np.ndarray:
            return np.full((len(rows), 1), np.nan)

    found = report("binary", nan=lambda: Nobody(model("binary").ensemble, SCHEMA)).to_json()
    assert json.loads(json.dumps(found, allow_nan=False))["comparisons"][0]["raw_ulps"] == "inf"


def test_what_could_not_be_compared_says_why() -> None:
    def missing() -> Scorer:
        raise EngineMissing("install it")

    def refused() -> Scorer:
        raise UnsupportedModel("not carried")

    def damaged() -> Scorer:
        raise CorruptArtifact("x", "broken")

    found = report("binary", a=missing, b=refused)
    assert [(c.outcome, c.reason) for c in found.comparisons] == [("unavailable", "install it"), ("refused", "not carried")]
    assert not found.passed
    assert report("binary", c=damaged).comparisons[0].outcome == "failed"


def test_a_judge_may_be_four_ulps_off_and_not_five() -> None:
    truth = parity.Truth(model("binary"), SCHEMA)

    def off(by: int) -> Callable[[np.ndarray], np.ndarray]:
        values = dict(zip(map(bytes, truth.rows), truth.values, strict=True))
        return lambda rows: np.array([values[bytes(row)] for row in rows]).view(np.int64).__add__(by).view(np.float64)

    assert truth.of_judge("near", lambda: off(4)).outcome == "passed"
    assert truth.of_judge("far", lambda: off(5)).outcome == "failed"


def test_given_rows_are_compared_too(tmp_path: Path) -> None:
    path = native.export(trained("regression"), SCHEMA, tmp_path / "model.txt")
    rows = np.zeros((7, len(SCHEMA)))
    found = parity.verify(model("regression"), SCHEMA, {"native": lambda: native.load(path)}, {}, rows)
    assert (found.given, found.comparisons[0].rows) == (7, 7 + found.made)


def test_a_report_is_json(tmp_path: Path) -> None:
    path = native.export(trained("regression"), SCHEMA, tmp_path / "model.txt")
    found = report("regression", native=lambda: native.load(path))
    text = json.dumps(found.to_json(), allow_nan=False)
    assert json.loads(text)["passed"] is True


def test_every_split_is_stood_upon_and_its_missing_value_tried() -> None:
    ensemble = model("binary").ensemble
    rows = probes(ensemble, SCHEMA)
    assert np.array_equal(rows, probes(ensemble, SCHEMA), equal_nan=True)
    for node in np.flatnonzero((ensemble.feature >= 0) & (ensemble.category_set < 0)):
        column, threshold = rows[:, ensemble.feature[node]], ensemble.threshold[node]
        for value in (threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)):
            assert (column == value).any()
    for feature in range(len(SCHEMA)):
        assert np.isnan(rows[:, feature]).any()


def test_probes_are_as_many_as_asked() -> None:
    ensemble = model("multiclass").ensemble
    assert len(probes(ensemble, SCHEMA, most=500)) == 500


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        (1.0, 1.0, 0.0),
        (1.0, math.nextafter(1.0, 2.0), 1.0),
        (-5e-324, 5e-324, 2.0),
        (0.0, -0.0, 0.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
    ],
)
def test_distance_in_ulps(a: float, b: float, apart: float) -> None:
    assert parity.ulps(np.array([a]), np.array([b])).tolist() == [apart]
