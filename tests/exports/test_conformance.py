"""LightGBM models that others published, with their expectations: old text formats, gamma, dart, thousands of categories."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from exports import lightgbm_text, parity
from exports.compiled import KernelScorer
from exports.errors import UnsupportedModel
from exports.formats import FORMATS, LOCAL
from exports.scorer import Scorer

SHARED = Path(os.environ.get("POLYSCORE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "conformance" / "lightgbm"
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


def test_category_codes_in_the_millions_are_refused_with_what_to_do() -> None:
    """Codes are indices into a schema's labels, and here they are numbers like 8,225,440 of which 326 are used."""
    with pytest.raises(UnsupportedModel, match="number the categories from 0"):
        lightgbm_text.parse(model(SPARSE))


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
