"""The reasons of an alert are LightGBM's own: the three largest of `pred_contrib`, in words."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import numpy as np

from domain.fraud.features import SCHEMA, phrase
from exports.formats import FORMATS
from models.bundle import load_bundle
from models.decide import Model, explain
from tests.models.small import FRAUD, dataset


def test_the_reasons_are_the_top_three_of_lightgbms_pred_contrib(trained: Path) -> None:
    bundle = load_bundle(trained)
    model = Model(bundle.version, "native", bundle.scorer("native"), bundle.contributions)
    rows = dataset().x[:: len(dataset().x) // 200]
    booster = lgb.Booster(model_file=trained / FORMATS["native"].file_name)
    pushes = np.asarray(booster.predict(rows, pred_contrib=True))[:, :-1]  # the last column is the base
    for row, push in zip(rows, pushes, strict=True):
        by_strength = sorted((i for i in range(len(SCHEMA)) if push[i] > 0), key=lambda i: -push[i])
        assert explain(FRAUD, model, row.tolist()) == [_words(i, row[i]) for i in by_strength[:3]]
    assert (np.sum(pushes > 0, axis=1) > 3).any()


def _words(index: int, value: float) -> str:
    feature = SCHEMA.features[index]
    label = feature.categories[int(value)] if feature.categories and value >= 0 else None
    return phrase(feature.name, value, label)
