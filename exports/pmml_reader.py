"""The strict reader of PMML tree ensembles, into the canonical ensemble: what it does not know is refused, by name and line."""

from __future__ import annotations

import json
import math
from typing import Final, NamedTuple

from domain.schema import FeatureSchema
from exports import xml_document
from exports.ensemble import LINKS, Builder, Ensemble, Link
from exports.errors import UnsupportedModel
from exports.pmml_fields import Fields
from exports.pmml_link import link_model
from exports.pmml_names import EXTENDER
from exports.pmml_nodes import TreeReader
from exports.pmml_writer import NAMESPACE
from exports.xml_document import Element

_ORDER: Final = ("Header", "DataDictionary", "TransformationDictionary", "MiningModel")


class Document(NamedTuple):
    """What a PMML file says: the trees and the features they ask for."""

    ensemble: Ensemble
    schema: FeatureSchema


def read(data: bytes, source: str) -> Document:
    """Read a file's bytes. Raises ``CorruptArtifact`` or ``UnsupportedConstruct``, naming the element and its line."""
    root = xml_document.read(data, source, NAMESPACE).allow("version")
    if root.tag != "PMML":
        raise root.unsupported("is not the root of a PMML document")
    root.one_of("version", ("4.4",))
    parts = root.children(*_ORDER)
    tags = [part.tag for part in parts]
    if tags != [tag for tag in _ORDER if tag in tags] or not {_ORDER[1], _ORDER[3]} <= set(tags):
        raise root.unsupported(f"holds {', '.join(tags)}; expected {', '.join(_ORDER)}, the third only where it is needed")
    model = parts[-1]
    fields = Fields(root.child("DataDictionary", parts), _target(model))
    for dictionary in (part for part in parts if part.tag == "TransformationDictionary"):
        fields.transform(dictionary)
    return Document(_Reader(fields, model).ensemble(), fields.schema)


def _target(model: Element) -> str:
    """The field that the model predicts."""
    schemas = (p for p in model.children("MiningSchema", "Output", "Segmentation") if p.tag == "MiningSchema")
    fields = (f for schema in schemas for f in schema.children("MiningField"))
    found = [f.need("name") for f in fields if f.get("usageType") == "target"]
    if len(found) != 1:
        raise model.unsupported(f"predicts {len(found)} fields where one was due")
    return found[0]


class _Sum(NamedTuple):
    """A sum of trees: how many they are averaged over (1: not at all), and what the result is called."""

    averaged: int
    name: str


class _Reader:
    def __init__(self, fields: Fields, model: Element) -> None:
        self._fields, self._model = fields, model
        self._builder = Builder(len(fields.schema))
        self._trees = TreeReader(fields, self._builder, model)

    def ensemble(self) -> Ensemble:
        """A sum of trees, or a chain of sums and their link."""
        segmentation, fields = self._segmentation(self._model, None)
        if segmentation.get("multipleModelMethod") != "modelChain":
            found = self._sum(self._model, 0, None)
            return self._built(1, Link(average_over=found.averaged))
        segments = [self._content(s) for s in segmentation.children("Segment")]
        sums = [self._sum(s, k, fields) for k, s in enumerate(segments[:-1])]
        if len({found.averaged for found in sums}) != 1 or segments[-1].tag != "RegressionModel":
            raise segmentation.unsupported("is not a chain of sums of trees with a RegressionModel behind them")
        return self._built(len(sums), self._link(segments[-1], [found.name for found in sums], sums[0].averaged))

    def _built(self, outputs: int, link: Link) -> Ensemble:
        classes = ("categorical", "integer", tuple(str(k) for k in range(max(2, outputs))))
        target = classes if link.classes else ("continuous", "double", ())
        if self._fields.target != target:
            raise self._model.corrupt(f"predicts {target}, the dictionary has {self._fields.target}")
        return self._builder.build(outputs, link)

    def _segmentation(self, model: Element, within: set[str] | None) -> tuple[Element, set[str]]:
        """The segments of a MiningModel, and the fields that they may ask for."""
        if model.tag != "MiningModel":
            raise model.unsupported("where a MiningModel was due")
        model.allow("functionName", "algorithmName").one_of("functionName", ("regression", "classification"))
        parts = model.children("MiningSchema", "Output", "Segmentation")
        fields = self._fields.check(model.child("MiningSchema", parts), within)
        return model.child("Segmentation", parts).allow("multipleModelMethod"), fields

    def _content(self, segment: Element) -> Element:
        """The model of a segment whose predicate is True."""
        parts = segment.allow("id").children("True", "MiningModel", "TreeModel", "RegressionModel")
        if len(parts) != 2 or parts[0].allow().tag != "True":
            raise segment.unsupported("holds something else than True and one model")
        return parts[1]

    def _sum(self, model: Element, output: int, within: set[str] | None) -> _Sum:
        segmentation, fields = self._segmentation(model, within)
        if model.get("functionName") != "regression":
            raise model.unsupported("trees that vote: only sums and averages of regression trees are read")
        method = segmentation.one_of("multipleModelMethod", ("sum", "average"))
        segments = segmentation.children("Segment")
        if not segments:
            raise segmentation.corrupt("holds no trees")
        for segment in segments:
            self._trees.tree(self._content(segment), output, fields)
        return _Sum(len(segments) if method == "average" else 1, self._result(model))

    def _result(self, model: Element) -> str:
        outputs = [part for part in model.children("MiningSchema", "Output", "Segmentation") if part.tag == "Output"]
        fields = [field for output in outputs for field in output.allow().children("OutputField")]
        for field in fields:
            field.allow("name", "optype", "dataType", "feature").one_of("feature", ("predictedValue",), "predictedValue")
            field.one_of("dataType", ("double",))
        return fields[0].need("name") if len(fields) == 1 else ""

    def _link(self, model: Element, raw: list[str], averaged: int) -> Link:
        """The link that the model says it is, once everything in it is what polyscore writes for that link."""
        parts = model.children("Extension", "MiningSchema", "Output", "LocalTransformations", "RegressionTable")
        said = [p for p in parts if p.tag == "Extension" and (p.get("extender"), p.get("name")) == (EXTENDER, "link")]
        if len(said) != 1:
            raise model.unsupported("does not say which link it is; only polyscore's own are read")
        link = _link(said[0], averaged)
        names = self._fields.names
        if tuple(raw) != names.numbered("raw_score", len(raw)):
            raise model.unsupported(f"follows sums called {', '.join(raw)}")
        try:
            model.must_be("".join(link_model(link, raw, names)))
        except UnsupportedModel as error:
            raise said[0].unsupported(str(error)) from None
        return link


def _link(extension: Element, averaged: int) -> Link:
    try:
        said = json.loads(extension.need("value"))
        link = Link(said["kind"], said["sigmoid"], averaged, said["classes"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise extension.corrupt(f"is no link: {error}") from None
    known = link.kind in LINKS and type(link.sigmoid) is float and type(link.classes) is bool and len(said) == 3
    if not known or not 0.0 < link.sigmoid < math.inf or (link.sigmoid != 1.0 and link.kind != "logistic"):
        raise extension.corrupt(f"is no link: {said}")
    return link
