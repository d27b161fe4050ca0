"""PMML trees as others write them, made at random, and PMML's own rules applied plainly: an oracle that knows no ensemble."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from lxml import etree

Row = dict[str, float | str | None]
Truth = bool | None
NUMBERS = ("x", "y")
LABELS = ("a", "b", "c", "d")
CLASSES = ("no", "may be", "yes")
STRATEGIES = ("none", "defaultChild", "lastPrediction", "nullPrediction", "weightedConfidence", "aggregateNodes")
_COMPLEMENTS = (("lessOrEqual", "greaterThan"), ("greaterOrEqual", "lessThan"), ("isMissing", "isNotMissing"), ("equal", "notEqual"))
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {"lessThan": lt, "lessOrEqual": le, "greaterThan": gt, "greaterOrEqual": ge}
_EDGES = ("-1.5", "0", "0.1", "2", "2.5e0")


def document(seed: int, asis: bool = False, stated: bool = False, output: str = "") -> str:
    """A classification tree over two numbers and a label, all from one seed; ``stated``: with its confidences, not only its counts."""
    rng = random.Random(seed)
    strategy = rng.choice(STRATEGIES)
    penalty = ' missingValuePenalty="1"' if strategy == "defaultChild" and rng.random() < 0.5 else ""
    last = "returnLastPrediction" if rng.random() < 0.6 else "returnNullPrediction"
    fields = "".join(f'<DataField name="{n}" optype="continuous" dataType="double"/>' for n in NUMBERS)
    fields += '<DataField name="label" optype="categorical" dataType="string">' + _values(LABELS) + "</DataField>"
    fields += '<DataField name="out" optype="categorical" dataType="string">' + _values(CLASSES) + "</DataField>"
    treatment = "asIs" if asis else "asMissing"
    mining = "".join(f'<MiningField name="{n}" invalidValueTreatment="asIs"/>' for n in NUMBERS)
    mining += f'<MiningField name="label" invalidValueTreatment="{treatment}"/><MiningField name="out" usageType="target"/>'
    return (
        f'<PMML xmlns="http://www.dmg.org/PMML-4_3" version="4.3"><Header/><DataDictionary>{fields}</DataDictionary>'
        f'<TreeModel functionName="classification" missingValueStrategy="{strategy}"{penalty} noTrueChildStrategy="{last}">'
        f"<MiningSchema>{mining}</MiningSchema>{output}{_Writer(rng, stated).node('<True/>', 0, 64, 'n')}</TreeModel></PMML>"
    )


def _values(labels: tuple[str, ...]) -> str:
    return "".join(f"<Value value={quoteattr(label)}/>" for label in labels)


class _Writer:
    def __init__(self, rng: random.Random, stated: bool) -> None:
        self._rng, self._stated = rng, stated

    def node(self, predicate: str, depth: int, count: int, name: str) -> str:
        """A node and those below it, ``name`` before the names of theirs."""
        rng = self._rng
        counts = [rng.randint(0, 5) + (k == 0) for k in range(len(CLASSES))]
        score = CLASSES[counts.index(max(counts))]
        below = rng.choice((0, 2, 2, 2, 3)) if depth < 4 and count >= 4 else 0
        parts = _split(rng, below)
        sizes = [count // len(parts)] * len(parts) if parts else []
        if sizes:
            sizes[0] += count - sum(sizes)
        children = "".join(self.node(p, depth + 1, n, f"{name}{k}") for k, (p, n) in enumerate(zip(parts, sizes, strict=True)))
        default = f' defaultChild="{name}{rng.randrange(len(parts))}"' if parts else ""
        return f'<Node id="{name}" score="{score}" recordCount="{count}"{default}>{predicate}{self._shares(counts)}{children}</Node>'

    def _shares(self, counts: list[int]) -> str:
        shares = [f' confidence="{count / sum(counts)!r}"' if self._stated else "" for count in counts]
        return "".join(f'<ScoreDistribution value="{c}" recordCount="{n}"{s}/>' for c, n, s in zip(CLASSES, counts, shares, strict=True))


def _split(rng: random.Random, count: int) -> list[str]:
    """Predicates of siblings: complements of each other, or anything at all."""
    if count == 2 and rng.random() < 0.6:
        field, edge = rng.choice(NUMBERS), rng.choice(_EDGES)
        if rng.random() < 0.3:
            return ['<SimplePredicate field="label" operator="equal" value="b"/>', _set("isNotIn", ["b"])]
        pair = rng.choice(
            (("lessOrEqual", "greaterThan"), ("greaterOrEqual", "lessThan"), ("isMissing", "isNotMissing"), ("equal", "notEqual"))
        )
        return [_simple(field, operator, edge) for operator in pair]
    return [predicate(rng, 0) for _ in range(count)]


def predicate(rng: random.Random, depth: int) -> str:
    """Any predicate."""
    kind = rng.randrange(8 if depth < 2 else 5)
    if kind < 3:
        operators = ("lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual", "equal", "notEqual", "isMissing", "isNotMissing")
        return _simple(rng.choice(NUMBERS), rng.choice(operators), rng.choice(_EDGES))
    if kind == 3:
        return _set(rng.choice(("isIn", "isNotIn")), rng.sample(LABELS, rng.randint(1, 3)))
    if kind == 4:
        operator = rng.choice(("equal", "notEqual", "isMissing", "isNotMissing"))
        return _simple("label", operator, rng.choice(LABELS)) if rng.random() < 0.9 else rng.choice(("<True/>", "<False/>"))
    operator = rng.choice(("and", "or", "surrogate"))
    parts = "".join(predicate(rng, depth + 1) for _ in range(rng.randint(2, 3)))
    return f'<CompoundPredicate booleanOperator="{operator}">{parts}</CompoundPredicate>'


def _simple(field: str, operator: str, value: str) -> str:
    said = "" if operator.endswith("issing") else f' value="{value}"'
    return f'<SimplePredicate field="{field}" operator="{operator}"{said}/>'


def _set(operator: str, labels: list[str]) -> str:
    array = f'<Array type="string" n="{len(labels)}">{" ".join(labels)}</Array>'
    return f'<SimpleSetPredicate field="label" booleanOperator="{operator}">{array}</SimpleSetPredicate>'


def confidences(text: str, row: Row) -> tuple[float, ...]:
    """What PMML's rules make of a row: the probability of each class, NaN for no prediction."""
    root = etree.fromstring(text.encode())
    model = root.find("{*}TreeModel")
    assert model is not None
    given = _given(root, row)
    found = None if given is None else _reached(model, model.find("{*}Node"), given, 1.0)  # type: ignore[arg-type]  # there is one
    if found is None:
        return (math.nan,) * len(CLASSES)
    if model.get("missingValueStrategy") == "aggregateNodes":
        counts = [sum(_counts(node)[k] for node, _ in found) for k in range(len(CLASSES))]
        return tuple(count / sum(counts) for count in counts)
    shares = [[weight * n / sum(_counts(node)) for n in _counts(node)] for node, weight in found]
    return tuple(sum(column) for column in zip(*shares, strict=True))


