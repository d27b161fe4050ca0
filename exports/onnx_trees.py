"""An ensemble as the attributes of ONNX's ``TreeEnsemble`` (domain ai.onnx.ml, version 5, in double), and back.

Nodes and leaves stand in preorder, tree by tree. The operator has no tree without a node and no empty set. Both become ``<= NaN``,
which nothing passes: a set as a test of its codes, a tree of one leaf as a test of feature 0 above that leaf, twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exports.ensemble import Builder, Ensemble, Link, Node, Split

Ints = NDArray[np.int64]
LESS_OR_EQUAL: Final = 0
MEMBER: Final = 6
INTEGERS: Final = (
    "leaf_targetids", "nodes_falseleafs", "nodes_falsenodeids", "nodes_featureids", "nodes_missing_value_tracks_true", "nodes_trueleafs",
    "nodes_truenodeids", "tree_roots",
)  # fmt: skip
DOUBLE: Final = np.dtype("float64")
TENSORS: Final[dict[str, np.dtype[Any]]] = {"nodes_modes": np.dtype("uint8"), "nodes_splits": DOUBLE, "leaf_weights": DOUBLE}
MAX_DEPTH: Final = 500  # ONNX Runtime 1.32 descends by recursion: at a depth of 20,000, not yet of 10,000, it died with 8 MB of stack
MAX_BYTES: Final = 1 << 26  # 30 times 1,000 trees of 63 leaves; reading takes up to 20 times this in memory
MEMBERS: Final = "membership_values"
TARGETS: Final = "n_targets"


@dataclass(frozen=True)
class Columns:
    """What the trees read: the features, then codes of the ``categorical`` ones, then the ``zero_missing`` ones with zero as NaN."""

    features: int
    categorical: tuple[int, ...]
    zero_missing: tuple[int, ...]

    @classmethod
    def of(cls, ensemble: Ensemble) -> Columns:
        """The columns that an ensemble asks for."""
        sets, zeros = ensemble.category_set >= 0, ensemble.zero_missing
        return cls(ensemble.n_features, _distinct(ensemble.feature[sets]), _distinct(ensemble.feature[zeros]))

    @property
    def origin(self) -> list[int]:
        """The feature that each column is made from."""
        return [*range(self.features), *self.categorical, *self.zero_missing]

    def column(self, ensemble: Ensemble) -> Ints:
        """The column that each node reads."""
        place = np.arange(self.features)
        codes, numbers = place.copy(), place.copy()
        codes[list(self.categorical)] = self.features + np.arange(len(self.categorical))
        numbers[list(self.zero_missing)] = self.features + len(self.categorical) + np.arange(len(self.zero_missing))
        kind = np.where(ensemble.category_set >= 0, 1, np.where(ensemble.zero_missing, 2, 0))
        return np.stack([place, codes, numbers])[kind, ensemble.feature]


def _distinct(features: NDArray[np.int32]) -> tuple[int, ...]:
    return tuple(int(f) for f in np.unique(features))


def too_deep(ensemble: Ensemble) -> bool:
    """Is a tree deeper than engines can be trusted with?"""
    level = ensemble.tree_start[:-1]
    for _ in range(MAX_DEPTH + 1):
        level = level[ensemble.feature[level] >= 0]
        level = np.concatenate([level + 1, ensemble.right[level]])
    return len(level) > 0


def attributes(ensemble: Ensemble) -> dict[str, Any]:
    """The attributes: lists of integers, arrays for tensors."""
    full = _rooted(ensemble)
    leaf = full.feature < 0
    index = np.where(leaf, np.cumsum(leaf), np.cumsum(~leaf)) - 1
    nodes = np.flatnonzero(~leaf)
    below, beside = nodes + 1, full.right[nodes]
    output = np.repeat(full.tree_output, np.diff(full.tree_start))
    sets = [full.sets[s] for s in full.category_set[nodes] if s >= 0]
    found = {
        "aggregate_function": 1,  # the sum
        "post_transform": 0,  # none
        TARGETS: full.n_outputs,
        "leaf_targetids": output[leaf].tolist(),
        "leaf_weights": full.threshold[leaf],
        "nodes_falseleafs": leaf[beside].astype(int).tolist(),
        "nodes_falsenodeids": index[beside].tolist(),
        "nodes_featureids": Columns.of(ensemble).column(full)[nodes].tolist(),
        "nodes_missing_value_tracks_true": full.default_left[nodes].astype(int).tolist(),
        "nodes_modes": _modes(full)[nodes],
        "nodes_splits": _splits(full)[nodes],
        "nodes_trueleafs": leaf[below].astype(int).tolist(),
        "nodes_truenodeids": index[below].tolist(),
        "tree_roots": index[full.tree_start[:-1]].tolist(),
    }
    members = [[*(code + 1.0 for code in codes), math.nan] for codes in sets if codes]
    return {**found, MEMBERS: np.concatenate(members)} if members else found


def _rooted(ensemble: Ensemble) -> Ensemble:
    """The ensemble with every tree of one leaf put below a comparison that nothing passes."""
    lone = ensemble.tree_start[:-1][np.diff(ensemble.tree_start) == 1]
    times = np.ones(len(ensemble.feature), dtype=np.int32)
    times[lone] = 3
    start = np.concatenate([[0], np.cumsum(times)]).astype(np.int32)
    source = np.repeat(np.arange(len(times)), times)
    feature, threshold, right = ensemble.feature[source], ensemble.threshold[source], ensemble.right[source]
    right = np.where(right >= 0, start[right], -1).astype(np.int32)
    roots = start[lone]
    feature[roots], threshold[roots], right[roots] = 0, math.nan, roots + 2
    return replace(
        ensemble,
        tree_start=start[ensemble.tree_start],
        feature=feature,
        threshold=threshold,
        right=right,
        default_left=ensemble.default_left[source],
        zero_missing=ensemble.zero_missing[source],
        category_set=ensemble.category_set[source],
    )


def _modes(ensemble: Ensemble) -> NDArray[np.uint8]:
    kind = np.array([MEMBER if codes else LESS_OR_EQUAL for codes in ensemble.sets] + [LESS_OR_EQUAL], dtype=np.uint8)
    return kind[ensemble.category_set]  # -1, a comparison, picks the last


def _splits(ensemble: Ensemble) -> NDArray[np.float64]:
    of_set = np.array([0.0 if codes else math.nan for codes in ensemble.sets] + [0.0])[ensemble.category_set]
    return np.where(ensemble.category_set >= 0, of_set, ensemble.threshold)


def ensemble_of(found: Mapping[str, Any], columns: Columns, link: Link) -> Ensemble:
    """The ensemble that attributes stand for, if they are ours: whoever calls compares ``attributes`` of it with them.

    Raises ``ValueError`` for what is no ensemble at all. Time and memory are bounded by the length of the attributes.
    """
    reader = _Reader(found, columns)
    builder = Builder(columns.features)
    for root in found["tree_roots"].tolist():
        builder.add(reader.target, 2 * root, reader.node)
    return builder.build(reader.n_targets, link)


class _Reader:
    """Arrays of attributes, checked once; ``node`` reads a node, or a leaf, of them."""

    def __init__(self, found: Mapping[str, Any], columns: Columns) -> None:
        trees, nodes, leaves = (len(found[name]) for name in ("tree_roots", "nodes_featureids", "leaf_targetids"))
        self.n_targets = int(found[TARGETS])
        self.left = nodes + leaves  # a node may be read once: what is shared, or runs in a circle, uses this up
        self._leaves_read = 0
        if not 0 < trees <= nodes or not 0 < self.n_targets <= trees:
            raise ValueError(f"{trees} trees of {nodes} nodes for {self.n_targets} outputs")
        self._origin, self._n_categorical, self._features = columns.origin, len(columns.categorical), columns.features
        if not all(0 <= feature < self._features for feature in self._origin):
            raise ValueError(f"its columns are made from features {self._origin[self._features :]}")
        self._roots = set(_within(found, "tree_roots", trees, nodes).tolist())
        self._column: list[int] = _within(found, "nodes_featureids", nodes, len(self._origin)).tolist()
        self._default: list[int] = _within(found, "nodes_missing_value_tracks_true", nodes, 2).tolist()
        self._true, self._false = (self._below(found, side, nodes, max(nodes, leaves)) for side in ("true", "false"))
        self._targets: list[int] = _within(found, "leaf_targetids", leaves, self.n_targets).tolist()
        self._weights: list[float] = _sized(found, "leaf_weights", leaves).tolist()
        self._splits: list[float] = _sized(found, "nodes_splits", nodes).tolist()
        self._codes = _codes(_sized(found, "nodes_modes", nodes), found.get(MEMBERS, np.zeros(0)))

    @staticmethod
    def _below(found: Mapping[str, Any], side: str, nodes: int, most: int) -> list[int]:
        places: list[int] = (
            _within(found, f"nodes_{side}nodeids", nodes, most) * 2 + _within(found, f"nodes_{side}leafs", nodes, 2)
        ).tolist()
        return places

    @property
    def target(self) -> int:
        """The output of the tree that comes next: its leaves come next, all with the same one."""
        if self._leaves_read >= len(self._targets):
            raise ValueError("more trees than leaves")
        return self._targets[self._leaves_read]

    def node(self, place: int) -> Node[int]:
        """The split at index ``place / 2`` or, if odd, the leaf; a root that nothing passes is the leaf below it."""
        index, leaf = divmod(place, 2)
        self.left -= 1
        if self.left < 0 or index >= len(self._weights if leaf else self._column):
            raise ValueError("its trees share nodes, run in a circle or point to none")
        if leaf:
            self._leaves_read += 1
            return _number(self._weights[index])
        if index in self._roots and self._column[index] == 0 and math.isnan(self._splits[index]) and self._false[index] % 2:
            self._leaves_read += 1
            return self.node(self._false[index])
        return self._split(index), self._true[index], self._false[index]

    def _split(self, index: int) -> Split:
        column, default_left = self._column[index], bool(self._default[index])
        zero_missing = column >= self._features + self._n_categorical
        if column < self._features or zero_missing:
            return Split(self._origin[column], _number(self._splits[index]), default_left, zero_missing)
        if default_left:
            raise ValueError("a missing category goes to the true side; LightGBM never sends it there")
        return Split(self._origin[column], 0.0, codes=self._codes.get(index, ()))


def _number(value: float) -> float:
    if math.isnan(value):
        raise ValueError("a threshold or a leaf is NaN")
    return value


def _within(found: Mapping[str, Any], name: str, count: int, below: int) -> Ints:
    values = _sized(found, name, count)
    if count and not (values.min() >= 0 and values.max() < below):
        raise ValueError(f"{name} points out of range")
    return values


def _sized(found: Mapping[str, Any], name: str, count: int) -> NDArray[Any]:
    values: NDArray[Any] = found[name]
    if values.shape != (count,):
        raise ValueError(f"{name} holds {values.shape} values where {count} were due")
    return values


def _codes(modes: NDArray[np.uint8], members: NDArray[np.float64]) -> dict[int, tuple[int, ...]]:
    """Node -> its category set, for the nodes that have one."""
    ends = np.flatnonzero(np.isnan(members))
    nodes = np.flatnonzero(modes == MEMBER)
    if len(ends) != len(nodes) or (len(members) and ends[-1:] != len(members) - 1) or np.isinf(members).any() or (members < 1).any():
        raise ValueError(f"{MEMBERS} does not hold a set for each of {len(nodes)} nodes")
    starts = [0, *(ends + 1).tolist()]
    sets = [tuple(sorted({int(m) - 1 for m in members[a:b].tolist()})) for a, b in zip(starts, ends.tolist(), strict=False)]
    return dict(zip(nodes.tolist(), sets, strict=True))
