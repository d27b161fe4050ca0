"""PMML4S scores the trained fraud model from raw payments as LightGBM does: missing and unseen categories included."""

from __future__ import annotations

import math
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import pmml4s_engine
from exports.formats import FORMATS
from models.bundle import load_bundle
from tests.models.small import dataset

pytestmark = pytest.mark.system


def test_pmml4s_agrees_on_the_trained_fraud_model_from_raw_payments(bundle: Path) -> None:
    """Payments of another world than the model learned from, each with its own category, with none, and with one never seen."""
    schema = load_bundle(bundle).schema
    booster = lgb.Booster(model_file=bundle / FORMATS["native"].file_name)
    category = schema.names.index("merchant_category")
    rows = _chosen(schema)
    others = np.repeat(rows[:150], 3, axis=0)
    others[:, category] = np.tile([math.nan, -1.0, schema.code("merchant_category", "online")], 150)
    rows = np.concatenate([rows, others])
    wanted = np.asarray(booster.predict(rows))
    got = pmml4s_engine.load(bundle / FORMATS["pmml"].file_name, schema)(rows)
    np.testing.assert_array_max_ulp(got.ravel(), wanted, maxulp=4)
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
