"""PMML tree ensembles that others wrote (versions 4.0 to 4.4), into the canonical ensemble: what could be read in two ways is refused.

Outputs are one quantity; the probability of the second of two classes, behind a logistic link; or the probability of every class.
NaN is "no prediction".
"""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from exports import xml_document
from exports.compiled import KernelScorer
from exports.ensemble import Builder, Link, Node
from exports.pmml_any_link import AnyLink, output_fields, read_link, result_name
from exports.pmml_any_tree import MODEL, STATISTICS, AnyTreeReader, Leaf, Tree, nested_fields, scorable
from exports.pmml_inputs import Inputs
from exports.pmml_logic import Budget
from exports.pmml_rows import PreparedScorer
from exports.pmml_votes import Votes, quantity
from exports.xml_document import Element

_NAMESPACE: Final = re.compile(rb"""<PMML\b[^<>]*\sxmlns\s*=\s*["'](http://www\.dmg\.org/PMML-4_[0-4])["']""")
_OWN: Final = re.compile(rb"""(<Application\s[^<>]*\bname|\bextender)\s*=\s*["']polyscore["']""")
_OUTSIDE: Final = ("Header", "MiningBuildTask", "DataDictionary", "TransformationDictionary", "TreeModel", "MiningModel", "Extension")
_PARTS: Final = ("MiningSchema", "Output", "Targets", "LocalTransformations", "Segmentation", "Extension", *STATISTICS)
_LEAST_WORK: Final = 500_000  # steps that a document of no nodes may take
_WORK: Final = 64  # steps for each element more; JPMML-LightGBM's files take 2 to 10, with about 4 us each
_MOST_VOTES: Final = 4_000_000
_LOCATION: Final = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"


def written_by_others(data: bytes) -> str | None:
    """The namespace of PMML that polyscore did not write; None for its own, and for what is no PMML 4 at all.

    Whatever says anywhere that it is polyscore's is taken at its word, and so refused if it was changed.
    """
    found = _NAMESPACE.search(data)
    return None if found is None or _OWN.search(data) else found[1].decode()


def read(data: bytes, source: str, namespace: str) -> KernelScorer:
    """Read a file's bytes. Raises ``CorruptArtifact`` or ``UnsupportedConstruct``, naming the element and its line."""
    root = xml_document.read(data, source, namespace).allow("version", "x-baseVersion", _LOCATION)
    if root.tag != "PMML":
        raise root.unsupported("is not the root of a PMML document")
    if not re.fullmatch(re.escape(namespace[-3:].replace("_", ".")) + r"(\.[0-9]+)?", root.need("version")):
        raise root.unsupported(f"version={root.need('version')!r} in the namespace {namespace}")
    parts = root.children(*_OUTSIDE)
    models = [part for part in parts if part.tag in ("TreeModel", "MiningModel")]
    if len(models) != 1:
        raise root.unsupported(f"holds {len(models)} models where one was due")
    return _Reader(root, parts, models[0]).scorer()


class _Sum(NamedTuple):
    """Trees whose results are added up."""

    trees: list[Tree]
    averaged: bool
    votes: bool
    name: str
    constant: float