def _given(root: etree._Element, row: Row) -> Row | None:
    """The row with floats as floats, and a label that nobody listed as its MiningField wants it; None where no prediction is possible."""
    for field in root.iterfind("{*}DataDictionary/{*}DataField"):
        value = row.get(field.get("name", ""))
        if field.get("dataType") == "float" and value is not None:
            row = {**row, field.get("name", ""): np.float32(value)}  # type: ignore[dict-item]  # compared as such
    (label,) = (f for f in root.iterfind("{*}DataDictionary/{*}DataField") if f.get("name") == "label")
    if row["label"] is None or row["label"] in [value.get("value") for value in label]:
        return row
    (mining,) = (f for f in root.iterfind("{*}TreeModel/{*}MiningSchema/{*}MiningField") if f.get("name") == "label")
    treatment = mining.get("invalidValueTreatment", "returnInvalid")
    return row if treatment == "asIs" else {**row, "label": None} if treatment == "asMissing" else None


def _counts(node: etree._Element) -> list[float]:
    """By class, in the dictionary's order."""
    root = node.getroottree().getroot()
    (out,) = (f for f in root.iterfind("{*}DataDictionary/{*}DataField") if f.get("name") == "out")
    counts = {part.get("value"): float(part.get("recordCount", "")) for part in node.iterfind("{*}ScoreDistribution")}
    return [counts.get(value.get("value"), 0.0) for value in out]


def _reached(model: etree._Element, node: etree._Element, row: Row, weight: float) -> list[tuple[etree._Element, float]] | None:
    strategy, below = model.get("missingValueStrategy", "none"), node.findall("{*}Node")
    for at, child in enumerate(below):
        found = truth(child[0], row)
        if found:
            return _reached(model, child, row, weight)
        if found is None and strategy != "none":
            if strategy == "defaultChild":
                default = next(c for c in below if c.get("id") == node.get("defaultChild"))
                return _reached(model, default, row, weight)
            if strategy in ("lastPrediction", "nullPrediction"):
                return [(node, weight)] if strategy == "lastPrediction" else None
            possible = [c for c in below[at:] if truth(c[0], row) is not False]
            total = float(node.get("recordCount", ""))
            shares = [1.0 if strategy == "aggregateNodes" else float(c.get("recordCount", "")) / total for c in possible]
            return [leaf for c, share in zip(possible, shares, strict=True) for leaf in _reached(model, c, row, weight * share) or []]
    return [(node, weight)] if not below or model.get("noTrueChildStrategy") == "returnLastPrediction" else None


def truth(element: etree._Element, row: Row) -> Truth:
    """A predicate's value: None where it is unknown."""
    tag = etree.QName(element).localname
    if tag in ("True", "False"):
        return tag == "True"
    if tag == "CompoundPredicate":
        return _compound(element.get("booleanOperator", ""), [truth(part, row) for part in element])
    return _compared(element, tag, row[element.get("field", "")])


def _compared(element: etree._Element, tag: str, value: float | str | None) -> Truth:
    operator = element.get("operator") or element.get("booleanOperator", "")
    if operator in ("isMissing", "isNotMissing"):
        return (value is None) == (operator == "isMissing")
    if value is None:
        return None
    if tag == "SimpleSetPredicate":
        return (value in (element[0].text or "").split()) == (operator == "isIn")
    other = type(value)(element.get("value", ""))
    if operator in ("equal", "notEqual"):
        return (value == other) == (operator == "equal")
    return bool(_ORDERED[operator](value, other))


def _compound(operator: str, parts: list[Truth]) -> Truth:
    if operator == "surrogate":
        return next((part for part in parts if part is not None), None)
    decisive = operator == "or"
    return decisive if decisive in parts else None if None in parts else not decisive


def rows(seed: int, count: int) -> list[Row]:
    """Rows on the thresholds, one step beside them, at infinity, missing, and with a label that nobody listed (``"zzz"``)."""
    rng = random.Random(seed)
    edges = [float(e) for e in _EDGES]
    beside = [math.nextafter(edge, to) for edge in edges for to in (-math.inf, math.inf)]
    pool: list[float | None] = [*edges, *beside, -0.0, math.inf, -math.inf, 7.0, None, None]
    labels: list[str | None] = [*LABELS, "zzz", None]
    return [{"x": rng.choice(pool), "y": rng.choice(pool), "label": rng.choice(labels)} for _ in range(count)]
