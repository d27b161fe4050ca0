"""Rows made ready for the trees of anyone's PMML: its rules for missing and invalid values, and a scorer that applies them first.

A row with an invalid value, where the document says ``returnInvalid``, has no prediction: its scores are NaN.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, UNSEEN, FeatureSchema
from exports.compiled import KernelScorer, matrix, numbers
from exports.ensemble import Ensemble
from exports.pmml_logic import Known, Labels, Numbers
from exports.scorer import Scores

Treatment = Literal["returnInvalid", "asIs", "asMissing", "asValue"]
TREATMENTS: Final = ("returnInvalid", "asIs", "asMissing", "asValue")
Values = NDArray[np.float64]
Marks = NDArray[np.bool_]


class Interval(NamedTuple):
    """Valid numbers; None is no bound."""

    left: float | None
    right: float | None
    with_left: bool
    with_right: bool

    def holds(self, values: Values) -> Marks:
        found = np.ones(len(values), dtype=np.bool_)
        if self.left is not None:
            found &= values >= self.left if self.with_left else values > self.left
        if self.right is not None:
            found &= values <= self.right if self.with_right else values < self.right
        return found


@dataclass(frozen=True)
class Column:
    """One input: how many ``labels`` it has (0: a number), whether others are valid (``listed``: no), and what its odd values become."""

    feature: int
    labels: int
    listed: bool
    whole: bool
    single: bool
    missing: tuple[float, ...]
    invalid: tuple[float, ...]
    intervals: tuple[Interval, ...]
    treatment: Treatment
    invalid_becomes: float | None
    missing_becomes: float | None
    single_at_last: bool = False

    def as_single(self) -> Column:
        """The same, compared as float32: cast after the checks, unless it is a float to begin with."""
        return self if self.single else replace(self, single_at_last=True)

    def possible(self) -> Known:
        """What the trees may see."""
        missing = self.missing_becomes is None
        if not self.labels:
            return Numbers(missing=missing)
        return Labels(frozenset(range(self.labels)), unseen=not self.listed or self.treatment == "asIs", missing=missing)

    @property
    def plain(self) -> bool:
        """Do the trees see a number as it is, or a label's code with everything else as missing?"""
        if self.missing or self.invalid or self.single or self.single_at_last or self.missing_becomes is not None:
            return False
        if self.labels:
            return self.listed and self.treatment == "asMissing"
        return self.treatment == "asIs" or not (self.whole or self.intervals)

    def prepare(self, values: Values) -> tuple[Values, Marks]:
        """(n,) as the trees see it, and where there is no prediction."""
        found = self._settled(values)
        missing = np.isnan(found) | np.isin(found, self.missing)
        wrong = ~missing & ~self._valid(found)
        if self.treatment == "asMissing":
            missing |= wrong
        elif self.invalid_becomes is not None:
            found = np.where(wrong, self.invalid_becomes, found)
        found = np.where(missing, MISSING if self.missing_becomes is None else self.missing_becomes, found)
        refused = wrong if self.treatment == "returnInvalid" else np.zeros(len(found), dtype=np.bool_)
        return (_as_single(found) if self.single_at_last else found), refused

    def _settled(self, values: Values) -> Values:
        """Codes cut towards zero, others as ``UNSEEN``; floats as floats."""
        if self.labels:
            known = (values > -1.0) & (values < self.labels)
            return np.where(known, np.trunc(values) + 0.0, np.where(np.isnan(values), MISSING, UNSEEN))
        return _as_single(values) if self.single else values

    def _valid(self, values: Values) -> Marks:
        found = ~np.isin(values, self.invalid)
        if self.labels and self.listed:
            found &= values >= 0.0
        if self.whole:
            found &= np.isfinite(values) & (np.floor(values) == values)
        if self.intervals:
            found &= np.any([interval.holds(values) for interval in self.intervals], axis=0)
        return found


def _as_single(values: Values) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32).astype(np.float64)


class PreparedScorer(KernelScorer):
    """A kernel behind the document's own rules for odd values."""

    def __init__(self, ensemble: Ensemble, schema: FeatureSchema, columns: Sequence[Column]) -> None:
        self._columns = [column for column in columns if not column.plain]
        super().__init__(ensemble, schema)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the trees and the rules: equal trees behind other rules are another model."""
        return hashlib.sha256(f"{self.ensemble.digest}{self._columns!r}".encode()).hexdigest()

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` where it is not the schema's features in order."""
        table, refused = self._prepared(np.array([numbers(row, self.schema)], dtype=np.float64))
        if refused[0]:
            nothing = (math.nan,) * self.ensemble.n_outputs
            return Scores(nothing, nothing)
        return super().score(table[0].tolist())

    def _batch(self, rows: Values, linked: bool) -> Values:
        table, refused = self._prepared(matrix(rows, self.schema))
        found = super()._batch(table, linked)
        found[refused] = math.nan
        return found

    def _prepared(self, table: Values) -> tuple[Values, Marks]:
        table, refused = table.copy(), np.zeros(len(table), dtype=np.bool_)
        for column in self._columns:
            table[:, column.feature], wrong = column.prepare(table[:, column.feature])
            refused |= wrong
        return table, refused
