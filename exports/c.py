"""The ``c`` format: one self-contained C99 file, scored here by what the system's C compiler makes of it."""

from __future__ import annotations

import ctypes
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from exports import c_compiler, c_reader, c_writer, files
from exports.c_reader import Document
from exports.compiled import RowScorer, matrix
from exports.errors import EngineMissing
from exports.fit import fitting
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model as C. Needs no compiler. Raises ``UnsupportedModel`` or ``SchemaMismatch``."""
    read = read_model(model)
    return files.write(path, c_writer.document(read.ensemble, fitting(read, schema)))


def load(path: Path) -> CScorer:
    """Read a C file that polyscore wrote, and compile it. Whatever else a file holds is refused before a compiler sees it.

    Raises ``ArtifactError``, ``SchemaMismatch`` or ``EngineMissing`` (no compiler, or one that does not do its work).
    """
    return CScorer(read(path), files.read(path))


def read(path: Path) -> Document:
    """What the file holds, without a compiler. Raises ``ArtifactError`` or ``SchemaMismatch``."""
    return c_reader.read(files.read(path), path.name)


class CScorer(RowScorer):
    """Scores through the compiled file, link included. Holds one row's buffers: give every thread a scorer of its own."""

    def __init__(self, document: Document, source: bytes) -> None:
        one, self._many = _functions(source)
        features, outputs = len(document.schema), document.ensemble.n_outputs
        self._buffer = np.zeros(features + 2 * outputs)  # kept: the pointers below lead into it
        start = self._buffer.ctypes.data
        arguments = tuple(ctypes.c_void_p(start + 8 * at) for at in (0, features, features + outputs))
        super().__init__(*document, self._buffer, one, arguments)
        self.score([MISSING] * features)

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        _, values = self._batch(rows)
        return values

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        raw, _ = self._batch(rows)
        return raw

    def _batch(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Raw scores and values."""
        table = matrix(rows, self.schema)
        raw, values = (np.empty((len(table), self.ensemble.n_outputs)) for _ in range(2))
        self._many(table.ctypes.data, len(table), raw.ctypes.data, values.ctypes.data)
        return raw, values


def _functions(source: bytes) -> tuple[Any, Any]:
    """Compiled, under names of this file's own: no other library of the process can answer in its place.

    Raises ``EngineMissing`` where the compiler did not give them.
    """
    digest = hashlib.sha256(source).hexdigest()
    names = {name: f"{name}_{digest}" for name in ("polyscore_score", "polyscore_score_rows")}
    found = c_compiler.library(source, [f"-D{name}={own}" for name, own in names.items()])
    try:
        one, many = (found[own] for own in names.values())
    except AttributeError:
        fix = "name a C compiler in CC that takes the option -D and exports functions"
        raise EngineMissing(f"what the compiler made lacks {' or '.join(names)} under this file's own names: {fix}") from None
    one.restype = many.restype = None
    many.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    return one, many
