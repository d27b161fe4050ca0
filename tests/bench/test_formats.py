"""What one row costs in each format, by pytest-benchmark: `make bench` measures, the test suite only runs it once."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exports.formats import FORMATS
from models.bundle import load_bundle

ROWS = 2_000


@pytest.fixture(scope="module")
def rows(bundle: Path) -> list[list[float]]:
    """Rows like those of a stream: amounts, counts and rates, a tenth of them missing."""
    rng = np.random.default_rng(0)
    found = rng.lognormal(0, 1.5, (ROWS, len(load_bundle(bundle).schema)))
    found[rng.random(found.shape) < 0.1] = np.nan
    found[:, -1] = rng.integers(-1, 10, ROWS)
    return [list(map(float, row)) for row in found]


@pytest.mark.parametrize("model_format", FORMATS)
def test_score_one_row(model_format: str, bundle: Path, rows: list[list[float]], benchmark: Any) -> None:
    found = load_bundle(bundle)
    scorer, native = found.scorer(model_format), found.scorer("native")
    benchmark.extra_info["model"] = "{rounds} trees of {num_leaves} leaves".format(**found.manifest["params"])
    benchmark.extra_info["bytes"] = (bundle / FORMATS[model_format].file_name).stat().st_size
    following = cycle(rows)
    benchmark(lambda: scorer.score(next(following)))
    assert [scorer.score(row) for row in rows[:200]] == [native.score(row) for row in rows[:200]]


@pytest.mark.parametrize("model_format", FORMATS)
def test_score_a_batch(model_format: str, bundle: Path, rows: list[list[float]], benchmark: Any) -> None:
    scorer, table = load_bundle(bundle).scorer(model_format), np.array(rows)
    scores = benchmark(lambda: scorer.score_batch(table))
    assert scores.shape == (ROWS, 1)


@pytest.mark.parametrize("model_format", FORMATS)
def test_load(model_format: str, bundle: Path, benchmark: Any) -> None:
    chosen = FORMATS[model_format]
    scorer = benchmark(lambda: chosen.load(bundle / chosen.file_name))
    assert scorer.schema == load_bundle(bundle).schema
