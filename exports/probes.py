"""Rows that try a model where artifacts go wrong: at every split from both sides, at zero, at infinity, missing, unseen.

A row for a split must come to that split: the values on its path are chosen so that it does, wherever the path allows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports.ensemble import Ensemble, Split
from exports.missing import ZERO

Rows = NDArray[np.float64]
_NUMBERS: Final = (
    *(0.0, -0.0, ZERO, -ZERO, 1e-35, -1e-35, math.nextafter(ZERO, 1), math.nextafter(-ZERO, -1), 5e-324, -5e-324),
    *(1.0, -1.0, 1e300, -1e300, math.inf, -math.inf, math.nan),
)
_MOST_CODES: Final = 2_000
Path = dict[int, float]  # feature -> the value that leads on


def probes(ensemble: Ensemble, schema: FeatureSchema, *, most: int = 200_000, seed: int = 0) -> Rows:
    """(n, features) float64, n at most about ``most``: splits first (a sample of them if there are more), then every feature's odd values.

    The same model and seed give the same rows.
    """
    rng = np.random.default_rng(seed)
    odd = _odd_values(schema, ensemble, rng)
    chosen = _sample(ensemble, max(most - len(odd), 1), rng)
    at_splits = _background(ensemble, schema, len(chosen), rng)
    for row, path in zip(at_splits, chosen, strict=True):
        row[list(path)] = list(path.values())
    return np.concatenate([at_splits, odd])


def _sample(ensemble: Ensemble, most: int, rng: np.random.Generator) -> list[Path]:
    found = [path for tree in range(ensemble.n_trees) for path in _at_splits(ensemble, tree, rng)]
    if len(found) <= most:
        return found
    return [found[i] for i in np.sort(rng.choice(len(found), most, replace=False))]


def _at_splits(ensemble: Ensemble, tree: int, rng: np.random.Generator) -> Iterator[Path]:
    """For each split of a tree, paths that lead there and then stand on its threshold, beside it, or miss the value."""
    todo: list[tuple[int, Path]] = [(int(ensemble.tree_start[tree]), {})]
    while todo:
        node, path = todo.pop()
        split = ensemble.split(node)
        if isinstance(split, float):
            continue
        tried = _tried(split, rng)
        yield from ({**path, split.feature: value} for value in tried)
        left, right = _sides(split, path.get(split.feature), rng)
        todo += [(node + 1, {**path, split.feature: left}), (int(ensemble.right[node]), {**path, split.feature: right})]


def _tried(split: Split, rng: np.random.Generator) -> list[float]:
    if split.codes is None:
        t = split.threshold
        return [t, math.nextafter(t, math.inf), math.nextafter(t, -math.inf), math.nan]
    inside = [float(rng.choice(split.codes))] if split.codes else []
    return [*inside, *(code + 0.5 for code in inside), float(_outside(split.codes)), math.nan]


def _sides(split: Split, taken: float | None, rng: np.random.Generator) -> tuple[float, float]:
    """A value that goes left and one that goes right; what an earlier split of the path asked for is kept where it still fits."""
    if split.codes is not None:
        members = set(split.codes)
        left = taken if taken in members else float(rng.choice(split.codes)) if split.codes else math.nan
        right = taken if taken is not None and taken not in members else float(_outside(split.codes))
        return float(left if left is not None else math.nan), right
    fits_left = taken is not None and taken <= split.threshold
    fits_right = taken is not None and taken > split.threshold
    left = taken if fits_left and taken is not None else split.threshold
    right = taken if fits_right and taken is not None else math.nextafter(split.threshold, math.inf)
    return left, right


def _outside(codes: tuple[int, ...]) -> int:
    """The smallest code that is not among these."""
    known = set(codes)
    return next(code for code in range(len(codes) + 1) if code not in known)


def _background(ensemble: Ensemble, schema: FeatureSchema, n: int, rng: np.random.Generator) -> Rows:
    """Rows that roam the trees: each value near one of its feature's thresholds, or one of its codes; a tenth is missing."""
    rows = np.zeros((n, len(schema)))
    for i, feature in enumerate(schema.features):
        edges = np.unique(ensemble.threshold[(ensemble.feature == i) & (ensemble.category_set < 0)])
        edges = edges[np.isfinite(edges)]
        if feature.categories:
            rows[:, i] = rng.integers(-1, len(feature.categories) + 1, n)
        elif len(edges):
            scale = max(float(np.ptp(edges)) / 20, 1e-3) if len(edges) > 1 else 1.0
            rows[:, i] = rng.choice(edges, n) + (rng.normal(size=n) * scale if math.isfinite(scale) else 0.0)
        else:
            rows[:, i] = rng.normal(size=n)
    rows[rng.random(rows.shape) < 0.1] = math.nan
    return rows


def _odd_values(schema: FeatureSchema, ensemble: Ensemble, rng: np.random.Generator) -> Rows:
    """Each feature in turn at each of its odd values; and rows that are missing, zero or infinite throughout."""
    singles = [(i, value) for i, feature in enumerate(schema.features) for value in _odd(feature)]
    rows = _background(ensemble, schema, len(singles), rng)
    for row, (i, value) in zip(rows, singles, strict=True):
        row[i] = value
    whole = np.array([[value] * len(schema) for value in _NUMBERS])
    return np.concatenate([rows, whole])


def _odd(feature: Feature) -> list[float]:
    if not feature.categories:
        return list(_NUMBERS)
    known = len(feature.categories)
    codes = range(known) if known <= _MOST_CODES else range(0, known, known // _MOST_CODES)
    return [
        *map(float, codes),
        -1.0,
        -0.5,
        0.5,
        known - 0.5,
        float(known),
        known + 40.0,
        1e9,
        3e9,
        -3e9,
        1e300,
        math.inf,
        -math.inf,
        math.nan,
    ]
