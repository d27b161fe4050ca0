"""The ``native`` format: LightGBM's own text, scored by LightGBM's own C API, one row a call.

The schema travels in a line of its own behind the trees, which LightGBM passes over.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
from exports import files
from exports.compiled import matrix, numbers
from exports.ensemble import LINKS, Ensemble
from exports.fit import fitting
from exports.kernel import apply_link, link_rows
from exports.lightgbm_c import Booster
from exports.lightgbm_text import SCHEMA_KEY, ModelSource, TextModel, parse
from exports.lightgbm_text import read as read_model
from exports.scorer import Scores


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model's text with its schema. Raises ``UnsupportedModel`` or ``SchemaMismatch``."""
    read = read_model(model)
    fitted = fitting(read, schema, unlabelled=True)
    line = SCHEMA_KEY + json.dumps(fitted.to_json(), separators=(",", ":"))
    kept = [kept for kept in read.text.rstrip("\n").split("\n") if not kept.startswith(SCHEMA_KEY)]
    at = next((i for i, kept_line in enumerate(kept) if kept_line.startswith("pandas_categorical:")), len(kept))
    return files.write(path, "\n".join([*kept[:at], line, *kept[at:], ""]).encode())


def load(path: Path, schema: FeatureSchema | None = None) -> NativeScorer:
    """Read a model file. ``schema`` overrides what the file carries or allows to infer.

    Raises ``ArtifactError``, ``SchemaMismatch``, ``UnsupportedModel`` or ``EngineMissing``.
    """
    model = parse(files.text(path), path.name)
    return NativeScorer(model, fitting(model, schema, unlabelled=True), path.name)


class NativeScorer:
    """Scores through LightGBM. Holds one row's buffers: give every thread a scorer of its own."""

    def __init__(self, model: TextModel, schema: FeatureSchema, source: str) -> None:
        self.schema = schema
        self.ensemble: Ensemble = model.ensemble
        self._booster = Booster(model.text, len(schema), source)
        self._row = self._booster.row.data
        self._put = struct.Struct(f"={len(schema)}d").pack_into
        link = self.ensemble.link
        self._values = np.zeros(self.ensemble.n_outputs)
        self._link = (LINKS.index(link.kind), link.sigmoid, link.average_over)
        self.score([MISSING] * len(schema))

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` where it is not the schema's features in order."""
        booster = self._booster
        try:
            self._put(self._row, 0, *row)
        except struct.error:
            self._put(self._row, 0, *numbers(row, self.schema))
        booster.predict_row()
        apply_link(*self._link, booster.raw, self._values)
        return Scores(tuple(booster.raw.tolist()), tuple(self._values.tolist()))

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        return link_rows(*self._link, self.raw_batch(rows))

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        return self._booster.predict(matrix(rows, self.schema))
