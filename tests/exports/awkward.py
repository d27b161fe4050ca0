"""Random ensembles of all that a LightGBM model file can hold, however unlikely, and rows that try it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports.ensemble import LINKS, Builder, Ensemble, Link, Split
from exports.missing import ZERO

_THRESHOLDS: Final = (0.0, ZERO, -ZERO, math.inf, -math.inf, 5e-324, 1.0, -1.5)
_LEAVES: Final = (0.0, -0.0, 1e-300, 1e300, 0.1, -0.3, 1e8, math.inf)
_NUMBERS: Final = (0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), math.inf, -math.inf, math.nan, 1.0, 5e-324, 1e300)
_CODES: Final = (-1.0, -0.5, -2.0, 0.5, 2.7, 1e300, -1e300, math.inf, -math.inf, math.nan, 2.0**31, 2.0**32 + 1, 2.0**63)


def ensemble(rng: np.random.Generator) -> tuple[Ensemble, FeatureSchema]:
    """Up to 30 trees of up to 3 outputs: trees of one leaf, empty and large sets, thresholds at infinity, zeros that are missing."""
    labels = [int(rng.choice([0, 1, 5, 40, 70, 200])) for _ in range(rng.integers(1, 6))]
    outputs = int(rng.integers(1, 4))
    builder = Builder(len(labels))

    def node(depth: int) -> float | tuple[Split, int, int]:
        if rng.random() < 0.25 + 0.1 * depth:
            return float(rng.choice([rng.normal(), *_LEAVES]))
        feature = int(rng.integers(len(labels)))
        if labels[feature]:
            codes = rng.choice(labels[feature], rng.integers(labels[feature] + 1), replace=False)
            return Split(feature, 0.0, codes=tuple(sorted(codes.tolist()))), depth + 1, depth + 1
        threshold = float(rng.choice([rng.normal(), *_THRESHOLDS]))
        return Split(feature, threshold, bool(rng.random() < 0.5), bool(rng.random() < 0.3)), depth + 1, depth + 1

    for tree in range(int(rng.integers(outputs, 30))):
        builder.add(tree % outputs, 0, node)
    link = Link(LINKS[rng.integers(len(LINKS))], float(rng.choice([1.0, 0.7])), int(rng.choice([1, 3])), bool(rng.random() < 0.5))
    schema = FeatureSchema(tuple(_feature(i, n) for i, n in enumerate(labels)))
    return builder.build(outputs, link), schema


def _feature(place: int, labels: int) -> Feature:
    return Feature(f'f "{place}"*/', "categorical" if labels else "numeric", tuple(f"é??/{i}\\" for i in range(labels)))


def rows(schema: FeatureSchema, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Rows of numbers and codes, most of them where a comparison may go wrong."""
    x = rng.normal(size=(count, len(schema)))
    for place, feature in enumerate(schema.features):
        pool = (*_CODES, *range(len(feature.categories) + 1)) if feature.categories else _NUMBERS
        chosen = rng.random(count) < 0.8
        x[chosen, place] = rng.choice(pool, chosen.sum())
    return x
