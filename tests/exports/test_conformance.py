"""LightGBM models that others published, with their expectations: old text formats, gamma, dart, thousands of categories."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from exports import lightgbm_text, parity
from exports.compiled import KernelScorer
from exports.ensemble import Ensemble
from exports.errors import UnsupportedModel
from exports.formats import FORMATS, LOCAL
from exports.scorer import Scorer
from tests.published import DATA

SHARED = DATA / "conformance" / "lightgbm"
NAMES = [entry["name"] for entry in json.loads((SHARED / "manifest.json").read_text())] if SHARED.is_dir() else []
SPARSE = "treelite-sparse-categorical"
pytestmark = pytest.mark.skipif(not NAMES, reason=f"the published models are not in {SHARED}: set POLYSCORE_TEST_DATA to their folder")


def model(name: str) -> str:
    path = next((SHARED / name).glob("*model.txt*"))
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()


def inputs(name: str) -> np.ndarray:
    """(n, features): a CSV with empty cells for missing."""
    return np.genfromtxt(SHARED / name / "inputs.csv", delimiter=",", skip_header=1, ndmin=2)


@pytest.mark.parametrize("name", [name for name in NAMES if name != SPARSE])
def test_published_expectations_hold(name: str) -> None:
    text = lightgbm_text.parse(model(name))
    rows = inputs(name)
    expected = np.loadtxt(SHARED / name / "expected.csv", delimiter=",", skiprows=1, ndmin=1)
    entry = next(e for e in json.loads((SHARED / "manifest.json").read_text()) if e["name"] == name)
    scorer = KernelScorer(text.ensemble, text.schema)
    found = scorer.raw_batch(rows) if entry["raw_score"] else scorer.score_batch(rows)
    np.testing.assert_allclose(found.ravel(), expected, rtol=0, atol=entry["tolerance"])


def sparse_inputs(features: int) -> np.ndarray:
    """(n, features): a libsvm file, zero based; what is absent is missing."""
    lines = (SHARED / SPARSE / "sparse_categorical.test").read_text().splitlines()
    rows = np.full((len(lines), features), np.nan)
    for row, line in zip(rows, lines, strict=True):
        for pair in line.split()[1:]:
            column, _, value = pair.partition(":")
            row[int(column)] = float(value)
    return rows


def around_codes(ensemble: Ensemble, rows: np.ndarray) -> np.ndarray:
    """Rows with each split's feature on some of its codes, between them, missing and beyond what an int holds."""
    odd = (-1.0, -0.5, 0.0, 1e9, 3e9, -3e9, 2.0**63, np.inf, -np.inf, np.nan)
    found = [rows]
    for node in np.flatnonzero(ensemble.category_set >= 0):
        codes = ensemble.sets[ensemble.category_set[node]]
        near = [code + step for code in (*codes[:4], *codes[-4:]) for step in (-1, 0, 0.5, 1)]
        more = np.tile(rows, (len(near) + len(odd), 1))
        more[:, ensemble.feature[node]] = np.repeat([*near, *odd], len(rows))
        found.append(more)
    return np.concatenate(found)


def test_category_codes_in_the_millions_are_numbers_of_their_own() -> None:
    """Elsewhere codes are indices into a schema's labels; here they go up to 8,225,440, and a few hundred are used."""
    text = lightgbm_text.parse(model(SPARSE))
    rows = sparse_inputs(text.ensemble.n_features)
    scorer = KernelScorer(text.ensemble, text.schema)
    expected = np.loadtxt(SHARED / SPARSE / "expected.csv", delimiter=",", skiprows=1, ndmin=1)
    np.testing.assert_allclose(scorer.raw_batch(rows).ravel(), expected, rtol=0, atol=1e-5)
    tried = around_codes(text.ensemble, rows)
    truth = lgb.Booster(model_str=text.text).predict(tried, raw_score=True)
    assert scorer.raw_batch(tried).ravel().tobytes() == np.asarray(truth).tobytes()


@pytest.mark.parametrize("model_format", FORMATS)
def test_a_format_carries_category_codes_in_the_millions_or_refuses_them_by_name(model_format: str, tmp_path: Path) -> None:
    text, chosen = lightgbm_text.parse(model(SPARSE)), FORMATS[model_format]
    path = tmp_path / chosen.file_name
    if model_format != "native":
        with pytest.raises(UnsupportedModel, match=r"category codes up to [\d,]+, which have no labels here: export it as native"):
            chosen.export(text, None, path)
        assert not path.exists()
        return
    rows = sparse_inputs(text.ensemble.n_features)
    found = chosen.load(chosen.export(text, None, path)).raw_batch(rows)
    assert found.tobytes() == KernelScorer(text.ensemble, text.schema).raw_batch(rows).tobytes()


@pytest.mark.parametrize("name", [name for name in NAMES if name != SPARSE])
def test_every_format_scores_them_as_lightgbm_does(name: str, tmp_path: Path) -> None:
    text = lightgbm_text.parse(model(name))
    rows = inputs(name)

    def load(model_format: str) -> Scorer:
        chosen = FORMATS[model_format]
        return chosen.load(chosen.export(text, None, tmp_path / chosen.file_name))

    formats = {n: lambda n=n: load(n) for n in LOCAL}  # type: ignore[misc]  # bound in the loop
    report = parity.verify(text, text.schema, formats, {}, rows)
    assert {c.outcome for c in report.comparisons} == {"passed"}, [(c.name, c.reason) for c in report.comparisons]
    assert report.given == len(rows)
