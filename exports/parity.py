"""Proof that artifacts give LightGBM's answer: every format, and engines that are not ours, against LightGBM, row by row.

LightGBM itself (its C library, on the model's own text) is the only truth. Our scorers owe the raw score in every bit;
independent engines owe the value after the link within ``JUDGE_ULPS``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports.errors import EngineMissing, ExportError, UnsupportedModel
from exports.lightgbm_c import Booster
from exports.lightgbm_text import TextModel
from exports.probes import probes
from exports.scorer import Scorer

VALUE_ULPS: Final = 2  # exp and log of this machine's C library and of LightGBM's build
JUDGE_ULPS: Final = 4
JUDGED_ROWS: Final = 300  # an independent engine takes milliseconds a row
MADE_ROWS: Final = 200_000
Matrix = NDArray[np.float64]
Outcome = Literal["passed", "failed", "refused", "unavailable"]


@dataclass(frozen=True)
class Comparison:
    """How one scorer's answers compare with LightGBM's over ``rows``; ``reason`` says why there is no comparison.

    ``equal``: rows whose every raw score is equal in every bit (None: the engine gives no raw score). Distances are the largest over
    all rows and outputs, of raw scores and of values after the link. ``worst``: the row of the largest distance, by feature name.
    """

    name: str
    outcome: Outcome
    reason: str = ""
    rows: int = 0
    equal: int | None = None
    raw_ulps: float | None = None
    raw_difference: float | None = None
    value_ulps: float | None = None
    value_difference: float | None = None
    worst: dict[str, Any] | None = None


@dataclass(frozen=True)
class Report:
    """The parity report of one model. ``given`` and ``made`` are rows of the caller's and of ``exports.probes``."""

    model_sha256: str
    objective: str
    trees: int
    given: int
    made: int
    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """No comparison failed, and at least one was made."""
        outcomes = [c.outcome for c in self.comparisons]
        return "failed" not in outcomes and "passed" in outcomes

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; NaN and infinity stand as text."""
        found = {"passed": self.passed, **asdict(self)}
        found["comparisons"] = [
            {name: _plain(value) if isinstance(value, float) else value for name, value in c.items()} for c in found["comparisons"]
        ]
        return found


class Truth:
    """LightGBM's own answers for a model, and the rows they are asked for: ``given`` ones, and about ``most`` made for the model."""

    def __init__(self, model: TextModel, schema: FeatureSchema, given: Matrix | None = None, *, most: int = MADE_ROWS) -> None:
        own = np.empty((0, len(schema))) if given is None else np.ascontiguousarray(given, dtype=np.float64)
        made = probes(model.ensemble, schema, most=most)
        self.model, self.schema, self.given, self.made = model, schema, len(own), len(made)
        self.rows = np.concatenate([own, made])
        booster = Booster(model.text, len(schema), "model")
        self.raw, self.values = booster.predict(self.rows), booster.predict(self.rows, raw=False)

    def report(self, comparisons: list[Comparison]) -> Report:
        """The comparisons with what they were made on."""
        digest = hashlib.sha256(self.model.text.encode()).hexdigest()
        return Report(digest, self.model.objective, self.model.ensemble.n_trees, self.given, self.made, tuple(comparisons))

    def of_format(self, name: str, load: Callable[[], Scorer]) -> Comparison:
        """Compare a scorer of ours on all rows, by the batch and (a sample) one by one."""

        def compare() -> Comparison:
            scorer = load()
            if scorer.schema.names != self.schema.names:
                raise ExportError(f"its features are {', '.join(scorer.schema.names)}, the model's {', '.join(self.schema.names)}")
            for own, ours in zip(scorer.schema.features, self.schema.features, strict=True):
                if own.categories[: len(ours.categories)] != ours.categories[: len(own.categories)]:  # rows travel here as codes
                    raise ExportError(f"its categories of {own.name!r} are not the model's: {_differing(own.categories, ours.categories)}")
            raw, values = scorer.raw_batch(self.rows), scorer.score_batch(self.rows)
            one = _some(len(self.rows), JUDGED_ROWS)
            singly = [scorer.score(self.rows[i].tolist()) for i in one]
            raw[one] = [s.raw for s in singly]
            values[one] = [s.values for s in singly]
            return self._compared(name, np.arange(len(self.rows)), raw, values, VALUE_ULPS)

        return _outcome(name, compare)

    def of_judge(self, name: str, load: Callable[[], Callable[[Matrix], Matrix]], most: int = JUDGED_ROWS) -> Comparison:
        """Compare an independent engine's values, (n, features) -> (n, outputs), on a sample of ``most`` of the rows."""

        def compare() -> Comparison:
            engine = load()
            chosen = _some(len(self.rows), most)
            return self._compared(name, chosen, None, engine(self.rows[chosen]), JUDGE_ULPS)

        return _outcome(name, compare)

    def _compared(self, name: str, chosen: NDArray[np.int64], raw: Matrix | None, values: Matrix, allowed: int) -> Comparison:
        wanted_raw, wanted = self.raw[chosen], self.values[chosen]
        apart = ulps(values, wanted)
        equal, raw_ulps, raw_difference = None, None, None
        far = apart
        if raw is not None:
            raw_apart = ulps(raw, wanted_raw)
            same = (raw.view(np.int64) == np.ascontiguousarray(wanted_raw).view(np.int64)).all(axis=1)
            equal, raw_ulps, raw_difference = int(same.sum()), float(raw_apart.max()), _distance(raw, wanted_raw)
            far = np.maximum(apart, raw_apart)
        sound = bool(apart.max() <= allowed) and (equal is None or equal == len(chosen))
        at = int(far.max(axis=1).argmax())
        worst = self._row(int(chosen[at]), values[at], wanted[at]) if far[at].max() > 0 else None
        return Comparison(
            name,
            "passed" if sound else "failed",
            rows=len(chosen),
            equal=equal,
            raw_ulps=raw_ulps,
            raw_difference=raw_difference,
            value_ulps=float(apart.max()),
            value_difference=_distance(values, wanted),
            worst=worst,
        )

    def _row(self, at: int, got: NDArray[np.float64], wanted: NDArray[np.float64]) -> dict[str, Any]:
        row = dict(zip(self.schema.names, map(_plain, self.rows[at].tolist()), strict=True))
        return {"row": row, "got": [_plain(v) for v in got.tolist()], "lightgbm": [_plain(v) for v in wanted.tolist()]}


