"""What the leaf of anyone's classification tree says: a probability for each class, or its class alone."""

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
        """Probabilities, or what the strategy mixes of them; 1 for the winner in a tree without distributions. Raises ``ArtifactError``."""
        if not leaf.nodes:
            return (NOTHING,) * len(self._classes)
        if self._alone and self._tree.strategy in MIXED:
            raise self._tree.model.unsupported("mixes confidences, and there are none")
        if self._tree.strategy == "aggregateNodes":
            return self._aggregated(leaf.nodes)
        if leaf.weights is not None:
            shares = [tuple(weight * share for share in self._node(node)) for node, weight in zip(leaf.nodes, leaf.weights, strict=True)]
            return tuple(math.fsum(column) for column in zip(*shares, strict=True))
        return self._node(leaf.nodes[0])

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
        """Probabilities as stated, else shares of the counts, else confidences, which ``weightedConfidence`` asks for first.

        What is stated twice must agree, but for rounding.
        """
        parts = self._by_class(node)
        stated = {name: self._stated(node, parts, name) for name in ("probability", "recordCount", "confidence")}
        if self._tree.strategy == "weightedConfidence":
            stated = {"confidence": stated.pop("confidence"), **stated}
        found = {name: shares for name, shares in stated.items() if shares is not None}
        if not found:
            raise node.element.unsupported("its ScoreDistribution holds no numbers")
        first, shares = next(iter(found.items()))
        for name, others in found.items():
            if any(abs(a - b) > _CLOSE for a, b in zip(shares, others, strict=True)):
                raise node.element.unsupported(f"its ScoreDistribution says one thing by {first}, another by {name}")
        self._check_score(node, shares)
        return shares

    def _stated(self, node: TreeNode, parts: list[Element | None], name: str) -> tuple[float, ...] | None:
        """The shares by one attribute, if it is there. Raises ``ArtifactError`` where it is on some classes only."""
        there = [part.get(name) is not None for part in parts if part is not None]
        if not any(there):
            return None
        shares = [self._share(part, name) for part in parts]
        return self._shares(node.element, shares) if name == "recordCount" else tuple(shares)

    def _shares(self, element: Element, counts: Sequence[float]) -> tuple[float, ...]:
        total = math.fsum(counts)
        if not 0.0 < total < math.inf:
            raise element.unsupported(f"a row may end here, and its recordCounts add up to {total!r}: no class has a confidence")
        return tuple(count / total for count in counts)

    def _check_score(self, node: TreeNode, shares: tuple[float, ...]) -> None:
        """Refuse a node whose class is not its most probable one: probabilities alone would tell another."""
        score = node.element.get("score")
        if score is not None and (score not in self._classes or shares[self._classes.index(score)] < max(shares)):
            raise node.element.unsupported(f"score={score!r} is not its most probable class")