class _Reader:
    def __init__(self, root: Element, parts: list[Element], model: Element) -> None:
        self._model = model
        schema = model.child("MiningSchema", [p for p in model.children("Node", *_PARTS) if p.tag == "MiningSchema"])
        self._inputs = Inputs(root.child("DataDictionary", parts), schema)
        self._fields = self._inputs.names()
        for dictionary in (p for p in parts if p.tag == "TransformationDictionary"):
            self._fields |= {self._inputs.alias(derived) for derived in dictionary.allow().children("DerivedField")}
        size = sum(1 for _ in model.node.iter())
        budget = Budget(_LEAST_WORK + _WORK * size, lambda: model.unsupported("takes more tests than a document of its size may ask for"))
        self._trees = AnyTreeReader(self._inputs, budget)
        self._builder = Builder(len(self._inputs.schema))

    def scorer(self) -> KernelScorer:
        output_fields(self._model)
        link = self._one_tree() if self._model.tag == "TreeModel" else self._mining()
        outputs = len(link.classes) if link.classes and link.link.kind != "logistic" else 1
        ensemble = self._builder.build(outputs, link.link)
        columns = self._inputs.columns(self._model)
        plain = all(column.plain for column in columns)
        found = KernelScorer(ensemble, self._inputs.schema) if plain else PreparedScorer(ensemble, self._inputs.schema, columns)
        found.labels = tuple(link.classes) if outputs > 1 else ()
        return found

    def _one_tree(self) -> AnyLink:
        tree = self._trees.tree(self._model, self._fields, outermost=True)
        constant = self._constant(self._model)
        return self._classless(_Sum([tree], averaged=False, votes=False, name="", constant=constant), self._model)

    def _mining(self) -> AnyLink:
        segmentation, fields = self._segmentation(self._model, None)
        if segmentation.get("multipleModelMethod") != "modelChain":
            return self._classless(self._sum(self._model, segmentation, fields), self._model)
        self._constant(self._model, none=True)
        models = [self._content(segment) for segment in segmentation.children("Segment")]
        if len(models) < 2 or models[-1].tag != "RegressionModel" or any(m.tag != "MiningModel" for m in models[:-1]):
            raise segmentation.unsupported("is not a chain of sums of trees with a RegressionModel behind them")
        sums = []
        for model in models[:-1]:
            inner, asked = self._segmentation(model, fields)
            sums.append(self._sum(model, inner, asked))
            if (
                model.get("functionName") != "regression"
                or sums[-1].averaged != sums[0].averaged
                or (len(sums[-1].trees) != len(sums[0].trees) and sums[0].averaged)
            ):
                raise model.unsupported("is not a sum of regression trees like the others of its chain")
        return self._chained(models[-1], sums)

    def _chained(self, model: Element, sums: list[_Sum]) -> AnyLink:
        classes = self._inputs.classes(model) if model.get("functionName") == "classification" else ()
        if not classes:
            self._inputs.check_quantity()
        if model.get("functionName") != self._model.get("functionName"):
            raise model.unsupported("has another functionName than the model that it ends")
        average = len(sums[0].trees) if sums[0].averaged else 1
        link = read_link(model, [found.name for found in sums], classes, self._inputs.target, average)
        for output, (place, intercept) in enumerate(link.sums):
            self._add(sums[place], output, intercept)
        return link

    def _add(self, found: _Sum, output: int, intercept: float = 0.0) -> None:
        for tree in found.trees:
            self._grow(tree, [output], [quantity(tree, item) if isinstance(item, Leaf) else () for item in tree.items])
        for constant in (c for c in (found.constant, intercept) if c):
            if found.averaged:
                raise self._model.unsupported("adds a constant to an average, which LightGBM never does")
            self._builder.add(output, constant, lambda value: value)

    def _classless(self, found: _Sum, model: Element) -> AnyLink:
        """Trees with no link behind them."""
        average = len(found.trees) if found.averaged else 1
        if model.one_of("functionName", ("regression", "classification")) == "regression":
            self._inputs.check_quantity()
            self._add(found, 0)
            return AnyLink(Link(average_over=average), (), ())
        classes = self._inputs.classes(model)
        if found.constant or (len(found.trees) > 1 and not found.averaged):
            raise model.unsupported("adds up classes: only their average, or the vote of a majority, is read")
        if (asked := sum(len(tree.items) for tree in found.trees) * len(classes)) > _MOST_VOTES:
            raise model.unsupported(f"asks for {asked:,} votes, a node's for each class: no more than {_MOST_VOTES:,} are read")
        for tree in found.trees:
            votes = Votes(tree, classes, found.votes)
            leaves = [votes.values(item) if isinstance(item, Leaf) else () for item in tree.items]
            if found.votes and any(math.isnan(leaf[0]) for leaf in leaves if leaf):
                raise tree.model.unsupported("has no vote for some rows")
            self._grow(tree, list(range(len(classes))), leaves)
        return AnyLink(Link(average_over=average, classes=True), classes, ())

    def _grow(self, tree: Tree, outputs: list[int], leaves: list[tuple[float, ...]]) -> None:
        """Add the tree once for each output."""
        for place, output in enumerate(outputs):

            def node(at: int, place: int = place) -> Node[int]:
                item = tree.items[at]
                return leaves[at][place] if isinstance(item, Leaf) else (item.split, item.left, item.right)

            self._builder.add(output, 0, node)

    def _segmentation(self, model: Element, within: set[str] | None) -> tuple[Element, set[str]]:
        """The segments of a MiningModel, and the fields that they may ask for."""
        scorable(model.allow(*MODEL))
        parts = model.children(*_PARTS)
        schema = model.child("MiningSchema", parts)
        asked = set(self._fields) if within is None else nested_fields(schema, within, self._inputs)
        for local in (p for p in parts if p.tag == "LocalTransformations"):
            asked |= {self._inputs.alias(derived) for derived in local.allow().children("DerivedField")}
        found = model.child("Segmentation", parts).allow("multipleModelMethod", "missingPredictionTreatment", "missingThreshold")
        found.one_of("missingPredictionTreatment", ("continue", "returnMissing"), "continue")
        found.one_of("multipleModelMethod", ("modelChain", "sum", "average", "majorityVote"))
        return found, asked

    def _content(self, segment: Element) -> Element:
        """The model of a segment whose predicate is True."""
        parts = segment.allow("id", "weight").children("True", "TreeModel", "MiningModel", "RegressionModel", "Extension")
        parts = [part for part in parts if part.tag != "Extension"]
        if len(parts) != 2 or parts[0].allow().tag != "True":  # a predicate and a model
            raise segment.unsupported("holds something else than True and one model")
        return parts[1]

    def _sum(self, model: Element, segmentation: Element, fields: set[str]) -> _Sum:
        method = segmentation.one_of("multipleModelMethod", ("sum", "average", "majorityVote"))
        function = model.one_of("functionName", ("regression", "classification"))
        if (method == "majorityVote", method == "sum") not in {
            (function == "classification", False),
            (False, function == "regression"),
            (False, False),
        }:
            raise segmentation.unsupported(f"multipleModelMethod={method!r} of a {function}")
        trees = []
        for segment in segmentation.children("Segment"):
            tree = self._content(segment)
            if tree.tag != "TreeModel" or tree.get("functionName") != function:
                raise tree.unsupported(f"where a TreeModel for {function} was due")
            self._constant(tree, none=True)
            output_fields(tree)
            trees.append(self._trees.tree(tree, fields, outermost=False))
        if not trees:
            raise segmentation.corrupt("holds no trees")
        return _Sum(trees, method != "sum", method == "majorityVote", result_name(model), self._constant(model))

    def _constant(self, model: Element, none: bool = False) -> float:
        """What ``Targets`` adds to the result."""
        found = [t for part in model.children("Node", *_PARTS) if part.tag == "Targets" for t in part.allow().children("Target")]
        if not found:
            return 0.0
        target = found[0].allow("field", "optype", "rescaleConstant", "rescaleFactor")
        target.children()
        factor, constant = (
            target.number(n) if target.get(n) is not None else d for n, d in (("rescaleFactor", 1.0), ("rescaleConstant", 0.0))
        )
        if len(found) > 1 or factor != 1.0 or target.get("field") not in (None, self._inputs.target) or (none and constant):
            raise target.unsupported("does more than to add a constant to one sum of trees")
        return constant
