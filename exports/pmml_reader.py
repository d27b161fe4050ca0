"""The strict reader of PMML tree ensembles, into the canonical ensemble: what it does not know is refused, by name and line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from domain.schema import Feature, FeatureSchema
from exports import xml_document
from exports.ensemble import Builder, Ensemble, Link, LinkKind, Node, Split
from exports.pmml_writer import NAMESPACE, NORMALIZATION
from exports.xml_document import Element

_LINKS: Final[dict[str, LinkKind]] = {text: kind for kind, text in NORMALIZATION.items()}
_OPPOSITES: Final = (("lessOrEqual", "greaterThan"), ("isNotMissing", "isMissing"), ("isIn", "isNotIn"))
_LABEL: Final = re.compile(r'"((?:\\"|[^"])*)"|(\S+)')


class Document(NamedTuple):
    """What a PMML file says: the trees and the features they ask for."""

    ensemble: Ensemble
    schema: FeatureSchema


def read(path: Path) -> Document:
    """Read a file. Raises ``CorruptArtifact`` or ``UnsupportedConstruct``, naming the element and its line."""
    root = xml_document.read(path, NAMESPACE).allow("version")
    if root.tag != "PMML":
        raise root.unsupported("is not the root of a PMML document")
    root.one_of("version", ("4.4",))
    parts = root.children("Header", "DataDictionary", "MiningModel")
    model = root.child("MiningModel", parts)
    fields = _Fields(root.child("DataDictionary", parts), _targets(model))
    return Document(_Reader(fields).model(model), fields.schema)


def _targets(model: Element) -> set[str]:
    """The fields that the model predicts."""
    schemas = (p for p in model.children("MiningSchema", "Output", "Segmentation") if p.tag == "MiningSchema")
    fields = (f for schema in schemas for f in schema.children("MiningField"))
    return {f.need("name") for f in fields if f.get("usageType") == "target"}


class _Fields:
    """The data dictionary: the features in its order, and the target if there is one."""

    def __init__(self, dictionary: Element, targets: set[str]) -> None:
        self.features: list[Feature] = []
        self.targets = targets
        for field in dictionary.allow("numberOfFields").children("DataField"):
            self._read(field.allow("name", "displayName", "optype", "dataType"))
        try:
            self.schema = FeatureSchema(tuple(self.features))
        except ValueError as error:
            raise dictionary.corrupt(str(error)) from None
        self.index = {f.name: i for i, f in enumerate(self.features)}
        self.codes = {f.name: {c: i for i, c in enumerate(f.categories)} for f in self.features}

    def _read(self, field: Element) -> None:
        name, kind = field.need("name"), (field.need("optype"), field.need("dataType"))
        labels = [value.allow("value").need("value") for value in field.children("Value")]
        if name in self.targets and kind in (("categorical", "integer"), ("continuous", "double")):
            return
        if kind == ("continuous", "double") and not labels:
            self.features.append(Feature(name, description=field.get("displayName") or ""))
        elif kind == ("categorical", "string") and labels and len(set(labels)) == len(labels):
            self.features.append(Feature(name, "categorical", tuple(labels), field.get("displayName") or ""))
        else:
            raise field.unsupported(f"{name!r} as {kind[1]} {kind[0]} with {len(labels)} values")

    def check(self, mining_schema: Element, known: set[str] | None = None) -> None:
        """Every field must be one that there is, and a label outside the dictionary must count as missing, as in LightGBM."""
        for field in mining_schema.allow().children("MiningField"):
            name = field.allow("name", "usageType", "invalidValueTreatment").need("name")
            target = field.one_of("usageType", ("active", "target"), "active") == "target"
            if name not in (self.targets if target else known if known is not None else self.index):
                raise field.corrupt(f"{name!r} is not a field that stands before it")
            field.one_of("invalidValueTreatment", ("returnInvalid", "asMissing"), "returnInvalid")


class _Reader:
    def __init__(self, fields: _Fields) -> None:
        self._fields = fields
        self._builder = Builder(len(fields.features))

    def model(self, model: Element) -> Ensemble:
        """A sum of trees, or a chain of sums and their link."""
        segmentation = self._segmentation(model)
        if segmentation.get("multipleModelMethod") != "modelChain":
            return self._builder.build(1, Link(average_over=self._sum(model, 0)[0]))
        segments = [self._content(s) for s in segmentation.children("Segment")]
        sums, last = segments[:-1], segments[-1] if segments else segmentation
        found = [self._sum(s, k) for k, s in enumerate(sums)]
        if len({trees for trees, _ in found}) != 1 or last.tag != "RegressionModel":
            raise segmentation.unsupported("is not a chain of sums of trees with a RegressionModel behind them")
        return self._builder.build(len(sums), self._link(last, [raw for _, raw in found], found[0][0]))

    def _segmentation(self, model: Element) -> Element:
        if model.tag != "MiningModel":
            raise model.unsupported("where a MiningModel was due")
        model.allow("functionName", "algorithmName").one_of("functionName", ("regression", "classification"))
        parts = model.children("MiningSchema", "Output", "Segmentation")
        self._fields.check(model.child("MiningSchema", parts))
        return model.child("Segmentation", parts).allow("multipleModelMethod")

    def _content(self, segment: Element) -> Element:
        """The model of a segment whose predicate is True."""
        parts = segment.allow("id").children("True", "MiningModel", "TreeModel", "RegressionModel")
        if len(parts) != 2 or parts[0].allow().tag != "True":
            raise segment.unsupported("holds something else than True and one model")
        return parts[1]

    def _sum(self, model: Element, output: int) -> tuple[int, str]:
        """Adds a sum's trees; returns how many they are averaged over (1: summed), and the name of the result."""
        segmentation = self._segmentation(model)
        if model.get("functionName") != "regression":
            raise model.unsupported("trees that vote: only sums and averages of regression trees are read")
        method = segmentation.one_of("multipleModelMethod", ("sum", "average"))
        segments = segmentation.children("Segment")
        for segment in segments:
            self._tree(self._content(segment), output)
        return (len(segments) if method == "average" else 1), self._result(model)

    def _result(self, model: Element) -> str:
        names = []
        for output in (o for o in model.children("MiningSchema", "Output", "Segmentation") if o.tag == "Output"):
            for field in output.allow().children("OutputField"):
                field.allow("name", "optype", "dataType", "feature").one_of("feature", ("predictedValue",), "predictedValue")
                field.one_of("dataType", ("double",))
                names.append(field.need("name"))
        return names[0] if names else ""

    def _link(self, model: Element, raw: list[str], average_over: int) -> Link:
        kind = _LINKS[model.allow("functionName", "normalizationMethod").one_of("normalizationMethod", tuple(_LINKS))]
        classes = model.one_of("functionName", ("regression", "classification")) == "classification"
        parts = model.children("MiningSchema", "RegressionTable")
        self._fields.check(model.child("MiningSchema", parts), known=set(raw))
        tables = [p for p in parts if p.tag == "RegressionTable"]
        binary = classes and len(raw) == 1
        expected = [(raw[0], "1"), ("", "0")] if binary else [(r, str(k) if classes else "") for k, r in enumerate(raw)]
        read = [self._table(table) for table in tables]
        if [(name, category) for name, category, _ in read] != expected or (classes and (kind == "logistic") != binary):
            raise model.unsupported("does not link each raw score with its own class, in order")
        sigmoid = read[0][2]
        if any(coefficient != sigmoid for name, _, coefficient in read if name) or (kind != "logistic" and sigmoid != 1.0):
            raise model.unsupported("scales raw scores in a way that no LightGBM objective does")
        return Link(kind, sigmoid, average_over, classes)

    def _table(self, table: Element) -> tuple[str, str, float]:
        """(raw score, class, coefficient) of a regression table without intercept; no raw score: always zero."""
        if table.allow("intercept", "targetCategory").number("intercept") != 0.0:
            raise table.unsupported("has an intercept; LightGBM keeps it in the leaves")
        predictors = table.children("NumericPredictor")
        if not predictors:
            return "", table.get("targetCategory") or "", 0.0
        predictor = table.child("NumericPredictor", predictors).allow("name", "coefficient")
        return predictor.need("name"), table.get("targetCategory") or "", predictor.number("coefficient")

    def _tree(self, model: Element, output: int) -> None:
        if model.tag != "TreeModel":
            raise model.unsupported("where a TreeModel was due")
        model.allow("functionName", "missingValueStrategy", "splitCharacteristic").one_of("functionName", ("regression",))
        model.one_of("missingValueStrategy", ("defaultChild",))
        model.one_of("splitCharacteristic", ("binarySplit",))
        parts = model.children("MiningSchema", "Node")
        self._fields.check(model.child("MiningSchema", parts))
        root = _TreeNode(model.child("Node", parts))
        if root.predicate.tag != "True":
            raise root.element.unsupported("the root's predicate is not True")
        self._builder.add(output, root, self._node)

    def _node(self, node: _TreeNode) -> Node[_TreeNode]:
        if not node.below:
            return node.element.number("score")
        if len(node.below) != 2:
            raise node.element.unsupported(f"has {len(node.below)} children; a binary split has two")
        left, right = (_TreeNode(child) for child in node.below)
        return self._split(node.element, left, right), left, right

    def _split(self, element: Element, left: _TreeNode, right: _TreeNode) -> Split:
        ids = [left.element.need("id"), right.element.need("id")]
        if element.need("defaultChild") not in ids or ids[0] == ids[1]:
            raise element.corrupt(f"defaultChild={element.need('defaultChild')!r} is none of its children {ids}")
        default_left = element.need("defaultChild") == ids[0]
        first, second = self._test(left.predicate), self._test(right.predicate)
        if first[1:] != second[1:] or (first[0], second[0]) not in _OPPOSITES:
            raise right.predicate.unsupported("is not the opposite of its sibling's predicate")
        name, value = first[1:]
        feature = self._fields.index[name]
        if first[0] == "lessOrEqual" and isinstance(value, float):
            return Split(feature, value, default_left)
        if default_left:
            raise element.unsupported("sends a missing value to the side that it is not tested for; LightGBM never does")
        if isinstance(value, float):
            return Split(feature, value)
        return Split(feature, 0.0, codes=value)

    def _test(self, predicate: Element) -> tuple[str, str, float | tuple[int, ...]]:
        """(operator, field, threshold or sorted codes) of a predicate."""
        name = predicate.need("field") if predicate.tag != "True" else ""
        if name not in self._fields.index:
            raise predicate.unsupported(f"asks for {name!r}, which is no feature")
        codes = self._fields.codes[name]
        if predicate.tag == "SimplePredicate":
            operators = ("lessOrEqual", "greaterThan", "isMissing", "isNotMissing")
            operator = predicate.allow("field", "operator", "value").one_of("operator", operators)
            if codes:
                raise predicate.unsupported(f"compares {name!r}, a category, with a number")
            return operator, name, math.inf if operator in operators[2:] else predicate.number("value")
        operator = predicate.allow("field", "booleanOperator").one_of("booleanOperator", ("isIn", "isNotIn"))
        array = predicate.child("Array", predicate.children("Array")).allow("type", "n")
        array.one_of("type", ("string",))
        labels = list(_labels(array.text))
        if len(labels) != int(array.number("n")) or not set(labels) <= set(codes):
            raise array.corrupt(f"does not hold {array.need('n')} labels of {name!r}")
        return operator, name, tuple(sorted({codes[label] for label in labels}))


class _TreeNode:
    """A Node, taken apart: its predicate and the nodes below."""

    def __init__(self, element: Element) -> None:
        self.element = element.allow("id", "score", "defaultChild", "recordCount")
        parts = element.children("True", "SimplePredicate", "SimpleSetPredicate", "Node")
        self.below = [p for p in parts if p.tag == "Node"]
        predicates = [p for p in parts if p.tag != "Node"]
        if len(predicates) != 1:
            raise element.corrupt(f"has {len(predicates)} predicates where one was due")
        self.predicate = predicates[0]


def _labels(text: str) -> Iterator[str]:
    for quoted, bare in _LABEL.findall(text):
        yield bare or quoted.replace('\\"', '"')
