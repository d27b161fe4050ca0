"""Which label a cell means: by its text, else by the number or truth that both stand for, however each was written.

A model keeps a category as JSON has it (``1.0``, ``true``); the same column comes back as ``1``, ``1.0``, ``True`` or as no text at all.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

from domain.schema import MISSING, UNSEEN, Feature

ONLY_CODES: Final = "the model's file has no labels here: write the code that the label had in training"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.(0|[0-9]*[1-9]))?([eE][+-]?[0-9]+)?")
_TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_Value = tuple[type, float | Decimal]  # True is not 1


class TwoMeaningsError(Exception):
    """A cell that could be either of two labels."""


class Categories:
    """The labels of one feature."""

    def __init__(self, feature: Feature) -> None:
        self._places = {label: float(i) for i, label in enumerate(feature.categories)}
        self._alike: dict[_Value, list[str]] = {}
        for label in feature.categories:
            if (value := _value(label)) is not None:
                self._alike.setdefault(value, []).append(label)

    @property
    def plain(self) -> frozenset[type]:
        """Which values that are no text may stand for a label here: ``float`` where one is a number, ``bool`` where one is a truth."""
        return frozenset(kind for kind, _ in self._alike)

    def code(self, cell: str | float | None) -> float:
        """The label's place; ``MISSING`` for nothing, blank text and NaN, ``UNSEEN`` for no label. Raises ``TwoMeaningsError``."""
        if isinstance(cell, str) and cell in self._places:
            return self._places[cell]
        if cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and math.isnan(cell)):
            return MISSING
        value = _value(cell)
        alike = self._alike.get(value, []) if value is not None else []
        if len(alike) > 1:
            raise TwoMeaningsError(f"{cell!r} could be either of the labels {' and '.join(map(repr, alike))}: write it as one of these")
        return self._places[alike[0]] if alike else UNSEEN


def _value(written: str | float) -> _Value | None:
    """What a number or a truth stands for, exactly; None for other text, also for numbers as no program writes them (``1.10``, ``007``)."""
    if isinstance(written, bool):
        return bool, written
    if not isinstance(written, str):
        return float, written
    if written in _TRUTHS:
        return bool, _TRUTHS[written]
    if not _NUMBER.fullmatch(written):
        return None
    number = float(written)
    return float, Decimal(written) if number.is_integer() else number  # whole numbers beyond 2**53 are told apart
