"""The one list of what is compared: LightGBM's C API as the yardstick, its Python API, our kernel, every format, every judge.

Nothing here is imported before it is wanted: a cold process pays for its own subject only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports.formats import FORMATS
from exports.scorer import Scorer, Scores

Matrix = NDArray[np.float64]
Row = list[float]
Engine = Callable[[Matrix], Matrix]
Kind = Literal["yardstick", "library", "kernel", "format", "engine"]
YARDSTICK: Final = "C API"
LIBRARY: Final = "LightGBM predict"
KERNEL: Final = "native by our kernel"
BEARABLE: Final = {"Titus": 200 * 31}  # leaves of the largest model that a slow engine is asked for; the next takes it half a second a row


@dataclass(frozen=True)
class Opened:
    """A loaded artifact. ``one`` takes a row as a list, ``batch`` a matrix; one of ``scorer`` and ``engine`` says how to compare it."""

    one: Callable[[Row], Any]
    batch: Callable[[Matrix], Any]
    scorer: Scorer | None = None
    engine: Engine | None = None


Load = Callable[[Path, FeatureSchema], Opened]


@dataclass(frozen=True)
class Subject:
    """``model_format``: of which format's artifact it reads. ``served``: the model stays in another process."""

    name: str
    kind: Kind
    model_format: str
    description: str
    served: bool = False

    def importing(self) -> Load:
        """Import what it needs; what is returned reads an artifact. Raises ``ExportError``."""
        return _LOADERS[self.kind](self.name)


def subjects() -> list[Subject]:
    """All, the yardstick first and the slow ones last."""
    from exports.judges import JUDGES  # noqa: PLC0415  # these import every engine

    return [
        Subject(YARDSTICK, "yardstick", "native", "LightGBM's C API through ctypes, single-row-fast for one row: list in, raw score out"),
        Subject(LIBRARY, "library", "native", "LightGBM's Booster.predict on one thread"),
        Subject(KERNEL, "kernel", "native", "LightGBM's text, scored by the compiled kernel"),
        *(Subject(f.name, "format", f.name, f.description, f.served) for f in FORMATS.values()),
        *(Subject(j.name, "engine", j.format, f"an engine that is not ours, on the {j.format} file") for j in JUDGES.values()),
    ]


def _format(name: str) -> Load:
    module = import_module(f"exports.{name}")
    return lambda path, schema: _ours(module.load(path))


def _kernel(name: str) -> Load:
    from exports.compiled import KernelScorer  # noqa: PLC0415
    from exports.lightgbm_text import read  # noqa: PLC0415

    return lambda path, schema: _ours(KernelScorer(read(path.read_text()).ensemble, schema))


def _ours(scorer: Scorer) -> Opened:
    return Opened(scorer.score, scorer.score_batch, scorer=scorer)


def _library(name: str) -> Load:
    import lightgbm as lgb  # noqa: PLC0415

    def load(path: Path, schema: FeatureSchema) -> Opened:
        booster = lgb.Booster(model_file=path)
        scorer = _Predicting(schema, lambda rows, raw: booster.predict(rows, raw_score=raw, num_threads=1))
        return Opened(lambda row: booster.predict(np.array([row]), num_threads=1), scorer.score_batch, scorer=scorer)

    return load


def _yardstick(name: str) -> Load:
    from exports.lightgbm_c import Booster  # noqa: PLC0415

    def load(path: Path, schema: FeatureSchema) -> Opened:
        booster = Booster(path.read_text(), len(schema), path.name)
        scorer = _Predicting(schema, lambda rows, raw: booster.predict(np.ascontiguousarray(rows), raw=raw), _row_by_row(booster))
        return Opened(scorer.raw_row, scorer.raw_batch, scorer=scorer)

    return load


def _row_by_row(booster: Any) -> Callable[[Row], list[float]]:
    put, row, raw = struct.Struct(f"={len(booster.row)}d").pack_into, booster.row.data, booster.raw

    def score(values: Row) -> list[float]:
        put(row, 0, *values)
        booster.predict_row()
        found: list[float] = raw.tolist()
        return found

    return score


class _Predicting:
    """LightGBM behind the seam of our scorers, to be compared as they are."""

    def __init__(
        self, schema: FeatureSchema, predict: Callable[[Matrix, bool], Any], one: Callable[[Row], list[float]] | None = None
    ) -> None:
        self.schema = schema
        self._predict = predict
        self.raw_row = one or (lambda row: self.raw_batch(np.array([row]))[0].tolist())

    def score(self, row: Sequence[float | None]) -> Scores:
        values = [np.nan if value is None else value for value in row]
        return Scores(tuple(self.raw_row(values)), tuple(self.score_batch(np.array([values]))[0].tolist()))

    def score_batch(self, rows: Matrix) -> Matrix:
        return np.asarray(self._predict(rows, False)).reshape(len(rows), -1)

    def raw_batch(self, rows: Matrix) -> Matrix:
        return np.asarray(self._predict(rows, True)).reshape(len(rows), -1)


def _engine(name: str) -> Load:
    from exports.judges import JUDGES  # noqa: PLC0415

    def load(path: Path, schema: FeatureSchema) -> Opened:
        score = JUDGES[name].load(path, schema)
        return Opened(lambda row: score(np.array([row])), score, engine=score)

    return load


_LOADERS: Final[dict[Kind, Callable[[str], Load]]] = {
    "yardstick": _yardstick,
    "library": _library,
    "kernel": _kernel,
    "format": _format,
    "engine": _engine,
}
