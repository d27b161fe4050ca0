"""The seam between formats and their users: whatever ``load`` returns is a ``Scorer``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema


class Scores(NamedTuple):
    """One row's answer: ``raw`` sums of leaves, one an output, and ``values`` after the link (probability, quantity)."""

    raw: tuple[float, ...]
    values: tuple[float, ...]


class Scorer(Protocol):
    """A loaded model. Rows hold the schema's features in order: numbers, or category codes; ``nan`` or ``None`` is missing."""

    @property
    def schema(self) -> FeatureSchema: ...

    def score(self, row: Sequence[float | None]) -> Scores:
        """The hot path: one event."""
        ...

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        ...

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        ...
