"""A tree ensemble as flat arrays: what every reader ends in, every writer starts from and the kernel walks.

It is canonical: LightGBM's missing types and its handling of values near zero are settled into thresholds
and flags (``exports.missing``), so that equal models are equal arrays whichever format they came through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

LinkKind = Literal["identity", "logistic", "softmax", "exp", "signed_square", "log1p_exp"]
LINKS: tuple[LinkKind, ...] = ("identity", "logistic", "softmax", "exp", "signed_square", "log1p_exp")
T = TypeVar("T")


@dataclass(frozen=True)
class Link:
    """From raw scores to what the model means by them.

    ``logistic`` is 1 / (1 + exp(-sigmoid * raw)), each output for itself (binary, one-vs-all, cross entropy);
    ``average_over`` > 1 divides the raw sum first (random forests); ``classes`` tells probabilities of classes from quantities.
    """

    kind: LinkKind = "identity"
    sigmoid: float = 1.0
    average_over: int = 1
    classes: bool = False


class Split(NamedTuple):
    """A decision: left if ``value <= threshold`` or, with ``codes``, if the category's code is among them.

    Missing goes left if ``default_left``; with ``zero_missing`` |value| <= 1e-35 (float32) counts as missing.
    A category that is missing, negative or unseen always goes right.
    """

    feature: int
    threshold: float
    default_left: bool = False
    zero_missing: bool = False
    codes: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trees in preorder: the left child of node i is i + 1, its right child ``right[i]``; a leaf has ``feature`` -1.

    Trees lie sorted by output, and within an output in the order in which their leaves are summed.
    Shapes: ``tree_start`` (trees + 1,), ``tree_output`` (trees,), node arrays (nodes,); ``category_set`` is -1 or
    an index into ``sets``, the sorted codes that go left.
    """

    n_features: int
    n_outputs: int
    link: Link
    tree_start: NDArray[np.int32]
    tree_output: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]  # of a leaf: its value
    right: NDArray[np.int32]
    default_left: NDArray[np.bool_]
    zero_missing: NDArray[np.bool_]
    category_set: NDArray[np.int32]
    sets: tuple[tuple[int, ...], ...]

    @property
    def n_trees(self) -> int:
        return len(self.tree_output)

    def trees(self, output: int) -> list[int]:
        """The trees of one output, in order."""
        return [int(t) for t in np.flatnonzero(self.tree_output == output)]

    def split(self, node: int) -> Split | float:
        """The decision at a node, or the value of the leaf there."""
        value = float(self.threshold[node])
        if self.feature[node] < 0:
            return value
        codes = self.sets[self.category_set[node]] if self.category_set[node] >= 0 else None
        return Split(int(self.feature[node]), value, bool(self.default_left[node]), bool(self.zero_missing[node]), codes)

    def depths(self) -> NDArray[np.int32]:
        """The depth of each tree: 0 for one leaf."""
        depth = np.zeros(len(self.feature), dtype=np.int32)
        for i in np.flatnonzero(self.feature >= 0):
            depth[i + 1] = depth[self.right[i]] = depth[i] + 1
        return np.maximum.reduceat(depth, self.tree_start[:-1]) if self.n_trees else depth

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every field: equal for equal models, whichever format they came through."""
        found = hashlib.sha256()
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            found.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
            found.update(b";")
        return found.hexdigest()

    def same_as(self, other: Ensemble) -> bool:
        """Equal in every field, bit for bit."""
        return all(_equal(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and bool(a.tobytes() == b.tobytes())
    return bool(a == b)


Node = float | tuple[Split, T, T]  # a leaf's value, or a decision and what stands left and right of it


@dataclass
class Builder:
    """Collects trees in any order of outputs; ``build`` sorts them by output."""

    n_features: int
    _trees: list[tuple[int, list[tuple[Split | float, int]]]] = field(default_factory=list)

    def add(self, output: int, root: T, read: Callable[[T], Node[T]], most: int = 1 << 24) -> None:
        """Add a tree: ``read`` turns what a format has for a node into a leaf or a decision.

        Raises ``ValueError`` at more than ``most`` nodes: whatever ``read`` walks, it has a cycle or is too large.
        """
        nodes: list[tuple[Split | float, int]] = []
        todo: list[tuple[T, int]] = [(root, -1)]
        while todo:
            item, parent = todo.pop()
            if parent >= 0:
                nodes[parent] = (nodes[parent][0], len(nodes))
            node = read(item)
            if isinstance(node, tuple):
                todo += [(node[2], len(nodes)), (node[1], -1)]
            nodes.append((node[0] if isinstance(node, tuple) else node, -1))
            if len(nodes) > most:
                raise ValueError(f"tree {len(self._trees)} has more than {most} nodes: it is too large or runs in a circle")
        self._trees.append((output, nodes))

    def build(self, n_outputs: int, link: Link) -> Ensemble:
        trees = sorted(self._trees, key=lambda tree: tree[0])
        start = np.cumsum([0, *(len(nodes) for _, nodes in trees)]).astype(np.int32)
        pairs = [(s, r + int(first) if r >= 0 else -1) for first, (_, nodes) in zip(start, trees, strict=False) for s, r in nodes]
        splits = [s if isinstance(s, Split) else Split(-1, s) for s, _ in pairs]
        known: dict[tuple[int, ...], int] = {}
        sets = [-1 if s.codes is None else known.setdefault(s.codes, len(known)) for s in splits]
        return Ensemble(
            n_features=self.n_features,
            n_outputs=n_outputs,
            link=link,
            tree_start=start,
            tree_output=np.array([output for output, _ in trees], dtype=np.int32),
            feature=np.array([s.feature for s in splits], dtype=np.int32),
            threshold=np.array([s.threshold for s in splits], dtype=np.float64),
            right=np.array([r for _, r in pairs], dtype=np.int32),
            default_left=np.array([s.default_left for s in splits], dtype=np.bool_),
            zero_missing=np.array([s.zero_missing for s in splits], dtype=np.bool_),
            category_set=np.array(sets, dtype=np.int32),
            sets=tuple(known),
        )


def preorder(ensemble: Ensemble, tree: int) -> Iterator[tuple[int, Split | float]]:
    """The nodes of one tree, as a writer wants them."""
    for node in range(int(ensemble.tree_start[tree]), int(ensemble.tree_start[tree + 1])):
        yield node, ensemble.split(node)
