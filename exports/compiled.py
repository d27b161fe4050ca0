"""A ``Scorer`` over the kernel: what loading a PMML or PFA file gives."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from exports.ensemble import Ensemble
from exports.errors import RowError
from exports.kernel import score_row, score_rows
from exports.packing import pack
from exports.scorer import Scores


class KernelScorer:
    """Scores rows of one schema. Holds one workspace: give every thread a scorer of its own.

    Making one compiles the kernel, or takes it from numba's cache on disk, so the first ``score`` is as quick as the others.
    """

    def __init__(self, ensemble: Ensemble, schema: FeatureSchema) -> None:
        self.schema = schema
        self.ensemble = ensemble
        self._packed = pack(ensemble)
        self._work = self._packed.workspace()
        n, outputs = ensemble.n_features, ensemble.n_outputs
        self._out = self._work[n : n + 2 * outputs].reshape(2, outputs)
        self._row = self._work.data
        self._put = struct.Struct(f"={n}d").pack_into
        self._arguments = (
            self._packed.ints,
            self._packed.nodes,
            self._packed.links,
            self._packed.members,
            self._work,
            self._packed.sigmoid,
        )
        self.score_batch(np.full((1, n), MISSING))
        self.score([MISSING] * n)

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` where it is not the schema's features in order."""
        try:
            self._put(self._row, 0, *row)
        except struct.error:
            self._put(self._row, 0, *numbers(row, self.schema))
        score_row(*self._arguments)
        raw, values = self._out.tolist()
        return Scores(tuple(raw), tuple(values))

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        return self._batch(rows, linked=True)

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        return self._batch(rows, linked=False)

    def _batch(self, rows: NDArray[np.float64], linked: bool) -> NDArray[np.float64]:
        table = matrix(rows, self.schema)
        out = np.empty((len(table), self.ensemble.n_outputs))
        score_rows(*self._arguments, table, out, linked)
        return out


def numbers(row: Sequence[float | None], schema: FeatureSchema) -> list[float]:
    """The row with ``None`` as NaN. Raises ``RowError`` naming the feature that is not a number, or the wrong length."""
    if len(row) != len(schema):
        raise RowError(f"a row of {len(row)} values for a schema of {len(schema)}: give {', '.join(schema.names)}, in this order")
    for name, value in zip(schema.names, row, strict=True):
        if value is not None and not isinstance(value, int | float | np.number):
            raise RowError(f"feature {name!r}: {value!r} is not a number; turn labels into codes with FeatureSchema.row")
    return [MISSING if value is None else float(value) for value in row]


def matrix(rows: NDArray[np.float64], schema: FeatureSchema) -> NDArray[np.float64]:
    """Rows as a C-contiguous float64 matrix (n, features); raises ``RowError`` for another shape."""
    table = np.ascontiguousarray(rows, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(schema):
        raise RowError(f"rows of shape {table.shape}: expected (n, {len(schema)}), the features {', '.join(schema.names)}")
    return table
