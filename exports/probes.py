"""Rows that try a model where artifacts go wrong: at every split from both sides, at zero, at infinity, missing, unseen.

A row for a split must come to that split: the values on its path are chosen so that it does, wherever the path allows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

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
_CELLS: Final = 50_000_000  # of all rows
_A_SPLIT: Final = 4  # rows, or some more
_MEMBERS: Final = 8  # of a set that are tried
Path = dict[int, float]  # feature -> the value that leads on


def probes(ensemble: Ensemble, schema: FeatureSchema, *, most: int = 200_000, seed: int = 0) -> Rows:
    """(n, features) float64, n at most about ``most``: splits first (a sample of them if there are more), then every feature's odd values.

    The same model and seed give the same rows.
    """
    rng = np.random.default_rng(seed)
    most = min(most, max(_CELLS // max(len(schema), 1), 1_000))
    odd = _odd_values(schema, ensemble, rng, most // 2)
    chosen = _sample(ensemble, most - len(odd), rng)
    at_splits = _background(ensemble, schema, len(chosen), rng)
    for row, path in zip(at_splits, chosen, strict=True):
        row[list(path)] = list(path.values())
    return np.concatenate([at_splits, odd])


def _sample(ensemble: Ensemble, most: int, rng: np.random.Generator) -> list[Path]:
    splits = int((ensemble.feature >= 0).sum())
    share = min(1.0, 2 * most / max(splits * _A_SPLIT, 1))
    found = [path for tree in range(ensemble.n_trees) for path in _at_splits(ensemble, tree, rng, share)]
    if len(found) <= most:
        return found
    return [found[i] for i in np.sort(rng.choice(len(found), most, replace=False))]


def _at_splits(ensemble: Ensemble, tree: int, rng: np.random.Generator, share: float) -> Iterator[Path]:
    """For a ``share`` of a tree's splits, paths that lead there and then stand on its threshold, beside it, or miss the value."""
    todo: list[tuple[int, Path, dict[int, _Codes]]] = [(int(ensemble.tree_start[tree]), {}, {})]
    while todo:
        node, path, asked = todo.pop()
        split = ensemble.split(node)
        if isinstance(split, float):
            continue
        chosen = share >= 1 or rng.random() < share
        if split.codes is None:
            tried = _at_threshold(split) if chosen else []
            left, right = _sides(split, path.get(split.feature))
            to_left = to_right = asked
        else:
            codes = asked.get(split.feature, _Codes())
            inside, outside = codes.among(split.codes), codes.beside(split.codes)
            tried = _at_set(split.codes, inside, outside, rng) if chosen else []
            left, right = inside.one(), outside.one()
            to_left, to_right = {**asked, split.feature: inside}, {**asked, split.feature: outside}
        yield from ({**path, split.feature: value} for value in tried)
        todo += [(node + 1, {**path, split.feature: left}, to_left), (int(ensemble.right[node]), {**path, split.feature: right}, to_right)]


class _Codes(NamedTuple):
    """What the splits of a path ask of a category: one of ``allowed`` (None: any), and none of ``refused``."""

    allowed: tuple[int, ...] | None = None
    refused: frozenset[int] = frozenset()

    def among(self, codes: tuple[int, ...]) -> _Codes:
        """One that goes left as well."""
        allowed = None if self.allowed is None else set(self.allowed)
        return _Codes(tuple(c for c in codes if c not in self.refused and (allowed is None or c in allowed)), self.refused)

    def beside(self, codes: tuple[int, ...]) -> _Codes:
        """One that goes right as well."""
        gone = frozenset(codes)
        left = None if self.allowed is None else tuple(c for c in self.allowed if c not in gone)
        return _Codes(left, self.refused | gone)

    def one(self) -> float:
        """The first that fits; nan where none does: nothing comes there."""
        if self.allowed is None:
            return float(next(code for code in range(len(self.refused) + 1) if code not in self.refused))
        return float(self.allowed[0]) if self.allowed else math.nan


def _at_threshold(split: Split) -> list[float]:
    t = split.threshold
    return [t, math.nextafter(t, math.inf), math.nextafter(t, -math.inf), math.nan, *([0.0, ZERO] if split.zero_missing else [])]


def _at_set(codes: tuple[int, ...], inside: _Codes, outside: _Codes, rng: np.random.Generator) -> list[float]:
    members = list(inside.allowed or codes)
    if len(members) > _MEMBERS:
        members = np.sort(rng.choice(members, _MEMBERS, replace=False)).tolist()
    return [*map(float, members), *(code + 0.5 for code in members[:1]), outside.one(), math.nan]


def _sides(split: Split, taken: float | None) -> tuple[float, float]:
    """A value that goes left and one that goes right; what an earlier split of the path asked for is kept where it still fits."""
    fits_left = taken is not None and taken <= split.threshold
    fits_right = taken is not None and taken > split.threshold
    left = taken if fits_left and taken is not None else split.threshold
    beyond = math.nan if split.threshold == math.inf else math.nextafter(split.threshold, math.inf)  # nothing else goes there
    right = taken if fits_right and taken is not None else beyond
    return left, right


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


def _odd_values(schema: FeatureSchema, ensemble: Ensemble, rng: np.random.Generator, most: int) -> Rows:
    """Each feature in turn at each of its odd values (a sample of ``most``); and rows that are missing, zero or infinite throughout."""
    singles = [(i, value) for i, feature in enumerate(schema.features) for value in _odd(feature)]
    if len(singles) > most:
        singles = [singles[i] for i in np.sort(rng.choice(len(singles), most, replace=False))]
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
