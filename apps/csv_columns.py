"""What a column of a CSV file is, told from all of its cells: numbers, labels, or nothing that a model can use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps.errors import InputError
from domain.schema import Feature

MOST_LABELS = 1000  # of a categorical column; free text and ids have more
MOSTLY = 0.9  # numbers, from which share on a column is one of numbers with something wrong in it
FEW = 20  # labels, which are never too many
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^(?i:[+-]?(nan|inf|infinity))$"


class Column:
    """Collects what its cells are, chunk by chunk."""

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name
        self.rows = self.given = self.numbers = 0
        self.labels: set[str] | None = set()  # None: more than a categorical column may have
        self.no_number: tuple[int, str] | None = None  # the first: its row and its text
        self.infinite: int | None = None  # the first row of one

    def add(self, cells: Any) -> None:
        """More cells (a pyarrow array of strings)."""
        given = pc.not_equal(pc.utf8_trim_whitespace(cells), "")
        values = numbers(cells)
        numeric = pc.true_unless_null(pc.is_valid(cells)) if values is not None else _numeric(cells)
        wrong = pc.and_(given, pc.invert(numeric))
        if self.no_number is None and (at := pc.index(wrong, True).as_py()) >= 0:
            self.no_number = (self.rows + at + 1, cells[at].as_py())
        if values is not None and self.infinite is None and np.isinf(values).any():
            self.infinite = self.rows + int(np.isinf(values).argmax()) + 1
        some = pc.sum(given).as_py() or 0
        self.given += some
        self.numbers += some - (pc.sum(wrong).as_py() or 0)
        self.rows += len(cells)
        if self.labels is not None:
            self.labels.update(pc.unique(cells.filter(given)).to_pylist())
            if len(self.labels) > MOST_LABELS:
                self.labels = None

    @property
    def numeric(self) -> bool:
        return self.numbers == self.given

    def feature(self, *, categorical: bool) -> Feature | str:
        """What it is, or why it is of no use. Raises ``InputError`` for numbers with something else among them, or infinite ones."""
        if not self.given:
            return "empty"
        if self.numeric and not categorical:
            if self.infinite is not None:
                raise InputError(f"{self._at(self.infinite)} is infinite; mend it, or leave the column out with --drop")
            return Feature(self.name)
        if not categorical and self.no_number is not None and self.numbers >= MOSTLY * self.given:
            row, text = self.no_number
            fix = "empty the cell if the value is missing, or say --categorical or --drop"
            raise InputError(f"{self._at(row)}: {text[:40]!r} is not a number, as {self.numbers:,} of {self.given:,} cells are; {fix}")
        if self.labels is None or (len(self.labels) > FEW and len(self.labels) > self.given / 2):
            many = f"more than {MOST_LABELS:,}" if self.labels is None else f"{len(self.labels):,}"
            if categorical and self.labels is None:
                raise InputError(f"{self.source}: column {self.name!r} has {many} labels, which is too many for --categorical")
            if not categorical:
                return f"free text or an id: {many} different texts in {self.given:,} rows"
        return Feature(self.name, "categorical", tuple(in_order(self.labels or set())))

    def _at(self, row: int) -> str:
        return f"{self.source}: column {self.name!r}, row {row}"


def in_order(labels: set[str]) -> list[str]:
    """By value where all are numbers, else by text."""
    try:
        return sorted(labels, key=lambda text: (float(text), text))
    except ValueError:
        return sorted(labels)


def numbers(cells: Any) -> NDArray[np.float64] | None:
    """Cells as float64 to the last bit, blank ones as nan; None where one is not a number."""
    trimmed = pc.utf8_trim_whitespace(cells)
    present = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    try:
        return np.asarray(pc.cast(present, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:
        pass
    if first_that_is_no_number(cells) >= 0:
        return None
    return np.array([float(text) if text else np.nan for text in trimmed.to_pylist()])


def _numeric(cells: Any) -> Any:
    return pc.match_substring_regex(pc.utf8_trim_whitespace(cells), _NUMBER)


def first_that_is_no_number(cells: Any) -> int:
    """Its place; -1 where all are numbers or blank."""
    place: int = pc.index(pc.invert(pc.or_(pc.equal(pc.utf8_trim_whitespace(cells), ""), _numeric(cells))), True).as_py()
    return place


def codes(cells: Any, feature: Feature) -> NDArray[np.float64]:
    """The places of labels in the feature's categories; blank ones nan."""
    found = pc.index_in(cells, value_set=pa.array(feature.categories, pa.string()))
    return np.asarray(pc.cast(found, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
