"""The inputs of anyone's PMML: what its data dictionary and mining schema say of a field, checked, and as a column to prepare."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, cast

import numpy as np

from domain.schema import Feature, FeatureSchema
from exports.errors import CorruptArtifact
from exports.pmml_logic import State
from exports.pmml_nodes import labels_of
from exports.pmml_rows import TREATMENTS, Column, Interval, Treatment
from exports.xml_document import Element, finite

_NUMERIC: Final = ("double", "float", "integer")
_LABELLED: Final = ("string", "integer", "boolean")
_CLOSURES: Final = ("openOpen", "openClosed", "closedOpen", "closedClosed")
INFINITE: Final = {"Infinity": math.inf, "-Infinity": -math.inf, "INF": math.inf, "-INF": -math.inf}
_LONGEST: Final = 400  # characters of a number; the exact value of one that is longer takes long to find
_TARGET: Final = ("target", "predicted")
_MINING: Final = (
    "name", "usageType", "optype", "importance", "outliers", "missingValueReplacement", "missingValueTreatment",
    "invalidValueTreatment", "invalidValueReplacement",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A name that a predicate may use: the feature that it stands for, its labels' codes, and whether its numbers are floats."""

    name: str
    feature: int
    labels: dict[str, int]
    single: bool
    kind: str  # its data type

    def number(self, element: Element, text: str) -> float:
        """A value that the field is compared with, as its data type has it."""
        value = finite(text.strip())
        if value is None or len(text) > _LONGEST:
            raise element.corrupt(f"{text[:40]!r} is not a finite number")
        return nearest_single(text.strip()) if self.single else value

    def bound(self, element: Element, text: str) -> float:
        """The same, or infinity as Java writes it and as XML Schema does."""
        return INFINITE[text] if text in INFINITE else self.number(element, text)

    def code(self, element: Element, label: str) -> int:
        if label not in self.labels:
            raise element.corrupt(f"{label!r} is no label of {self.name!r}")
        return self.labels[label]


def nearest_single(text: str) -> float:
    """The float32 nearest to a decimal number, which the one nearest to its double need not be."""
    with np.errstate(over="ignore"):
        guess = np.float32(float(text))
    if float(text) == 0.0 or not np.isfinite(guess):
        return float(guess)
    exact = Fraction(text)
    beside = [guess, *(np.nextafter(guess, np.float32(to)) for to in (-math.inf, math.inf))]
    return float(min((g for g in beside if np.isfinite(g)), key=lambda g: abs(Fraction(float(g)) - exact)))


@dataclass(frozen=True)
class _Declared:
    """A DataField. ``listed``: no other label is valid."""

    element: Element
    name: str
    optype: str
    kind: str
    labels: tuple[str, ...]
    listed: bool
    missing: tuple[str, ...]
    invalid: tuple[str, ...]
    intervals: tuple[Interval, ...]


