"""A ``Scorer`` over the kernel: what loading a PMML or PFA file gives."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from exports.ensemble import Ensemble
from exports.errors import RowError
from exports.kernel import score_row, score_rows
from exports.numba_start import without_linear_algebra
from exports.packing import pack
from exports.scorer import Scores


class RowScorer:
    """One row through compiled code: ``work`` (float64) begins with the row, then the raw and the linked scores, which ``call`` fills."""

    def __init__(
        self, ensemble: Ensemble, schema: FeatureSchema, work: NDArray[np.float64], call: Callable[..., None], arguments: tuple[Any, ...]
    ) -> None:
        self.schema = schema
        self.ensemble = ensemble
        self.labels: tuple[str, ...] = ()  # of the outputs, where the file names classes
        n, outputs = ensemble.n_features, ensemble.n_outputs
        self._out = work[n : n + 2 * outputs].reshape(2, outputs)
        self._row = work.data
        self._put = struct.Struct(f"={n}d").pack_into
        self._call, self._arguments = call, arguments

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` where it is not the schema's features in order."""
        try:
            self._put(self._row, 0, *row)
        except struct.error:
            self._put(self._row, 0, *numbers(row, self.schema))
        self._call(*self._arguments)
        raw, values = self._out.tolist()
        return Scores(tuple(raw), tuple(values))


class KernelScorer(RowScorer):
    """Scores rows of one schema. Holds one workspace: give every thread a scorer of its own.

    Making one compiles the kernel, or takes it from numba's cache on disk, so the first ``score`` is as quick as the others.
    """

    def __init__(self, ensemble: Ensemble, schema: FeatureSchema) -> None:
        packed, n = pack(ensemble), ensemble.n_features
        work = packed.workspace()
        arguments = (packed.ints, packed.nodes, packed.links, packed.members, work, packed.sigmoid)
        super().__init__(ensemble, schema, work, score_row, arguments)
        self._many = partial(score_rows, *arguments)
        without_linear_algebra()
        self.score_batch(np.full((1, n), MISSING))
        self.score([MISSING] * n)

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        return self._batch(rows, linked=True)

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        return self._batch(rows, linked=False)

    def _batch(self, rows: NDArray[np.float64], linked: bool) -> NDArray[np.float64]:
        table = matrix(rows, self.schema)
        out = np.empty((len(table), self.ensemble.n_outputs))
        self._many(table, out, linked)
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
