"""Does a schema describe a model? Checked before every export, so that no artifact carries names or labels that are not its own."""

from __future__ import annotations

import numpy as np

from domain.schema import Feature, FeatureSchema
from exports.ensemble import Ensemble
from exports.errors import SchemaMismatch, UnsupportedModel
from exports.lightgbm_text import TextModel, described
from exports.packing import DENSE

_NO_SET = -2  # below the largest code of any set, -1 of an empty one


def fitting(model: TextModel, schema: FeatureSchema | None, *, unlabelled: bool = False) -> FeatureSchema:
    """The schema to export with: the given one, or the model's own. Raises ``SchemaMismatch``, naming the feature.

    ``unlabelled``: the format carries category codes in the millions, which have no labels; else they are an ``UnsupportedModel``.
    """
    if schema is None:
        check_kinds(model.ensemble, model.schema, unlabelled=unlabelled)
        return model.schema
    check_kinds(model.ensemble, described(model, schema), unlabelled=unlabelled)
    return schema


def check_kinds(ensemble: Ensemble, schema: FeatureSchema, *, unlabelled: bool = False) -> None:
    """Raises ``SchemaMismatch`` where a feature is split in a way that its kind, or its number of labels, does not allow.

    A numeric feature may be split by category if its codes are in the millions; where not ``unlabelled``, that is an ``UnsupportedModel``.
    """
    by_set = ensemble.category_set >= 0
    largest = np.full(len(schema), _NO_SET)
    of_set = np.array([codes[-1] if codes else -1 for codes in ensemble.sets], dtype=np.int64)
    np.maximum.at(largest, ensemble.feature[by_set], of_set[ensemble.category_set[by_set]])
    by_threshold = np.zeros(len(schema), dtype=np.bool_)
    by_threshold[ensemble.feature[(ensemble.feature >= 0) & ~by_set]] = True
    for feature, code, compared in zip(schema.features, largest.tolist(), by_threshold.tolist(), strict=True):
        if code > DENSE and feature.kind == "numeric" and not compared:
            if not unlabelled:
                raise UnsupportedModel(
                    f"feature {feature.name!r} has category codes up to {code:,}, which have no labels here:"
                    " export it as native, or number the categories from 0 and train again"
                )
        elif code > _NO_SET and feature.kind == "numeric":
            raise SchemaMismatch(f"feature {feature.name!r} is split by category in the model: list its categories in the schema")
        if feature.kind == "categorical" and compared:
            raise SchemaMismatch(f"feature {feature.name!r} is split by threshold in the model: train with it as categorical_feature")
        _check_codes(feature, code)


def _check_codes(feature: Feature, largest: int) -> None:
    if largest >= max(len(feature.categories), 1) and feature.kind == "categorical":
        raise SchemaMismatch(
            f"feature {feature.name!r}: the model knows code {largest}, the schema only {len(feature.categories)} categories"
        )