class Inputs:
    """What the document's outermost model is given. ``classes`` are its target's, () of a quantity."""

    def __init__(self, dictionary: Element, mining_schema: Element) -> None:
        self._labels_seen = _labels_seen(dictionary)
        self._declared: dict[str, _Declared] = {}
        for field in dictionary.allow("numberOfFields").children("DataField"):
            self._declare(field)
        mined = self._mined(mining_schema)
        used = [d for d in self._declared.values() if d.name in mined]
        self._columns = [self._column(i, d, mined[d.name]) for i, d in enumerate(used)]
        self._fields = {d.name: _field(i, d) for i, d in enumerate(used)}
        self._used_as: dict[int, set[bool]] = {}
        try:
            self.schema = FeatureSchema(tuple(_feature(d) for d in used))
        except ValueError as error:
            raise dictionary.corrupt(str(error)) from None

    def _declare(self, element: Element) -> None:
        found = _declared(element, self._labels_seen)
        if found.name in self._declared:
            raise element.corrupt(f"{found.name!r} is declared twice")
        self._declared[found.name] = found

    def _mined(self, mining_schema: Element) -> dict[str, Element]:
        """The active fields. Learns the target."""
        fields, targets = {}, []
        for field in mining_fields(mining_schema, *_MINING):
            name, usage = field.need("name"), field.one_of("usageType", ("active", "supplementary", *_TARGET), "active")
            if name not in self._declared:
                raise field.corrupt(f"{name!r} is not in the DataDictionary")
            if usage in _TARGET:
                targets.append(self._declared[name])
            elif usage == "active":
                fields[name] = field
        if len(targets) > 1:
            raise mining_schema.unsupported(f"has {len(targets)} targets where one was due")
        self._target = targets[0] if targets else None
        return fields

    @property
    def target(self) -> str | None:
        return None if self._target is None else self._target.name

    def classes(self, model: Element) -> tuple[str, ...]:
        """The target's labels. Raises ``UnsupportedConstruct`` where they are not listed."""
        if (
            self._target is None
            or self._target.optype == "continuous"
            or not self._target.listed
            or self._target.missing
            or self._target.invalid
        ):
            raise model.unsupported("classifies, and the DataDictionary does not list its target's values")
        return self._target.labels

    def check_quantity(self) -> None:
        """Raises ``UnsupportedConstruct`` unless the target is a double: other types round what the trees say."""
        if self._target is not None and (self._target.optype, self._target.kind) != ("continuous", "double"):
            raise self._target.element.unsupported(
                f"a quantity that is {self._target.kind} {self._target.optype} is rounded; only doubles are read"
            )

    def names(self) -> set[str]:
        return set(self._fields)

    def derived(self) -> set[str]:
        """The names that stand in no MiningSchema, since they are the document's own."""
        return set(self._fields) - set(self._declared)

    def alias(self, derived: Element) -> str:
        """Learn a DerivedField that is another name of a field, or its value as a float; returns the name."""
        name = derived.allow("name", "displayName", "optype", "dataType").need("name")
        reference = derived.child("FieldRef", derived.children("FieldRef")).allow("field")
        source = self._fields.get(reference.need("field"))
        if source is None or name in self._fields or name in self._declared:
            raise derived.unsupported(f"{name!r} is not another name of an input")
        kinds = {source.kind} if source.labels else {source.kind, "float", "double"} - ({"double"} if source.kind == "float" else set())
        if derived.get("dataType") not in kinds or (derived.get("optype") == "continuous") == bool(source.labels):
            raise derived.unsupported(f"{name!r}: a {source.kind} as {derived.get('dataType')} {derived.get('optype')}")
        single = source.single or derived.get("dataType") == "float"
        self._fields[name] = Field(name, source.feature, source.labels, single, derived.need("dataType"))
        return name

    def use(self, name: str) -> Field:
        """The field of that name, which some predicate now compares."""
        field = self._fields[name]
        self._used_as.setdefault(field.feature, set()).add(field.single)
        return field

    def state(self) -> State:
        """What is known of a prepared row before anything is asked."""
        return State({c.feature: c.possible() for c in self._columns})

    def columns(self, model: Element) -> tuple[Column, ...]:
        """How rows are prepared, once all predicates are read. Raises ``UnsupportedConstruct`` for a field used as double and float."""
        for feature, used in self._used_as.items():
            if len(used) > 1:
                raise model.unsupported(f"compares {self.schema.names[feature]!r} both as a double and as a float")
        return tuple(c if self._used_as.get(c.feature) != {True} else c.as_single() for c in self._columns)

    def _column(self, feature: int, declared: _Declared, mining: Element) -> Column:
        mining.one_of("outliers", ("asIs",), "asIs")
        optype = mining.get("optype")
        if optype is not None and optype != declared.optype:
            raise mining.unsupported(f"optype={optype!r} of a field that is declared {declared.optype}")
        treatment = cast("Treatment", mining.one_of("invalidValueTreatment", TREATMENTS, "returnInvalid"))
        field = _field(feature, declared)
        mining.one_of("missingValueTreatment", ("asIs", "asMean", "asMode", "asMedian", "asValue"), "asIs")

        def value(element: Element, text: str) -> float:
            return float(field.code(element, text)) if field.labels else field.number(element, text)

        def named(name: str) -> float | None:
            text = mining.get(name)
            return None if text is None else value(mining, text)

        if (treatment == "asValue") != (named("invalidValueReplacement") is not None):
            raise mining.unsupported('invalidValueReplacement and invalidValueTreatment="asValue" go together')
        return Column(
            feature=feature,
            labels=len(field.labels),
            listed=declared.listed,
            whole=declared.kind == "integer" and not field.labels,
            single=field.single,
            missing=tuple(value(declared.element, text) for text in declared.missing),
            invalid=tuple(value(declared.element, text) for text in declared.invalid),
            intervals=declared.intervals,
            treatment=treatment,
            invalid_becomes=named("invalidValueReplacement"),
            missing_becomes=named("missingValueReplacement"),
        )


