"""The messages of a table's topics: a row as one flat JSON object, and the label that comes for it later.

A row's columns are the table's own, by their names; a cell is typed as it was in the CSV file that the model was trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Self

from pydantic import ConfigDict, model_validator

from domain.contract import Computed, Judged, MalformedEvent, Value
from domain.messages import Id, M, Message, Moment, parse
from domain.schema import MISSING, Feature, FeatureSchema
from domain.table.categories import Categories, TwoMeaningsError

RESERVED: Final = ("id", "event_time", "key")  # what a row says of itself; no column of a streamed table can be called so
SHOWN: Final = 8  # columns that people see on a decision; all of them are its features
_WHEN: Final = "write when it happened, such as 2026-01-31T12:00:00Z"


class _Told(Message):
    """What a row and its label share. ``key`` is whose rows belong together; a row that does not say it stands alone."""

    id: Id
    event_time: Moment
    key: Id = ""

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if not self.key:
            object.__setattr__(self, "key", self.id)  # frozen from here on
        return self


class Row(_Told):
    """One row. Its columns are the fields that it has beside the three; ``Columns`` says what may stand there."""

    model_config = ConfigDict(extra="allow")
    decides: ClassVar[bool] = True

    @property
    def cells(self) -> Mapping[str, Any]:
        return self.model_extra or {}

    @property
    def context(self) -> dict[str, Value]:
        return {name: _shown(cell) for name, cell in list(self.cells.items())[:SHOWN]}


class Label(_Told):
    """What became known of a row: a class, or a number. ``event_time`` is when."""

    value: bool | int | float | str


class Columns:
    """The columns of one table, and what a cell of JSON is to its model."""

    def __init__(self, schema: FeatureSchema) -> None:
        self._schema, self._names = schema, frozenset(schema.names)
        self._categories = {f.name: Categories(f) for f in schema.features if f.labelled}

    def row(self, cells: Mapping[str, Any]) -> list[float]:
        """Numbers as they are, labels as their codes; what is null or left out is missing. Raises ``MalformedEvent`` naming the column."""
        for name in cells:
            if name not in self._names:
                raise MalformedEvent("unknown-field", f"row: {name[:80]!r} is no column of the model; it takes {self._listed}")
        return [self._code(f, cells.get(f.name)) for f in self._schema.features]

    @property
    def _listed(self) -> str:
        names = self._schema.names
        return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")

    def _code(self, feature: Feature, cell: Any) -> float:
        if cell is None:
            return MISSING
        if not feature.labelled:
            return number(cell, f"row: column {feature.name!r}")
        return label_code(self._categories[feature.name], cell, f"row: column {feature.name!r}")


def number(cell: Any, place: str) -> float:
    """A finite float64. Raises ``MalformedEvent``."""
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise MalformedEvent("wrong-type", f"{place} takes a number, or null where it is missing; it holds {_written(cell)}")
    try:
        found = float(cell)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise MalformedEvent("not-finite", f"{place} takes a finite number, or null where it is missing")
    return found


def label_code(categories: Categories, cell: Any, place: str) -> float:
    """The code of a label, written as text, or as the number or truth that a label stands for. Raises ``MalformedEvent``."""
    kind = bool if isinstance(cell, bool) else float if isinstance(cell, int | float) else type(cell)
    if kind is not str and kind not in categories.plain:
        raise MalformedEvent("wrong-type", f"{place} takes a label as text, or null where it is missing; it holds {_written(cell)}")
    if kind is float and not math.isfinite(cell):
        raise MalformedEvent("not-finite", f"{place} takes a label, or null where it is missing")
    try:
        return categories.code(cell)
    except TwoMeaningsError as error:
        raise MalformedEvent("out-of-range", f"{place}: {error}") from None


def row_parser(schema: FeatureSchema) -> Callable[[bytes], Row]:
    """What reads the rows of a table. It raises ``MalformedEvent`` with the column and what is allowed there."""
    columns = Columns(schema)

    def parse_row(data: bytes) -> Row:
        row = _timed(Row.model_validate_json, "row", data)
        columns.row(row.cells)
        return row

    return parse_row


def label_parser(name: str, classes: tuple[str, ...]) -> Callable[[bytes], Label]:
    """What reads the labels of a table: one of ``classes`` or, where there are none, a number."""
    value_of = value_reader(name, classes)

    def parse_label(data: bytes) -> Label:
        label = _timed(Label.model_validate_json, "label", data)
        value_of(label)
        return label

    return parse_label


def value_reader(name: str, classes: tuple[str, ...]) -> Callable[[Label], float]:
    """A label's number: a class's place among ``classes``, or the quantity itself. It raises ``MalformedEvent``."""
    if not classes:
        return lambda label: number(label.value, f"label: value ({name})")
    categories = Categories(Feature(name, "categorical", classes))

    def code(label: Label) -> float:
        found = label_code(categories, label.value, f"label: value ({name})")
        if not found >= 0:
            raise MalformedEvent("out-of-range", f"label: value ({name}) is one of {', '.join(map(repr, classes))}, not {label.value!r}")
        return found

    return code


def newest(labels: Iterable[Label], value_of: Callable[[Label], float]) -> dict[str, tuple[datetime, float]]:
    """By row, when its value became known and what it is: of several labels the latest; of two at one moment the larger value."""
    known: dict[str, tuple[datetime, float]] = {}
    for label in labels:
        said = (label.event_time, value_of(label))
        known[label.id] = max(known.get(label.id, said), said)
    return known


def targets_of(value_of: Callable[[Label], float]) -> Callable[[Iterable[Label]], Callable[[Judged], float]]:
    """A table's ``Domain.targets``."""

    def targets(labels: Iterable[Label]) -> Callable[[Judged], float]:
        known = newest(labels, value_of)
        return lambda row: known[row.id][1] if row.id in known else math.nan

    return targets


class RowFeatures:
    """The row itself. No state: a row that comes again is decided again, with the same answer under the same id."""

    def __init__(self, schema: FeatureSchema) -> None:
        self.schema, self._columns = schema, Columns(schema)

    def learn(self, label: Label) -> None:
        """No column waits for a label."""

    def compute(self, event: Row, state: bytes | None) -> Computed:
        return Computed(self._columns.row(event.cells), state or b"", False)


def features_of(schema: FeatureSchema) -> Callable[[], RowFeatures]:
    """A table's ``Domain.features``."""

    def features() -> RowFeatures:
        return RowFeatures(schema)

    return features


def _timed(read: Callable[[bytes], M], noun: str, data: bytes) -> M:
    try:
        return parse(read, noun, data)
    except MalformedEvent as error:
        if f"{noun}: event_time" not in str(error):
            raise
        raise MalformedEvent(error.code, f"{error}; {_WHEN}") from None


def _written(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _shown(cell: Any) -> Value:
    """As people read it on a decision."""
    if isinstance(cell, bool):
        return str(cell).lower()
    return float(cell) if isinstance(cell, int | float) else cell if isinstance(cell, str) else None
