"""PMML in the shapes that converters other than JPMML-LightGBM write, by hand: forests, votes, floats, replacements, constants."""

from __future__ import annotations

from typing import NamedTuple

XM = 'name="x"'
TARGET = 'name="out" usageType="target"'
LABEL = '<DataField name="label" optype="categorical" dataType="string"><Value value="a"/><Value value="b"/><Value value="c"/></DataField>'
OUT = '<DataField name="out" optype="categorical" dataType="string"><Value value="no"/><Value value="yes"/></DataField>'
QUANTITY = '<DataField name="out" optype="continuous" dataType="double"/>'
PROBABILITY = '<OutputField name="P({0})" optype="continuous" dataType="double" feature="probability" value="{0}"/>'
PROBABILITIES = PROBABILITY.format("no") + PROBABILITY.format("yes")


class Shape(NamedTuple):
    """A document, what an engine calls its outputs, and whether a label outside the dictionary leaves it without a prediction."""

    text: str
    outputs: tuple[str, ...]
    strict: bool = False


def document(fields: str, model: str, version: str = "4.4") -> str:
    return (
        f'<?xml version="1.0"?>\n<PMML xmlns="http://www.dmg.org/PMML-{version.replace(".", "_")}" version="{version}">\n<Header/>\n'
        f"<DataDictionary>{fields}</DataDictionary>\n{model}\n</PMML>\n"
    )


def mining(*fields: str) -> str:
    return "<MiningSchema>" + "".join(f"<MiningField {field}/>" for field in fields) + "</MiningSchema>"


def regression(nodes: str, schema: str = "", attributes: str = 'missingValueStrategy="none"') -> str:
    strategy = f'functionName="regression" {attributes} noTrueChildStrategy="returnLastPrediction"'
    return f"<TreeModel {strategy}>{schema or mining(XM)}{nodes}</TreeModel>"


def simple(field: str, operator: str, value: str) -> str:
    return f'<SimplePredicate field="{field}" operator="{operator}" value="{value}"/>'


def stump(threshold: str, low: str, high: str, field: str = "x") -> str:
    return f'<Node score="{high}"><True/><Node score="{low}">{simple(field, "lessOrEqual", threshold)}</Node></Node>'


def without(label: str) -> str:
    return f'<Node score="0"><True/><Node score="1">{simple("label", "notEqual", label)}</Node></Node>'


def segments(method: str, *models: str) -> str:
    inside = "".join(f'<Segment id="{k}"><True/>{model}</Segment>' for k, model in enumerate(models))
    return f'<Segmentation multipleModelMethod="{method}">{inside}</Segmentation>'


def fork(threshold: str, left: tuple[int, int], right: tuple[int, int], attributes: str = 'missingValueStrategy="nullPrediction"') -> str:
    """A classification tree of two leaves with these counts."""
    below = _leaf(simple("x", "lessOrEqual", threshold), left) + _leaf(simple("x", "greaterThan", threshold), right)
    root = f'<Node score="no"><True/>{_shares((1, 1))}{below}</Node>'
    return f'<TreeModel functionName="classification" {attributes}>{mining(XM)}{root}</TreeModel>'


def _leaf(predicate: str, counts: tuple[int, int]) -> str:
    return f'<Node score="{"no" if counts[0] >= counts[1] else "yes"}">{predicate}{_shares(counts)}</Node>'


def _shares(counts: tuple[int, int]) -> str:
    return "".join(f'<ScoreDistribution value="{v}" recordCount="{n}"/>' for v, n in zip(("no", "yes"), counts, strict=True))


def ensemble(function: str, fields: str, inside: str, version: str = "4.4", given: str = XM) -> str:
    schema = mining(TARGET, given)
    return document(fields, f'<MiningModel functionName="{function}">{schema}{inside}</MiningModel>', version)


X = '<DataField name="x" optype="continuous" dataType="double"/>'
SINGLE = '<DataField name="x" optype="continuous" dataType="float"/>'
FORKS: tuple[tuple[str, tuple[int, int], tuple[int, int]], ...] = (("0.1", (3, 1), (1, 6)), ("-1.5", (5, 2), (2, 9)), ("2", (1, 1), (0, 7)))
LAST = 'missingValueStrategy="none" noTrueChildStrategy="returnLastPrediction"'
CAST = (
    '<TransformationDictionary><DerivedField name="float(x)" optype="continuous" dataType="float"><FieldRef field="x"/></DerivedField>'
    "</TransformationDictionary>"
)
FROM_ZERO = X.replace("/>", '><Value value="0" property="missing"/></DataField>')
INSIDE = X.replace("/>", '><Interval closure="openClosed" leftMargin="-1" rightMargin="2"/></DataField>')
REPLACED = 'name="x" missingValueReplacement="1.5" invalidValueTreatment="asIs"'
ADDED = '<Targets><Target field="out" rescaleConstant="0.3"/></Targets>'
SUM = segments("sum", regression(stump("0.1", "0.25", "1.1")), regression(stump("1.5", "-7.3", "0.1")))
NULL = 'missingValueStrategy="nullPrediction"'
WITH_NULL = segments("sum", regression(stump("0.1", "0.25", "1.1"), attributes=NULL), regression(stump("1.5", "2", "3")))
MEAN = segments("average", *(regression(stump(t, "0.1", "0.7")) for t in ("0.1", "0.2", "0.3")))
OUTPUT = f"<Output>{PROBABILITIES}</Output>"
P = ("P(no)", "P(yes)")
Y = ("out",)


def tree(fields: str, nodes: str, field: str, attributes: str = 'missingValueStrategy="none"') -> str:
    return document(fields + QUANTITY, regression(nodes, mining(TARGET, field), attributes))


SHAPES = {
    "forest": Shape(ensemble("classification", X + OUT, OUTPUT + segments("average", *(fork(*f) for f in FORKS))), P),
    "vote": Shape(ensemble("classification", X + OUT, OUTPUT + segments("majorityVote", *(fork(*f, LAST) for f in FORKS))), P),
    "constant": Shape(
        ensemble("regression", X + QUANTITY, ADDED + SUM).replace(f"<MiningField {XM}/>", f"<MiningField {REPLACED}/>", 1), Y
    ),
    "null in a sum": Shape(ensemble("regression", X + QUANTITY, WITH_NULL), Y),
    "average": Shape(ensemble("regression", X + QUANTITY, MEAN, "4.2"), Y),
    "float": Shape(tree(SINGLE, stump("0.1", "1", "2"), XM), Y),
    "cast to float": Shape(tree(X, stump("0.1", "1", "2", "float(x)"), XM).replace("<TreeModel", CAST + "<TreeModel"), Y),
    "label": Shape(tree(LABEL, without("b"), 'name="label"'), Y, strict=True),
    "unseen label as it is": Shape(tree(LABEL, without("b"), 'name="label" invalidValueTreatment="asIs"'), Y),
    "zero is missing": Shape(tree(FROM_ZERO, stump("0.5", "1", "2"), XM, 'missingValueStrategy="lastPrediction"'), Y),
    "outside its interval is missing": Shape(
        tree(INSIDE, stump("0.5", "1", "2"), 'name="x" invalidValueTreatment="asMissing" missingValueReplacement="0.1"'), Y
    ),
}