def mining_fields(mining_schema: Element, *attributes: str) -> Iterator[Element]:
    """The fields of a MiningSchema, each once. What converters note about the features' importance is passed over."""
    names: set[str] = set()
    for field in mining_schema.allow().children("MiningField", "Extension"):
        if field.tag == "Extension":
            continue
        name = field.allow(*attributes).need("name")
        if name in names:
            raise field.corrupt(f"{name!r} stands twice")
        names.add(name)
        field.children()
        yield field


def _labels_seen(dictionary: Element) -> dict[str, tuple[str, ...]]:
    """The labels that the predicates of a document name, field by field: those of a field whose dictionary lists none."""
    found: dict[str, dict[str, None]] = {}
    for node in dictionary.node.getroottree().iter(
        f"{{{dictionary.namespace}}}SimplePredicate", f"{{{dictionary.namespace}}}SimpleSetPredicate"
    ):
        seen = found.setdefault(node.get("field") or "", {})
        texts = [node.get("value")] if node.get("value") is not None else [t for a in node for t in labels_of(a.text or "")]
        seen.update(dict.fromkeys(t for t in texts if t is not None))
    return {name: tuple(labels) for name, labels in found.items()}


def _declared(element: Element, seen: dict[str, tuple[str, ...]]) -> _Declared:
    name = element.allow("name", "displayName", "optype", "dataType", "isCyclic").need("name")
    element.one_of("isCyclic", ("0",), "0")
    optype = element.one_of("optype", ("continuous", "categorical", "ordinal"))
    kind = element.one_of("dataType", _NUMERIC if optype == "continuous" else _LABELLED)
    parts = element.children("Value", "Interval")
    by_property: dict[str, list[str]] = {"valid": [], "missing": [], "invalid": []}
    for value in (part for part in parts if part.tag == "Value"):
        value.allow("value", "displayValue", "property").children()
        by_property[value.one_of("property", tuple(by_property), "valid")].append(value.need("value"))
    labels = [text for texts in by_property.values() for text in texts]
    if len(set(labels)) != len(labels):
        raise element.corrupt(f"{name!r} lists a value twice")
    if optype == "continuous":
        if by_property["valid"]:
            raise element.unsupported(f"{name!r} is continuous and lists valid values")
        labels = []
    listed = bool(by_property["valid"])
    if optype != "continuous" and not listed:
        labels = [*labels, *(label for label in seen.get(name, ()) if label not in labels)]
    intervals = tuple(_interval(part, optype, kind) for part in parts if part.tag == "Interval")
    return _Declared(
        element, name, optype, kind, tuple(labels), listed, tuple(by_property["missing"]), tuple(by_property["invalid"]), intervals
    )


def _interval(element: Element, optype: str, kind: str) -> Interval:
    if optype != "continuous" or kind == "float":
        raise element.unsupported(f"of a {kind} {optype} field")
    closure = element.allow("closure", "leftMargin", "rightMargin").one_of("closure", _CLOSURES)
    left, right = (None if element.get(name) is None else element.number(name) for name in ("leftMargin", "rightMargin"))
    return Interval(left, right, closure.startswith("closed"), closure.endswith("Closed"))


def _field(feature: int, declared: _Declared) -> Field:
    labels = {label: code for code, label in enumerate(declared.labels)}
    return Field(declared.name, feature, labels, declared.kind == "float", declared.kind)


def _feature(declared: _Declared) -> Feature:
    if declared.optype == "continuous":
        return Feature(declared.name, description=declared.element.get("displayName") or "")
    if not declared.labels:
        raise CorruptArtifact(
            declared.element.source, f"DataField {declared.name!r}: neither it nor any predicate names a label", declared.element.line
        )
    return Feature(declared.name, "categorical", declared.labels, declared.element.get("displayName") or "")
