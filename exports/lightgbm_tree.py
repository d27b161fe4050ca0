"""One tree of LightGBM's text model: its arrays checked, its decision types decoded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from exports.ensemble import Builder, Node, Split
from exports.errors import CorruptArtifact, UnsupportedConstruct, UnsupportedModel
from exports.missing import MissingType, settle

Block = Mapping[str, tuple[str, int]]
MAX_CODE: Final = (1 << 31) - 1  # LightGBM casts a code to int
_KNOWN: Final = frozenset({
    "num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child", "leaf_parent",
    "leaf_value", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count", "cat_boundaries", "cat_threshold",
    "is_linear", "shrinkage",
})  # fmt: skip
_LINEAR: Final = ("leaf_const", "num_features", "leaf_features", "leaf_coeff")
_MISSING: Final[tuple[MissingType, ...]] = ("none", "zero", "nan")
_INTEGER: Final = re.compile(r"-?[0-9]{1,10}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|inf)")


def read_tree(builder: Builder, output: int, block: Block, source: str) -> None:
    """Add one tree. Raises ``UnsupportedModel`` for a linear tree, ``ArtifactError`` for what does not fit together."""
    _check_keys(block, source)
    leaves = _integers(block, "num_leaves", 1, source)[0]
    if leaves < 1:
        raise CorruptArtifact(source, f"num_leaves={leaves}", block["num_leaves"][1])
    tree = _Tree(block, leaves, builder.n_features, source)
    try:
        builder.add(output, ~0 if leaves == 1 else 0, tree.node, most=2 * leaves - 1)
    except ValueError:
        raise CorruptArtifact(source, "the children run in a circle", tree.line("left_child")) from None


def _check_keys(block: Block, source: str) -> None:
    for key, (value, line) in block.items():
        if key in _LINEAR or (key == "is_linear" and value.strip() != "0"):
            raise UnsupportedModel(f"{source}: line {line}: a linear tree ({key}): train with linear_tree=false to export it")
        if key not in _KNOWN:
            raise UnsupportedConstruct(source, key, "an unknown key of a tree", line)


class _Tree:
    """The arrays of one block; ``node`` reads index i, or leaf ~i if negative."""

    def __init__(self, block: Block, leaves: int, n_features: int, source: str) -> None:
        self._block, self._source, self._n_features = block, source, n_features
        self.leaf_value = _floats(block, "leaf_value", leaves, source)
        splits = leaves - 1
        self.feature = _integers(block, "split_feature", splits, source)
        self.threshold = _floats(block, "threshold", splits, source)
        self.decision = _integers(block, "decision_type", splits, source)
        self.children = tuple(zip(*(_integers(block, side, splits, source) for side in ("left_child", "right_child")), strict=True))
        self.sets = self._category_sets() if any(d & 1 for d in self.decision) else []

    def line(self, key: str) -> int:
        return self._block[key][1]

    def node(self, index: int) -> Node[int]:
        if index < 0:
            return self.leaf_value[self._within(~index, len(self.leaf_value), "left_child")]
        self._within(index, len(self.feature), "left_child")
        return self._split(index), *self.children[index]

    def _split(self, index: int) -> Split:
        feature = self._within(self.feature[index], self._n_features, "split_feature")
        decision = self.decision[index]
        missing = decision >> 2
        if not 0 <= decision <= 15 or missing >= len(_MISSING):
            raise UnsupportedConstruct(self._source, f"decision_type={decision}", "unknown", self.line("decision_type"))
        if decision & 1:
            place = int(self._finite(self.threshold[index]))
            return Split(feature, 0.0, codes=self.sets[self._within(place, len(self.sets), "threshold")])
        return settle(feature, self.threshold[index], _MISSING[missing], bool(decision & 2))

    def _category_sets(self) -> list[tuple[int, ...]]:
        count = _integers(self._block, "num_cat", 1, self._source)[0]
        if count < 0:
            raise CorruptArtifact(self._source, f"num_cat={count}", self.line("num_cat"))
        bounds = _integers(self._block, "cat_boundaries", count + 1, self._source)
        words = _integers(self._block, "cat_threshold", bounds[-1], self._source)
        if bounds[0] != 0 or any(a > b for a, b in pairwise(bounds)):
            raise CorruptArtifact(self._source, "cat_boundaries do not rise", self.line("cat_boundaries"))
        if max((b - a for a, b in pairwise(bounds)), default=0) > (MAX_CODE + 1) // 32:
            raise self._too_sparse(32 * max(b - a for a, b in pairwise(bounds)) - 1)
        if any(not 0 <= w < 1 << 32 for w in words):
            raise CorruptArtifact(self._source, "cat_threshold holds what is no bit set", self.line("cat_threshold"))
        return [self._codes(words[a:b]) for a, b in pairwise(bounds)]

    def _codes(self, words: list[int]) -> tuple[int, ...]:
        codes = tuple(32 * i + bit for i, word in enumerate(words) if word for bit in range(32) if word >> bit & 1)
        if codes and codes[-1] > MAX_CODE:
            raise self._too_sparse(codes[-1])
        return codes

    def _too_sparse(self, code: int) -> UnsupportedModel:
        place = f"{self._source}: line {self.line('cat_threshold')}"
        return UnsupportedModel(
            f"{place}: category codes up to {code:,}, more than an int holds: number the categories from 0 and train again"
        )

    def _within(self, value: int, size: int, key: str) -> int:
        if not 0 <= value < size:
            raise CorruptArtifact(self._source, f"{key} holds {value}, out of range", self.line(key))
        return value

    def _finite(self, value: float) -> float:
        if not math.isfinite(value):
            raise CorruptArtifact(self._source, f"a categorical split with threshold {value}", self.line("threshold"))
        return value


def _integers(block: Block, key: str, count: int, source: str) -> list[int]:
    return [int(word) for word in _words(block, key, count, source, _INTEGER)]


def _floats(block: Block, key: str, count: int, source: str) -> list[float]:
    return [float(word) for word in _words(block, key, count, source, _NUMBER)]


def _words(block: Block, key: str, count: int, source: str, pattern: re.Pattern[str]) -> list[str]:
    value, line = block.get(key, ("", 0))
    words = list(filter(None, value.split(" ")))  # as LightGBM does
    if len(words) != count:
        raise CorruptArtifact(source, f"{key} holds {len(words)} values where {count} were due", line)
    for word in words:
        if not pattern.fullmatch(word):
            raise CorruptArtifact(source, f"{key} holds {word[:40]!r}, which is no number", line)
    return words
