"""The ``onnx`` format: trees, link and class as an ONNX graph in double precision, scored here by ONNX Runtime, one row a call.

ONNX Runtime walks and sums the trees; the link is the kernel's, as for every format, since ONNX Runtime's ``Exp`` gives another last
bit for a row in a batch than for the row alone. What the graph itself answers is ``OnnxScorer.graph_batch``.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from exports import files
from exports.compiled import matrix, numbers
from exports.ensemble import LINKS
from exports.errors import EngineMissing
from exports.fit import fitting
from exports.kernel import apply_link, link_rows
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model
from exports.scorer import Scores

if TYPE_CHECKING:  # reading needs ``onnx``, which is imported when a file is read
    from exports.onnx_reader import Document

_FATAL: Final = 4  # what ONNX Runtime may log by itself: errors are raised


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model as ONNX. Raises ``UnsupportedModel``, ``SchemaMismatch`` or ``EngineMissing`` (without the package ``onnx``)."""
    read = read_model(model)
    fitted = fitting(read, schema)
    return files.write(path, _needed("exports.onnx_graph").document(read.ensemble, fitted))


def load(path: Path) -> OnnxScorer:
    """Read an ONNX file that polyscore wrote. Raises ``ArtifactError``, ``SchemaMismatch`` or ``EngineMissing``."""
    data = files.read(path)
    return OnnxScorer(_needed("exports.onnx_reader").read(data, path.name))


def _needed(module: str) -> Any:
    """A module that takes long to import, or may not be there: nobody but this format pays for it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineMissing(f"the onnx format needs the package {error.name or module}: pip install onnx onnxruntime") from None


class Answers(NamedTuple):
    """What the graph itself answers to a batch: ``raw`` and ``values`` (n, outputs) float64; ``classes`` (n,) int64, of a classifier."""

    raw: NDArray[np.float64]
    values: NDArray[np.float64]
    classes: NDArray[np.int64] | None


class OnnxScorer:
    """Scores through ONNX Runtime on one thread, which sums the trees in LightGBM's order. Holds one row's buffers: not for two threads."""

    def __init__(self, document: Document) -> None:
        self.ensemble, self.schema, self._model = document
        outputs, link = self.ensemble.n_outputs, self.ensemble.link
        self._session = _session(_needed("exports.onnx_graph").trees_only(self._model))
        row, raw = np.zeros((1, len(self.schema))), np.zeros((1, outputs))
        self._binding = self._session.io_binding()
        self._binding.bind_input("features", "cpu", 0, np.float64, row.shape, row.ctypes.data)
        self._binding.bind_output("raw", "cpu", 0, np.float64, raw.shape, raw.ctypes.data)
        self._row, self._raw = row[0].data, raw[0]
        self._put = struct.Struct(f"={len(self.schema)}d").pack_into
        self._values = np.zeros(outputs)
        self._link = (LINKS.index(link.kind), link.sigmoid, link.average_over)
        self.score([MISSING] * len(self.schema))

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` where it is not the schema's features in order."""
        try:
            self._put(self._row, 0, *row)
        except struct.error:
            self._put(self._row, 0, *numbers(row, self.schema))
        self._session.run_with_iobinding(self._binding)
        apply_link(*self._link, self._raw, self._values)
        return Scores(tuple(self._raw.tolist()), tuple(self._values.tolist()))

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        return link_rows(*self._link, self.raw_batch(rows))

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        found: NDArray[np.float64] = self._session.run(["raw"], {"features": matrix(rows, self.schema)})[0]
        return found

    @cached_property
    def _whole(self) -> Any:
        return _session(self._model.SerializeToString())

    def graph_batch(self, rows: NDArray[np.float64]) -> Answers:
        """All that the graph computes from (n, features) float64, as any other user of the file gets it."""
        names = [output.name for output in self._whole.get_outputs()]
        found = dict(zip(names, self._whole.run(names, {"features": matrix(rows, self.schema)}), strict=True))
        return Answers(found["raw"], found["values"], found.get("class"))


def _session(model: bytes) -> Any:
    """One thread, and the graph as it is written: nothing may be fused, or summed in another order."""
    runtime = _needed("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _FATAL
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
