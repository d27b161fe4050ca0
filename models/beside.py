"""Several models of the same rows as one scorer: their outputs side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports.scorer import Scorer, Scores

Rows = NDArray[np.float64]


class SideBySide:
    """Scores with each model in turn; the first one's outputs come first."""

    def __init__(self, scorers: Sequence[Scorer]) -> None:
        self._scorers = tuple(scorers)

    @property
    def schema(self) -> FeatureSchema:
        return self._scorers[0].schema

    def score(self, row: Sequence[float | None]) -> Scores:
        """One row's raw scores and values, those of all models."""
        found = [scorer.score(row) for scorer in self._scorers]
        return Scores(tuple(v for s in found for v in s.raw), tuple(v for s in found for v in s.values))

    def score_batch(self, rows: Rows) -> Rows:
        """(n, features) -> (n, outputs of all), after the link."""
        return np.hstack([scorer.score_batch(rows) for scorer in self._scorers])

    def raw_batch(self, rows: Rows) -> Rows:
        """(n, features) -> (n, outputs of all), before the link."""
        return np.hstack([scorer.raw_batch(rows) for scorer in self._scorers])