def verify(
    model: TextModel,
    schema: FeatureSchema,
    formats: Mapping[str, Callable[[], Scorer]],
    judges: Mapping[str, Callable[[], Callable[[Matrix], Matrix]]],
    rows: Matrix | None = None,
    progress: Callable[[str], None] = lambda name: None,
) -> Report:
    """Compare everything named with LightGBM on ``rows`` (n, features) float64, if any, and on rows made for the model.

    Loaders may raise ``ExportError``: what a format refuses is reported as refused, a missing engine as unavailable, anything
    else as failed.
    """
    truth = Truth(model, schema, rows)
    found = []
    for name, load in formats.items():
        progress(name)
        found.append(truth.of_format(name, load))
    for name, load_judge in judges.items():
        progress(name)
        found.append(truth.of_judge(name, load_judge))
    return truth.report(found)


def ulps(a: Matrix, b: Matrix) -> Matrix:
    """Distance in units in the last place, element by element, of float64 arrays: 0 for equal ones, two NaN included."""
    both = [np.ascontiguousarray(x, dtype=np.float64).view(np.int64) for x in (a, b)]
    low = np.int64(-(2**63))
    ordered = [np.where(x < 0, low - x, x) for x in both]
    apart = np.abs(ordered[0].astype(np.float64) - ordered[1].astype(np.float64))
    close = np.abs(ordered[0] - ordered[1]).astype(np.float64)
    exact = np.where(apart < 2**52, close, apart)
    neither = np.isnan(a) & np.isnan(b)
    return np.where(neither, 0.0, np.where(np.isnan(a) | np.isnan(b), math.inf, exact))


def _distance(a: Matrix, b: Matrix) -> float:
    """The largest absolute difference; equal infinities and two NaN are no difference."""
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(np.nan_to_num(apart, nan=math.inf).max(initial=0.0))


def _outcome(name: str, compare: Callable[[], Comparison]) -> Comparison:
    try:
        return compare()
    except EngineMissing as error:
        return Comparison(name, "unavailable", str(error))
    except UnsupportedModel as error:
        return Comparison(name, "refused", str(error))
    except ExportError as error:
        return Comparison(name, "failed", str(error))


def _differing(own: Sequence[str], ours: Sequence[str]) -> str:
    """The first code that two lists of labels name differently."""
    code = next(i for i, (a, b) in enumerate(zip(own, ours, strict=False)) if a != b)
    return f"code {code} is {own[code]!r} there and {ours[code]!r} here"


def _some(n: int, most: int) -> NDArray[np.int64]:
    """Indices of at most ``most`` of n rows, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64)) if n else np.zeros(0, dtype=np.int64)


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
