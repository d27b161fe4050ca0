"""Every format gives LightGBM's raw score bit for bit, row by row and in batches, or refuses the model by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.schema import FeatureSchema
from exports import native
from exports.formats import FORMATS, LOCAL
from exports.scorer import Scorer
from tests.exports.zoo import KINDS, SCHEMA, rows, trained

CARRIED = [(f, k) for f in LOCAL for k in KINDS]


def through(model_format: str, kind: str, folder: Path) -> Scorer:
    chosen = FORMATS[model_format]
    return chosen.load(chosen.export(trained(kind), SCHEMA, folder / chosen.file_name))


@pytest.mark.parametrize(("model_format", "kind"), CARRIED)
def test_raw_scores_are_lightgbms_bit_for_bit(model_format: str, kind: str, tmp_path: Path) -> None:
    booster = trained(kind)
    scorer = through(model_format, kind, tmp_path)
    x = rows(native.load(native.export(booster, SCHEMA, tmp_path / "model.txt")).ensemble)
    raw = np.asarray(booster.predict(x, raw_score=True)).reshape(len(x), -1)
    assert scorer.raw_batch(x).tobytes() == raw.tobytes()
    assert np.array([scorer.score(row.tolist()).raw for row in x[:500]]).tobytes() == raw[:500].tobytes()


@pytest.mark.parametrize(("model_format", "kind"), CARRIED)
def test_linked_scores_are_lightgbms_within_two_ulps(model_format: str, kind: str, tmp_path: Path) -> None:
    scorer, x = through(model_format, kind, tmp_path), rows(native.load(native.export(trained(kind), SCHEMA, tmp_path / "m.txt")).ensemble)
    wanted = np.asarray(trained(kind).predict(x)).reshape(len(x), -1)
    np.testing.assert_array_max_ulp(scorer.score_batch(x), wanted, maxulp=2)
    one = scorer.score(x[0].tolist()).values
    np.testing.assert_array_max_ulp(np.array(one), wanted[0], maxulp=2)


@pytest.mark.parametrize(("model_format", "kind"), CARRIED)
def test_an_artifact_reads_back_as_the_same_ensemble(model_format: str, kind: str, tmp_path: Path) -> None:
    native_ensemble = native.load(native.export(trained(kind), SCHEMA, tmp_path / "model.txt")).ensemble
    scorer = through(model_format, kind, tmp_path)
    assert scorer.ensemble.same_as(native_ensemble)  # type: ignore[attr-defined]  # each of the three keeps it
    assert scorer.schema == SCHEMA


def test_labels_with_quotes_are_carried(tmp_path: Path) -> None:
    quoted = FeatureSchema(tuple(replace(f, categories=('say "x"', *f.categories[1:])) if f.categories else f for f in SCHEMA.features))
    for chosen in (FORMATS[name] for name in LOCAL):
        assert chosen.load(chosen.export(trained("binary"), quoted, tmp_path / chosen.file_name)).schema == quoted


def test_a_missing_feature_may_be_none(tmp_path: Path) -> None:
    for model_format in LOCAL:
        scorer = through(model_format, "binary", tmp_path)
        assert scorer.score([1.0, None, 0.0, None, 2.0]) == scorer.score([1.0, float("nan"), 0.0, float("nan"), 2.0])
