"""What the leaf of anyone's classification tree says: a confidence for each class, or its class alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from exports.pmml_any_tree import MIXED, Leaf, Tree, TreeNode
from exports.xml_document import Element

_CLOSE: Final = 1e-6  # what a document rounds away where it says one share in two ways
NOTHING: Final = math.nan  # no prediction


def quantity(tree: Tree, leaf: Leaf) -> tuple[float, ...]:
    """The leaf's value as a tuple of one. Raises ``ArtifactError``."""
    if not leaf.nodes:
        return (NOTHING,)
    node = tree.nodes[leaf.nodes[0]]
    if tree.strategy in MIXED:
        raise tree.model.unsupported(f"missingValueStrategy={tree.strategy!r} is for classes; of a quantity it says nothing")
    if node.distribution:
        raise node.distribution[0].unsupported("in a tree whose result is a quantity")
    return (node.element.number("score"),)


class Votes:
    """The leaves of one tree as (classes,) values."""

    def __init__(self, tree: Tree, classes: tuple[str, ...], only_winner: bool) -> None:
        self._tree, self._classes = tree, classes
        self._alone = only_winner or not any(node.distribution for node in tree.nodes)
        self._known: dict[int, tuple[float, ...]] = {}

    def values(self, leaf: Leaf) -> tuple[float, ...]:
        """Confidences, after any penalty; 1 for the winner where the tree has no distributions. Raises ``ArtifactError``."""
        if not leaf.nodes:
            return (NOTHING,) * len(self._classes)
        if self._alone and (self._tree.strategy in MIXED or self._tree.penalty != 1.0):
            raise self._tree.model.unsupported("mixes or penalises confidences, and there are none")
        if self._tree.strategy == "aggregateNodes":
            return self._aggregated(leaf.nodes)
        factor = self._tree.penalty**leaf.penalties
        if leaf.weights is not None:
            shares = [tuple(weight * share for share in self._node(node)) for node, weight in zip(leaf.nodes, leaf.weights, strict=True)]
            return tuple(math.fsum(column) for column in zip(*shares, strict=True))
        return tuple(factor * share for share in self._node(leaf.nodes[0]))

    def _node(self, place: int) -> tuple[float, ...]:
        if place not in self._known:
            node = self._tree.nodes[place]
            self._known[place] = self._winner(node) if self._alone else self._confidences(node)
        return self._known[place]

    def _winner(self, node: TreeNode) -> tuple[float, ...]:
        score = node.element.need("score")
        if score not in self._classes:
            raise node.element.corrupt(f"score={score!r} is none of the target's values")
        return tuple(float(name == score) for name in self._classes)

    def _aggregated(self, places: tuple[int, ...]) -> tuple[float, ...]:
        counts = [self._counts(self._tree.nodes[place]) for place in places]
        return self._shares(self._tree.nodes[places[0]].element, [math.fsum(column) for column in zip(*counts, strict=True)])

    def _by_class(self, node: TreeNode) -> list[Element | None]:
        found: dict[str, Element] = {}
        for part in node.distribution:
            name = part.allow("value", "recordCount", "confidence", "probability").need("value")
            part.children()
            if name not in self._classes or name in found:
                raise part.corrupt(f"{name!r} is none of the target's values, or stands twice")
            found[name] = part
        if not found:
            raise node.element.unsupported("has no ScoreDistribution, others have")
        return [found.get(name) for name in self._classes]

    def _counts(self, node: TreeNode) -> list[float]:
        return [self._share(part, "recordCount") for part in self._by_class(node)]

    def _share(self, part: Element | None, name: str) -> float:
        value = 0.0 if part is None else part.number(name)
        if value < 0.0 and part is not None:
            raise part.corrupt(f"{name}={value!r}")
        return value

    def _confidences(self, node: TreeNode) -> tuple[float, ...]:
        """The confidences as stated, else the probabilities, else the shares of the counts: what is stated twice must agree."""
        parts = self._by_class(node)
        there = [part for part in parts if part is not None]
        stated = {}
        for name in ("confidence", "probability"):
            if any(part.get(name) is not None for part in there):
                stated[name] = tuple(self._share(part, name) for part in parts)
        if not stated or all(part.get("recordCount") is not None for part in there):
            counts = self._counts(node)
            if not stated or sum(counts) > 0.0:
                stated["recordCount"] = self._shares(node.element, counts)
        first = next(iter(stated.values()))
        for name, shares in stated.items():
            if any(abs(a - b) > _CLOSE for a, b in zip(first, shares, strict=True)):
                raise node.element.unsupported(f"its ScoreDistribution says one thing by {next(iter(stated))}, another by {name}")
        self._check_score(node, first)
        return first

    def _shares(self, element: Element, counts: Sequence[float]) -> tuple[float, ...]:
        total = math.fsum(counts)
        if not 0.0 < total < math.inf:
            raise element.unsupported(f"a row may end here, and its recordCounts add up to {total!r}: no class has a confidence")
        return tuple(count / total for count in counts)

    def _check_score(self, node: TreeNode, shares: tuple[float, ...]) -> None:
        """Refuse a node whose class is not its most confident one: confidences alone would tell another."""
        score = node.element.get("score")
        if score is not None and (score not in self._classes or shares[self._classes.index(score)] < max(shares)):
            raise node.element.unsupported(f"score={score!r} is not its most confident class")
