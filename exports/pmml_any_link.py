"""The RegressionModel behind sums of trees in anyone's PMML: a link that the ensemble has, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exports.ensemble import Link, LinkKind
from exports.pmml_any_tree import MODEL, STATISTICS, scorable
from exports.pmml_inputs import mining_fields
from exports.xml_document import Element


class AnyLink(NamedTuple):
    """The link, the classes' labels in the order of the outputs, and for each output the sum that it links and what is added to that."""

    link: Link
    classes: tuple[str, ...]
    sums: tuple[tuple[int, float], ...]


class _Table(NamedTuple):
    element: Element
    category: str | None
    intercept: float
    predictors: list[tuple[int, float]]  # which sum, by what it is multiplied


def result_name(model: Element) -> str:
    """What a sum of trees calls its result; "" where it does not."""
    fields = output_fields(model)
    named = [f for f in fields if f.get("feature") in (None, "predictedValue")]
    for found in named:
        if found.get("dataType") not in (None, "double", "string", "integer"):
            raise found.unsupported(f"dataType={found.get('dataType')!r} rounds what the trees say")
    return named[0].need("name") if len(named) == 1 and named[0].get("dataType") == "double" else ""


def output_fields(model: Element) -> list[Element]:
    """The fields of a model's Output: names for its results, no more than that. Raises for one that computes something."""
    outputs = [
        p
        for p in model.children(
            "MiningSchema", "Output", "Segmentation", "RegressionTable", "Node", "Targets", "LocalTransformations", "Extension", *STATISTICS
        )
        if p.tag == "Output"
    ]
    found = [f for output in outputs for f in output.allow().children("OutputField", "Extension") if f.tag == "OutputField"]
    for field in found:
        field.allow("name", "displayName", "optype", "dataType", "feature", "value", "targetField", "isFinalResult").children()
        field.one_of("feature", ("predictedValue", "probability", "confidence"), "predictedValue")
    return found


def read_link(model: Element, raw: Sequence[str], classes: tuple[str, ...], target: str | None, averaged: int) -> AnyLink:
    """The link over the sums ``raw``. Raises ``ArtifactError``."""
    scorable(model.allow(*MODEL, "normalizationMethod", "modelType", "targetFieldName"))
    output_fields(model)
    parts = model.children("MiningSchema", "Output", "RegressionTable", "Extension", *STATISTICS)
    for field in mining_fields(model.child("MiningSchema", parts), "name", "usageType", "optype", "importance", "invalidValueTreatment"):
        known = (target,) if field.get("usageType") in ("target", "predicted") else raw
        if field.need("name") not in known or "" in raw or len(set(raw)) != len(raw):
            raise field.corrupt(f"{field.need('name')!r} is no result of the sums before it")
    tables = [_table(part, raw) for part in parts if part.tag == "RegressionTable"]
    return _classes(model, tables, classes, averaged) if classes else _quantity(model, tables, averaged)


def _table(element: Element, raw: Sequence[str]) -> _Table:
    predictors = []
    for predictor in element.allow("intercept", "targetCategory").children("NumericPredictor"):
        predictor.allow("name", "exponent", "coefficient").children()
        predictor.one_of("exponent", ("1",), "1")
        if predictor.need("name") not in raw:
            raise predictor.corrupt(f"{predictor.need('name')!r} is no result of the sums before it")
        predictors.append((list(raw).index(predictor.need("name")), predictor.number("coefficient")))
    return _Table(element, element.get("targetCategory"), element.number("intercept"), predictors)


def _single(table: _Table, scaled: bool = False) -> tuple[int, float]:
    """The sum, and what is added to it. Raises ``UnsupportedConstruct`` for anything that could round in another way."""
    if len(table.predictors) != 1:
        raise table.element.unsupported(f"has {len(table.predictors)} predictors where one was due")
    place, coefficient = table.predictors[0]
    if coefficient != 1.0 and (not scaled or table.intercept or coefficient <= 0.0):
        raise table.element.unsupported(f"coefficient={coefficient!r} with intercept={table.intercept!r}")
    return place, table.intercept


def _quantity(model: Element, tables: list[_Table], averaged: int) -> AnyLink:
    kinds: dict[str, LinkKind] = {"none": "identity", "exp": "exp", "logit": "logistic"}
    kind = kinds[model.one_of("normalizationMethod", tuple(kinds), "none")]
    if len(tables) != 1 or tables[0].category is not None:
        raise model.unsupported("has another RegressionTable than the one of a quantity")
    found = _single(tables[0], scaled=kind == "logistic")
    return AnyLink(Link(kind, _sigmoid(tables[0], kind), averaged), (), (found,))


def _sigmoid(table: _Table, kind: str) -> float:
    return table.predictors[0][1] if kind == "logistic" else 1.0


def _classes(model: Element, tables: list[_Table], classes: tuple[str, ...], averaged: int) -> AnyLink:
    method = model.one_of("normalizationMethod", ("logit", "softmax"))
    by_class = {table.category: table for table in tables}
    if len(by_class) != len(tables) or set(by_class) != set(classes):
        raise model.unsupported("does not have one RegressionTable for each of the target's values")
    if method == "softmax":
        sums = tuple(_single(by_class[name]) for name in classes)
        if len(classes) < 2 or len({place for place, _ in sums}) != len(sums):
            raise model.unsupported("uses a sum for two classes")
        return AnyLink(Link("softmax", 1.0, averaged, classes=True), classes, sums)
    first, last = tables[0], tables[-1]
    if len(tables) != 2 or last.predictors or last.intercept:
        raise model.unsupported("is not the logistic link of two classes, the second table empty")
    if first.category != classes[1]:
        raise first.element.unsupported(f"is of {first.category!r}; the probability that is read is of the second class, {classes[1]!r}")
    return AnyLink(Link("logistic", _sigmoid(first, "logistic"), averaged, classes=True), classes, (_single(first, scaled=True),))
