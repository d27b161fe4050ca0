"""The predicates that anyone's PMML may hold, as formulas: a comparison means what the field's data type says it means."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from exports.pmml_inputs import Field, Inputs
from exports.pmml_logic import AtMost, Constant, Every, Formula, Missing, Not, OneOf, Some, Surrogate
from exports.pmml_nodes import labels_of
from exports.xml_document import Element

PREDICATES: Final = ("True", "False", "SimplePredicate", "SimpleSetPredicate", "CompoundPredicate")


def _below(value: float) -> float:
    return math.nextafter(value, -math.inf)


def _equal(feature: int, value: float) -> Formula:
    return Every((AtMost(feature, value), Not(AtMost(feature, _below(value)))))


def _some(parts: tuple[Formula, ...]) -> Formula:
    """One label or another of the same field is one set of labels."""
    sets = [part for part in parts if isinstance(part, OneOf)]
    if len(sets) == len(parts) and len({part.feature for part in sets}) == 1:
        return OneOf(sets[0].feature, frozenset[int]().union(*(part.codes for part in sets)))
    return Some(parts)


_COMPARED: Final[dict[str, Callable[[int, float], Formula]]] = {
    "lessOrEqual": AtMost,
    "greaterThan": lambda feature, value: Not(AtMost(feature, value)),
    "lessThan": lambda feature, value: AtMost(feature, _below(value)),
    "greaterOrEqual": lambda feature, value: Not(AtMost(feature, _below(value))),
    "equal": _equal,
    "notEqual": lambda feature, value: Not(_equal(feature, value)),
}
_BOUNDED: Final = ("lessOrEqual", "greaterThan")  # as converters ask "is it a number", with infinity
_ASKED: Final = ("isMissing", "isNotMissing")
_COMPOUND: Final[dict[str, Callable[[tuple[Formula, ...]], Formula]]] = {"and": Every, "or": _some, "surrogate": Surrogate}
_DEEPEST: Final = 50  # predicates inside predicates


class PredicateReader:
    """Reads predicates over the fields that a tree asks for."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._sets: dict[tuple[str, str], frozenset[int]] = {}

    def read(self, predicate: Element, asked: set[str], depth: int = 0) -> Formula:
        """The formula of a predicate. Raises ``ArtifactError`` for a field outside ``asked``, or for what it does not know."""
        if predicate.tag in ("True", "False"):
            predicate.allow().children()
            return Constant(predicate.tag == "True")
        if predicate.tag == "CompoundPredicate":
            return self._compound(predicate, asked, depth)
        name = predicate.need("field")
        if name not in asked:
            raise predicate.unsupported(f"asks for {name!r}, which is no input in the model's MiningSchema")
        field = self._inputs.use(name)
        return self._simple(predicate, field) if predicate.tag == "SimplePredicate" else self._set(predicate, field)

    def _compound(self, predicate: Element, asked: set[str], depth: int) -> Formula:
        if depth >= _DEEPEST:
            raise predicate.unsupported(f"is nested more than {_DEEPEST} deep")
        kind = _COMPOUND[predicate.allow("booleanOperator").one_of("booleanOperator", tuple(_COMPOUND))]
        parts = tuple(self.read(part, asked, depth + 1) for part in predicate.children(*PREDICATES))
        if len(parts) < 2:  # PMML's schema
            raise predicate.corrupt(f"holds {len(parts)} predicates where two or more were due")
        return kind(parts)

    def _simple(self, predicate: Element, field: Field) -> Formula:
        predicate.allow("field", "operator", "value").children()
        if predicate.get("operator") in _ASKED:
            if predicate.get("value") is not None:
                raise predicate.unsupported("compares with a value and asks whether there is one")
            missing = Missing(field.feature)
            return missing if predicate.get("operator") == "isMissing" else Not(missing)
        if not field.labels:
            operator = predicate.one_of("operator", (*_COMPARED, *_ASKED))
            number = field.bound if operator in _BOUNDED else field.number
            return _COMPARED[operator](field.feature, number(predicate, predicate.need("value")))
        operator = predicate.one_of("operator", ("equal", "notEqual", *_ASKED))
        inside = OneOf(field.feature, frozenset([field.code(predicate, predicate.need("value"))]))
        return inside if operator == "equal" else Not(inside)

    def _set(self, predicate: Element, field: Field) -> Formula:
        operator = predicate.allow("field", "booleanOperator").one_of("booleanOperator", ("isIn", "isNotIn"))
        array = predicate.child("Array", predicate.children("Array")).allow("type", "n")
        array.children()
        array.one_of("type", ("string", "int", "real"))
        inside = self._inside(array, field)
        return inside if operator == "isIn" else Not(inside)

    def _inside(self, array: Element, field: Field) -> Formula:
        found = list(labels_of(array.text))
        if array.get("n") is not None and array.get("n") != str(len(found)):
            raise array.corrupt(f"n={array.need('n')!r} for {len(found)} values")
        if not field.labels:
            return Some(tuple(_equal(field.feature, field.number(array, text)) for text in found))
        key = (field.name, array.text)
        if key not in self._sets:
            self._sets[key] = frozenset(field.code(array, text) for text in found)
        return OneOf(field.feature, self._sets[key])
