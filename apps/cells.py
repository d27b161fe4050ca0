"""Cells of a column, text or typed, as the float64 that a model takes: numbers to the last bit, labels as their codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from apps import csv_columns
from apps.errors import InputError
from domain.schema import MISSING, Feature
from domain.table.categories import ONLY_CODES, Categories, TwoMeaningsError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A piece of a column (a pyarrow array), where it stands, and how many rows stand before it. Nulls and blank texts are missing."""

    source: str
    name: str
    before: int
    cells: Any

    def values(self, feature: Feature) -> Values:
        """(n,) float64, as a scorer takes them. Raises ``InputError`` as ``numbers`` and ``codes`` do."""
        if feature.labelled:
            return self.codes(feature)
        return self.numbers(f", and {ONLY_CODES}" if feature.coded else "")

    def numbers(self, hint: str = "") -> Values:
        """(n,) float64; booleans are 0 and 1. Raises ``InputError`` for what is neither number nor text, or for text that is no number."""
        cells = self._plain()
        if not _is_text(cells.type):
            return np.asarray(pc.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
        found = csv_columns.numbers(cells)
        if found is None:
            row = csv_columns.first_that_is_no_number(cells)
            raise self.refused(row, f"{cells[row].as_py()[:40]!r} is not a number{hint}")
        return found

    def codes(self, feature: Feature) -> Values:
        """(n,) float64: places in the feature's categories, ``UNSEEN`` for others. Raises ``InputError`` as ``numbers`` does."""
        categories = Categories(feature)
        encoded = pc.dictionary_encode(self._plain())
        places = np.asarray(pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False))
        found = np.full(len(encoded.dictionary) + 1, MISSING)
        for i, cell in enumerate(encoded.dictionary.to_pylist()):
            try:
                found[i] = categories.code(cell)
            except TwoMeaningsError as error:
                raise self.refused(int((places == i).argmax()), str(error)) from None
        return np.take(found, places)

    def refused(self, row: int, why: str) -> InputError:
        """The error for a cell of this piece."""
        return InputError(f"{self.source}: column {self.name!r}, row {self.before + row + 1}: {why}")

    def _plain(self) -> Any:
        """The cells as text, numbers or booleans. Times and decimals are none: as which number a model learned them is not told here."""
        cells = self.cells.dictionary_decode() if pa.types.is_dictionary(self.cells.type) else self.cells
        kind = cells.type
        if _is_text(kind):
            return pc.cast(cells, pa.string())
        if not any(is_one(kind) for is_one in (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null)):
            fix = "write the number or the text that the model was trained on there (a null is missing)"
            raise InputError(f"{self.source}: column {self.name!r} holds {kind}, which is neither number nor text: {fix}")
        return cells


def _is_text(kind: Any) -> bool:
    return any(is_one(kind) for is_one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
