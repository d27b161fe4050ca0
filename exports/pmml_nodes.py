"""The reader of TreeModels: the shape that polyscore writes at full speed, and whatever else is read with care or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from exports.ensemble import Builder, Node, Split
from exports.pmml_fields import Fields
from exports.pmml_trees import INFINITE
from exports.xml_document import Element, finite

_OPPOSITES: Final = (("lessOrEqual", "greaterThan"), ("isNotMissing", "isMissing"), ("isIn", "isNotIn"))
_LABELLED: Final = {"equal": "isIn", "notEqual": "isNotIn"}
_COMPARED: Final = ["field", "operator", "value"]
_LABEL: Final = re.compile(r'"((?:\\"|[^"])*)"|(\S+)')
Codes = tuple[int, ...]
Test = tuple[str, str, float | Codes]  # operator, field, threshold or sorted codes


class TreeReader:
    """Reads trees into a builder. ``document`` is any element of theirs: it names file and namespace."""

    def __init__(self, fields: Fields, builder: Builder, document: Element) -> None:
        self._fields, self._builder, self._document = fields, builder, document
        self._node_tag, self._simple_tag = (f"{{{document.namespace}}}{tag}" for tag in ("Node", "SimplePredicate"))
        self._known_sets: dict[tuple[str, str], Codes] = {}
        self._numeric = fields.numeric  # of the tree that is being read
        self._codes = fields.codes

    def tree(self, model: Element, output: int, within: set[str]) -> None:
        """Add the tree of a TreeModel inside a model with the fields ``within``. Raises ``ArtifactError``."""
        if model.tag != "TreeModel":
            raise model.unsupported("where a TreeModel was due")
        model.allow("functionName", "missingValueStrategy", "splitCharacteristic").one_of("functionName", ("regression",))
        model.one_of("missingValueStrategy", ("defaultChild",))
        model.one_of("splitCharacteristic", ("binarySplit",))
        parts = model.children("MiningSchema", "Node")
        asked = self._fields.check(model.child("MiningSchema", parts), within)
        self._numeric = {n: field for n, field in self._fields.numeric.items() if n in asked or n not in self._fields.index}
        self._codes = {n: codes for n, codes in self._fields.codes.items() if n in asked}
        root = model.child("Node", parts)
        if _Parts(root).predicate.tag != "True":
            raise root.unsupported("the root's predicate is not True")
        self._builder.add(output, root.node, self._node)

    def _node(self, node: etree._Element) -> Node[etree._Element]:
        """A leaf or a split. A node's own predicate is its parent's to read."""
        below = list(node)
        keys = node.keys()
        if len(below) == 1 and keys == ["id", "score"]:
            value = finite(node.get("score", ""))
            return self._any(node) if value is None else value
        if len(below) == 3 and keys == ["id", "defaultChild"] and below[1].tag == below[2].tag == self._node_tag:
            split = self._comparison(node, below[1], below[2])
            if split is not None:
                return split, below[1], below[2]
        return self._any(node)

    def _comparison(self, node: etree._Element, left: etree._Element, right: etree._Element) -> Split | None:
        """The split, if it compares a number with a finite threshold and missing goes to the child that the node names."""
        if not len(left) or not len(right) or left[0].tag != self._simple_tag or right[0].tag != self._simple_tag:
            return None
        first, second = left[0].values(), right[0].values()
        if left[0].keys() != _COMPARED or right[0].keys() != _COMPARED or first[::2] != second[::2]:
            return None
        ids = (left.get("id"), right.get("id"))
        default, field, threshold = node.get("defaultChild"), self._numeric.get(first[0]), finite(first[2])
        if (first[1], second[1]) != _OPPOSITES[0] or field is None or threshold is None or default not in ids or ids[0] == ids[1]:
            return None
        return Split(field[0], threshold, default == ids[0], field[1])

    def _any(self, node: etree._Element) -> Node[etree._Element]:
        parts = _Parts(self._document.at(node))
        if not parts.below:
            return _number(parts.element, "score")
        if len(parts.below) != 2:
            raise parts.element.unsupported(f"has {len(parts.below)} children; a binary split has two")
        left, right = (_Parts(child) for child in parts.below)
        return self._split(parts.element, left, right), left.element.node, right.element.node

    def _split(self, element: Element, left: _Parts, right: _Parts) -> Split:
        ids = [left.element.need("id"), right.element.need("id")]
        if element.need("defaultChild") not in ids or ids[0] == ids[1]:
            raise element.corrupt(f"defaultChild={element.need('defaultChild')!r} is none of its children {ids}")
        default_left = element.need("defaultChild") == ids[0]
        first, second = self._test(left.predicate), self._test(right.predicate)
        if first[1:] != second[1:] or (first[0], second[0]) not in _OPPOSITES:
            raise right.predicate.unsupported("is not the opposite of its sibling's predicate")
        operator, name, value = first
        if operator == "lessOrEqual" and isinstance(value, float):
            feature, zero_missing = self._numeric[name]
            return Split(feature, value, default_left, zero_missing)
        if default_left:
            raise element.unsupported("sends a missing value to the side that it is not tested for; LightGBM never does")
        if isinstance(value, float):
            feature, zero_missing = self._numeric[name]
            return Split(feature, math.inf, False, zero_missing)
        return Split(self._fields.index[name], 0.0, codes=value)

    def _test(self, predicate: Element) -> Test:
        if predicate.tag == "CompoundPredicate":
            return self._labels_one_by_one(predicate)
        name = predicate.need("field") if predicate.tag != "True" else ""
        if name not in self._numeric and name not in self._codes:
            raise predicate.unsupported(f"asks for {name!r}, which is no feature in the tree's MiningSchema")
        return self._simple_set(predicate, name) if predicate.tag == "SimpleSetPredicate" else self._simple(predicate, name)

    def _simple(self, predicate: Element, name: str) -> Test:
        predicate.allow("field", "operator", "value")
        if name in self._codes:
            operator = predicate.one_of("operator", _LABELLED)
            label = predicate.need("value")
            if label not in self._codes[name]:
                raise predicate.corrupt(f"{label!r} is no label of {name!r}")
            return _LABELLED[operator], name, (self._codes[name][label],)
        operator = predicate.one_of("operator", ("lessOrEqual", "greaterThan", "isMissing", "isNotMissing"))
        return operator, name, math.inf if operator in _OPPOSITES[1] else _number(predicate, "value")

    def _simple_set(self, predicate: Element, name: str) -> Test:
        operator = predicate.allow("field", "booleanOperator").one_of("booleanOperator", ("isIn", "isNotIn"))
        array = predicate.child("Array", predicate.children("Array")).allow("type", "n")
        array.one_of("type", ("string",))
        key = (name, array.text)
        if key not in self._known_sets:
            codes, labels = self._codes.get(name, {}), list(labels_of(array.text))
            if not set(labels) <= set(codes) or len(set(labels)) != len(labels):
                raise array.corrupt(f"does not hold labels of {name!r}, each once")
            self._known_sets[key] = tuple(sorted(codes[label] for label in labels))
        if array.number("n") != len(self._known_sets[key]):
            raise array.corrupt(f"n={array.need('n')} for {len(self._known_sets[key])} labels")
        return operator, name, self._known_sets[key]

    def _labels_one_by_one(self, predicate: Element) -> Test:
        """One label or another, or neither of them."""
        operator = predicate.allow("booleanOperator").one_of("booleanOperator", ("or", "and"))
        tests = [self._test(part) for part in predicate.children("SimplePredicate")]
        wanted = "isIn" if operator == "or" else "isNotIn"
        if len(tests) < 2 or {test[:2] for test in tests} != {(wanted, tests[0][1])}:
            raise predicate.unsupported("is not a list of labels of one feature")
        codes = [code for _, _, found in tests if not isinstance(found, float) for code in found]
        if len(set(codes)) != len(tests):
            raise predicate.corrupt("names a label twice")
        return wanted, tests[0][1], tuple(sorted(codes))


class _Parts:
    """A Node, taken apart: its predicate and the nodes below."""

    def __init__(self, element: Element) -> None:
        self.element = element.allow("id", "score", "defaultChild", "recordCount")
        parts = element.children("True", "SimplePredicate", "SimpleSetPredicate", "CompoundPredicate", "Node")
        self.below = [p for p in parts if p.tag == "Node"]
        predicates = [p for p in parts if p.tag != "Node"]
        if len(predicates) != 1:
            raise element.corrupt(f"has {len(predicates)} predicates where one was due")
        self.predicate = predicates[0]


def _number(element: Element, name: str) -> float:
    """The attribute's value, infinite ones as polyscore spells them."""
    text = element.need(name)
    return INFINITE[text] if text in INFINITE else element.number(name)


def labels_of(text: str) -> Iterator[str]:
    for quoted, bare in _LABEL.findall(text):
        yield bare or quoted.replace('\\"', '"')
