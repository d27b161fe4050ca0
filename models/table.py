"""A table of anybody's as a model learns from it: what its columns are, and its rows as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema

Objective = Literal["binary", "multiclass", "regression"]
OBJECTIVES: tuple[Objective, ...] = ("binary", "multiclass", "regression")
Matrix = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """``x`` (n, features) float64, categories as codes; ``y`` (n,) float64, a class as its place in ``classes`` (empty: a quantity).

    ``time`` (n,) float64 orders the rows, ``group`` (n,) int64 says which belong together; None where nothing was said.
    ``dropped`` says of each column that is not used why, ``missing`` of columns of numbers which texts there were taken for missing.
    """

    name: str
    label: str
    objective: Objective
    schema: FeatureSchema
    x: Matrix
    y: Matrix
    classes: tuple[str, ...] = ()
    time: Matrix | None = None
    group: Index | None = None
    dropped: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def evenly(self, most: int) -> Index:
        """The places of at most ``most`` rows, evenly spread over the table."""
        return np.unique(np.linspace(0, len(self) - 1, min(len(self), most)).astype(np.int64))

    def without(self, reasons: dict[str, str]) -> Table:
        """The table without the columns that ``reasons`` names."""
        kept = [i for i, name in enumerate(self.schema.names) if name not in reasons]
        features: list[Feature] = [self.schema.features[i] for i in kept]
        changed: dict[str, Any] = {"schema": FeatureSchema(tuple(features)), "dropped": {**self.dropped, **reasons}}
        if len(kept) < len(self.schema):
            changed["x"] = self.x[:, kept]
        return Table(**{**self.__dict__, **changed})
