"""What a column of a CSV file is, told from all of its cells: numbers, labels, or nothing that a model can use."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps import missing
from apps.errors import InputError
from domain.schema import Feature

MOST_LABELS = 1000  # of a categorical column; free text and ids have more
MOSTLY = 0.9  # numbers, from which share on a column is one of numbers with something wrong in it
HALF = 0.5  # numbers, from which share on it is so too where its texts are too many to be a handful of labels
FEW = 20  # labels, which are never too many
FIELDS = 3  # of a row, from which on a line of a text that has as many is no chance
NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^(?i:[+-]?(nan|inf|infinity))$"
COMMAS = r"^[+-]?([0-9]*|[0-9]{1,3}([. ][0-9]{3})+),[0-9]+([eE][+-]?[0-9]+)?$|^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?$"
LONG = r"^[+-]?[0-9]{16,}$"  # from 2**53 on float64 does not hold every whole number
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?$|^[0-9]{1,2}[./][0-9]{1,2}[./]([0-9]{2}|[0-9]{4})( .*)?$"
First = tuple[int, str]  # a row, from 1, and the text of its cell


class Column:
    """Collects what its cells are, chunk by chunk."""

    def __init__(self, source: str, name: str) -> None:
        self.source, self.name = source, name
        self.rows = self.given = self.numbers = self.commas = self.dates = 0
        self.long = self.long_texts = self.long_values = 0  # whole numbers of many digits: cells, and different ones as text and as float64
        self.labels: set[str] | None = set()  # None: more than a categorical column may have
        self.missing: Counter[str] = Counter()  # cells that say so, by their text; among labels they are labels
        self.no_number: First | None = None
        self.comma: First | None = None  # the first number that is written with a comma
        self.infinite: int | None = None  # the first row of one

    def add(self, cells: Any) -> None:
        """More cells (a pyarrow array of strings)."""
        given = pc.not_equal(pc.utf8_trim_whitespace(cells), "")
        some = pc.sum(given).as_py() or 0
        values = numbers(cells)
        if values is None:
            self._add_mixed(cells, given)
        else:
            self.numbers += int((~np.isnan(values)).sum())
            if np.isnan(values).sum() > len(cells) - some:
                self._add_missing(cells)
            if (np.abs(values) >= 2.0**53).any():
                self._add_long(cells)
            if self.infinite is None and np.isinf(values).any():
                self.infinite = self.rows + int(np.isinf(values).argmax()) + 1
        self.given += some
        self.rows += len(cells)
        if self.labels is not None:
            self.labels.update(pc.unique(cells.filter(given)).to_pylist())
            if len(self.labels) > MOST_LABELS:
                self.labels = None

    def _add_mixed(self, cells: Any, given: Any) -> None:
        """Cells that are not all numbers."""
        gone, trimmed = self._add_missing(cells), pc.utf8_trim_whitespace(cells)
        numeric = pc.and_(_numeric(cells), pc.invert(gone))
        wrong = pc.and_(given, pc.invert(pc.or_(numeric, gone)))
        commas = pc.match_substring_regex(trimmed, COMMAS)
        self.no_number = self.no_number or self._first(cells, wrong)
        self.comma = self.comma or self._first(cells, commas)
        self.numbers += pc.sum(numeric).as_py() or 0
        self.commas += pc.sum(commas).as_py() or 0
        self.dates += pc.sum(pc.match_substring_regex(trimmed, DATE)).as_py() or 0

    def _add_long(self, cells: Any) -> None:
        trimmed = pc.utf8_trim_whitespace(cells)
        long = trimmed.filter(pc.match_substring_regex(trimmed, LONG))
        texts = pc.unique(long)
        self.long += len(long)
        self.long_texts += len(texts)
        self.long_values += len({float(text) for text in texts.to_pylist()})

    def _add_missing(self, cells: Any) -> Any:
        gone = missing.marked(cells)
        self.missing.update(pc.utf8_trim_whitespace(cells.filter(gone)).to_pylist())
        return gone

    def _first(self, cells: Any, chosen: Any) -> First | None:
        at = pc.index(chosen, True).as_py()
        return (self.rows + at + 1, cells[at].as_py()) if at >= 0 else None

    @property
    def numeric(self) -> bool:
        """Nothing but numbers, beside what is missing."""
        return self.no_number is None

    @property
    def known(self) -> int:
        """How many rows have a value. What says that a number is missing is none where all others are numbers."""
        return self.numbers if self.numeric else self.given

    def feature(self, *, categorical: bool) -> Feature | str:
        """What it is, or why it is of no use. Raises ``InputError`` for numbers with something else among them, or infinite ones."""
        if not (self.given if categorical else self.known):
            return f"empty: {self.taken_for_missing}" if self.missing else "empty"
        if self.numeric and not categorical:
            if self.infinite is not None:
                raise InputError(f"{self._at(self.infinite)} is infinite; mend it, or leave the column out with --drop")
            if self.long > HALF * self.numbers and self.long_values <= HALF * self.long_texts:
                return "an id: whole numbers of so many digits that most are the same to a model; shorten them if it is a quantity"
            return Feature(self.name)
        if not categorical and (why := self.spoilt):
            raise InputError(f"{why}, or say --categorical or --drop")
        if self.labels is None or (len(self.labels) > FEW and len(self.labels) > self.given / 2):
            many = f"more than {MOST_LABELS:,}" if self.labels is None else f"{len(self.labels):,}"
            if categorical and self.labels is None:
                raise InputError(f"{self.source}: column {self.name!r} has {many} labels, which is too many for --categorical")
            if not categorical and self.dates > HALF * self.given:
                text = "" if self.no_number is None else self.no_number[1]
                return f"dates or times, such as {text[:40]!r}: write numbers that say something (the hour), or order the rows by --time"
            if not categorical:
                return f"free text or an id: {many} different texts in {self.given:,} rows"
        return Feature(self.name, "categorical", tuple(in_order(self.labels or set())))

    @property
    def taken_for_missing(self) -> str:
        """``40 cells of NA and ? are taken for missing``; empty where there are none."""
        if not self.missing:
            return ""
        return f"{missing.said(self.missing)} {'is' if self.missing.total() == 1 else 'are'} taken for missing"

    @property
    def spoilt(self) -> str:
        """Where and why a column of numbers, as most of its cells are, cannot be read as one, and the remedy; empty where it is none.

        Some numbers among a handful of labels are labels too (floors G, 1, 2); where there are many, they were measured.
        """
        valued = self.given - self.missing.total()
        if self.comma is not None and self.numbers + self.commas > HALF * valued:
            row, text = self.comma
            cells = f"{self.commas:,} of {self.given:,} cells are"
            return f"{self._at(row)}: {text[:40]!r} is written with a comma, as {cells}; write numbers plainly, as 1234.5"
        many = self.labels is None or len(self.labels) > FEW
        if self.no_number is None or (self.numbers < MOSTLY * valued and not (many and self.numbers > HALF * valued)):
            return ""
        row, text = self.no_number
        cells = f"{self.numbers:,} of {self.given:,} cells are"
        return f"{self._at(row)}: {text[:40]!r} is not a number, as {cells}; empty the cell if the value is missing"

    def _at(self, row: int) -> str:
        return f"{self.source}: column {self.name!r}, row {row}"


def in_order(labels: set[str]) -> list[str]:
    """By value where all are numbers, those that are none (``nan``) last; else by text."""
    try:
        values = {text: float(text) for text in labels}
    except ValueError:
        return sorted(labels)
    return sorted(labels, key=lambda text: (math.isnan(values[text]), 0.0 if math.isnan(values[text]) else values[text], text))


def numbers(cells: Any) -> NDArray[np.float64] | None:
    """Cells as float64 to the last bit, blank ones and those that say that they are missing as nan; None where one is not a number."""
    trimmed = pc.utf8_trim_whitespace(cells)
    blank = pc.equal(trimmed, "")
    if (found := _cast(trimmed, blank)) is not None:
        return found
    if first_that_is_no_number(cells) >= 0:
        return None
    gone = pc.or_(blank, missing.marked(trimmed))
    if (found := _cast(trimmed, gone)) is not None:
        return found
    return np.array(
        [float(text) if text and not away else np.nan for text, away in zip(trimmed.to_pylist(), gone.to_pylist(), strict=True)]
    )


def _cast(cells: Any, gone: Any) -> NDArray[np.float64] | None:
    present = pc.if_else(gone, pa.scalar(None, pa.string()), cells)
    try:
        return np.asarray(pc.cast(present, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:
        return None


def _numeric(cells: Any) -> Any:
    return pc.match_substring_regex(pc.utf8_trim_whitespace(cells), NUMBER)


def first_that_is_no_number(cells: Any) -> int:
    """Its place; -1 where all are numbers, blank, or say that they are missing."""
    fine = pc.or_(pc.or_(pc.equal(pc.utf8_trim_whitespace(cells), ""), _numeric(cells)), missing.marked(cells))
    place: int = pc.index(pc.invert(fine), True).as_py()
    return place


def rows_swallowed(cells: Any, separator: str, fields: int) -> int:
    """The place of the first cell whose further lines are all rows of so many fields, as behind a quote that was not closed; -1: none."""
    several = pc.match_substring(cells, "\n")
    if fields < FIELDS or not pc.any(several).as_py():
        return -1
    for at in pc.indices_nonzero(several).to_pylist():
        further = [line for line in cells[at].as_py().split("\n")[1:] if line.strip()]
        if further and all(line.count(separator) == fields - 1 for line in further):
            return int(at)
    return -1


def codes(cells: Any, feature: Feature) -> NDArray[np.float64]:
    """The places of labels in the feature's categories; blank ones nan."""
    found = pc.index_in(cells, value_set=pa.array(feature.categories, pa.string()))
    return np.asarray(pc.cast(found, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
