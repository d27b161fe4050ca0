"""A parity report finds the smallest wrong there is in an artifact, and says of what it could not compare why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exports import lightgbm_text, native, parity, pfa, pmml
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
