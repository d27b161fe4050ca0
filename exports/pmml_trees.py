"""One tree as a TreeModel: missing takes each node's ``defaultChild``, and no predicate is unknown for any other reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from exports.ensemble import Ensemble, Split
from exports.pmml_names import Names

INFINITE: Final = {"1e999": math.inf, "-1e999": -math.inf}  # the only text that Java's parser, C's and xs:double read as infinite
_PLAIN: Final = re.compile(r'[^\s"\\]+( [^\s"\\]+)*')  # words with one blank between them
_HEAD: Final = '<TreeModel functionName="regression" missingValueStrategy="defaultChild" splitCharacteristic="binarySplit"><MiningSchema>'


def number(value: float) -> str:
    """The shortest text that reads back to the same double."""
    return repr(value) if math.isfinite(value) else "1e999" if value > 0 else "-1e999"


class TreeWriter:
    """Writes the trees of one ensemble."""

    def __init__(self, ensemble: Ensemble, names: Names) -> None:
        self._ensemble = ensemble
        self._names = [quoteattr(name) for name in names.features]
        self._unless_zero = [quoteattr(name) for name in names.unless_zero]
        self._labels = names.labels

    def tree(self, tree: int) -> Iterator[str]:
        """A TreeModel, line by line."""
        start, stop = (int(edge) for edge in self._ensemble.tree_start[tree : tree + 2])
        used = sorted(set(self._ensemble.feature[start:stop].tolist()) - {-1}) or [0]  # a MiningSchema must not be empty
        yield _HEAD + "".join(f"<MiningField name={self._names[f]}/>" for f in used) + "</MiningSchema>"
        todo: list[tuple[int, str] | None] = [(start, "<True/>")]
        while todo:
            item = todo.pop()
            if item is None:
                yield "</Node>"
                continue
            at, predicate = item
            node, opened = self._ensemble.split(at), f'<Node id="{at - start}"'
            if isinstance(node, float):
                yield f'{opened} score="{number(node)}">{predicate}</Node>'
                continue
            below = (at + 1, int(self._ensemble.right[at]))
            yield f'{opened} defaultChild="{below[not node.default_left] - start}">{predicate}'
            left, right = self._predicates(node)
            todo += [None, (below[1], right), (below[0], left)]
        yield "</TreeModel>"

    def _predicates(self, split: Split) -> tuple[str, str]:
        if split.codes is not None:
            return _of_set(self._names[split.feature], [self._labels[split.feature][code] for code in split.codes])
        name = (self._unless_zero if split.zero_missing else self._names)[split.feature]
        if split.threshold == math.inf and not split.default_left:
            return f'<SimplePredicate field={name} operator="isNotMissing"/>', f'<SimplePredicate field={name} operator="isMissing"/>'
        return _simple(name, "lessOrEqual", number(split.threshold)), _simple(name, "greaterThan", number(split.threshold))


def _of_set(name: str, labels: Sequence[str]) -> tuple[str, str]:
    """In the set, and not in it: as an Array where engines agree on how to read its labels, else label by label."""
    if all(_PLAIN.fullmatch(label) for label in labels):
        array = " ".join(f'"{label}"' if " " in label else label for label in labels)
        inside = f'<Array type="string" n="{len(labels)}">{escape(array)}</Array>'
        return _simple_set(name, "isIn", inside), _simple_set(name, "isNotIn", inside)
    left = "".join(_simple(name, "equal", label) for label in labels)
    right = "".join(_simple(name, "notEqual", label) for label in labels)
    return (left, right) if len(labels) == 1 else (_compound("or", left), _compound("and", right))


def _simple(name: str, operator: str, value: str) -> str:
    return f'<SimplePredicate field={name} operator="{operator}" value={quoteattr(value)}/>'


def _simple_set(name: str, operator: str, array: str) -> str:
    return f'<SimpleSetPredicate field={name} booleanOperator="{operator}">{array}</SimpleSetPredicate>'


def _compound(operator: str, predicates: str) -> str:
    return f'<CompoundPredicate booleanOperator="{operator}">{predicates}</CompoundPredicate>'
