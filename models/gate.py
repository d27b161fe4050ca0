"""Whether a candidate takes the champion's place: better on the newest labelled rows beyond doubt, and in nothing that is guarded worse.

Both are scored by their own bundles on the same rows, which neither learned from (``models.holdout``). The difference in the domain's
headline metric is resampled in pairs over keys (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993): rows of one key are alike,
so keys are what chance draws.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from domain.calibration import calibration_error
from domain.contract import Domain
from domain.learning import Learning, Matrix, Rows
from exports.scorer import Scorer
from models.bundle import Bundle

MOST_ROWS = 100_000  # looked at: of more, some keys by lot; hundreds of resamples of these take half a minute
_ROWS, _TURNS = 200, 15  # timed: rows a turn, turns of each


@dataclass(frozen=True)
class Limits:
    """What the gate demands. ``margin``: by which share of the champion's value the headline must be better. The others: how many times

    the champion's calibration error, size of artifacts and time a row a candidate may have.
    """

    margin: float = 0.02
    calibration: float = 1.1
    size: float = 1.5
    latency: float = 2.0
    confidence: float = 0.95
    resamples: int = 300


@dataclass(frozen=True)
class Contender:
    """A bundle's answers to the judged rows, (n, outputs) after the link, and what else is guarded.

    ``parity``: the outcome by format, those of the models beside it under ``name.format``.
    """

    version: str
    scores: Matrix
    size: int  # bytes of all artifacts
    latency_us: float  # the median of a row, natively scored
    parity: Mapping[str, str]


@dataclass(frozen=True)
class Check:
    """One condition: the numbers it looked at, the interval of their difference where one was drawn, and a sentence."""

    name: str
    passed: bool
    champion: float
    candidate: float
    text: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate says. ``reason`` is one sentence: of the conditions that failed, or of the improvement."""

    verdict: Literal["better", "refused"]
    reason: str
    champion: str
    candidate: str
    rows: int
    keys: int
    checks: tuple[Check, ...]

    @property
    def better(self) -> bool:
        return self.verdict == "better"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "checks": [asdict(check) for check in self.checks]}


def compare(domain: Domain, rows: Rows, champion: Bundle, candidate: Bundle, limits: Limits, rng: np.random.Generator) -> Verdict:
    """Score both with what their bundles hold, time them, and judge. Raises ``BundleError`` for a bundle that is not proven."""
    rows = some_keys(rows, MOST_ROWS, rng)
    scorers = champion.scorer("native"), candidate.scorer("native")
    times = latencies(*scorers, rows.x)
    one, other = (
        Contender(b.version, np.asarray(s.score_batch(rows.x)).reshape(len(rows.y), -1), b.size, t, _parity(b))
        for b, s, t in zip((champion, candidate), scorers, times, strict=True)
    )
    return judge(domain, rows, one, other, limits, rng)


def judge(domain: Domain, rows: Rows, champion: Contender, candidate: Contender, limits: Limits, rng: np.random.Generator) -> Verdict:
    """All conditions, and what follows from them."""
    keys = len(np.unique(rows.key))
    learning, gains, over = domain.learning(), list[float](), list[float]()
    for drawn, i in redrawn(rows, resampled(rows.key, limits.resamples, rng)):
        was, now = champion.scores[i], candidate.scores[i]
        gains.append(_sign(learning) * (learning.headline_of(drawn, now) - learning.headline_of(drawn, was)))
        over.append(_excess(domain.objective, drawn.y, was, now, limits))
    checks = (
        _headline(learning, rows, champion, candidate, gains, limits),
        _calibration(domain.objective, rows, champion, candidate, over, limits),
        _at_most("size", "bytes of all artifacts", champion.size, candidate.size, limits.size),
        _at_most("latency", "microseconds a row", champion.latency_us, candidate.latency_us, limits.latency),
        _proven(champion, candidate),
    )
    failed = [check.text for check in checks if not check.passed]
    reason = "; ".join(failed) if failed else checks[0].text
    said: Literal["better", "refused"] = "refused" if failed else "better"
    return Verdict(said, reason, champion.version, candidate.version, len(rows.y), keys, checks)


def some_keys(rows: Rows, most: int, rng: np.random.Generator) -> Rows:
    """All rows of keys taken by lot, as many keys as make no more than ``most`` rows; all rows where these are no more."""
    kept = of_some_keys(rows.key, most, rng)
    return rows if len(kept) == len(rows.y) else Rows(rows.x[kept], rows.y[kept], rows.key[kept], rows.day[kept])


def of_some_keys(key: NDArray[np.str_], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The places of these rows among all, in their order."""
    if len(key) <= most:
        return np.arange(len(key))
    names, place, sizes = np.unique(key, return_inverse=True, return_counts=True)
    lot = rng.permutation(len(names))
    taken = lot[: max(1, int(np.searchsorted(np.cumsum(sizes[lot]), most, side="right")))]
    return np.flatnonzero(np.isin(place, taken))


Draw = tuple[NDArray[np.int64], NDArray[np.str_]]


def resampled(key: NDArray[np.str_], times: int, rng: np.random.Generator) -> Iterator[Draw]:
    """Keys drawn with replacement, as many as there are: their rows, and a name for each draw, so that a key drawn twice is two."""
    _, place = np.unique(key, return_inverse=True)
    order = np.argsort(place, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(place))[:-1])
    for _ in range(times):
        drawn = rng.integers(0, len(parts), len(parts))
        yield np.concatenate([parts[d] for d in drawn]), np.repeat(np.arange(len(drawn)).astype(np.str_), [len(parts[d]) for d in drawn])


def _sign(learning: Learning) -> float:
    return -1.0 if learning.lower_is_better else 1.0


def _headline(learning: Learning, rows: Rows, champion: Contender, candidate: Contender, gains: Sequence[float], limits: Limits) -> Check:
    was, now = (learning.headline_of(rows, c.scores) for c in (champion, candidate))
    low, high = _interval(gains, limits.confidence)
    wanted, gain = limits.margin * abs(was), _sign(learning) * (now - was)
    passed = low > 0 and gain >= wanted
    text = (
        f"{learning.headline} {now:.4f} against {was:.4f}: {'better' if gain > 0 else 'not better'} by {gain:.4f} "
        f"({limits.confidence:.0%} interval {low:.4f} to {high:.4f}, at least {wanted:.4f} wanted)"
    )
    return Check("headline", passed, was, now, text, low, high)


def _excess(objective: str, y: Matrix, was: Matrix, now: Matrix, limits: Limits) -> float:
    """By how much the candidate's calibration error is above what it may be."""
    return calibration(objective, y, now) - limits.calibration * calibration(objective, y, was)


def _calibration(objective: str, rows: Rows, champion: Contender, candidate: Contender, over: Sequence[float], limits: Limits) -> Check:
    was, now = (calibration(objective, rows.y, c.scores) for c in (champion, candidate))
    low, high = _interval(over, limits.confidence)
    passed = not low > 0
    text = f"calibration error {now:.4f} against {was:.4f}: {'not clearly' if passed else 'clearly'} above {limits.calibration:g} times it"
    return Check("calibration", passed, was, now, text, low, high)


def calibration(objective: str, y: Matrix, scores: Matrix) -> float:
    """How far answers (n, outputs) lie from what came: of a probability, of a quantity (its own unit), of the likeliest class's chance."""
    if objective != "multiclass":
        return calibration_error(y, scores[:, 0])
    top = scores.argmax(axis=1)
    return calibration_error((top == y).astype(np.float64), scores[np.arange(len(y)), top])


def redrawn(rows: Rows, draws: Iterable[Draw]) -> Iterator[tuple[Rows, NDArray[np.int64]]]:
    """Without the draws in which all have one answer: nothing can be told from them."""
    for i, names in draws:
        drawn = Rows(rows.x[i], rows.y[i], names, rows.day[i])
        if drawn.y.min() < drawn.y.max():
            yield drawn, i


def _interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """The percentile interval; without a draw that tells anything, all there is."""
    if not values:
        return -math.inf, math.inf
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, (tail, 1 - tail))
    return float(low), float(high)


def _at_most(name: str, what: str, was: float, now: float, factor: float) -> Check:
    passed = now <= factor * was
    text = f"{what}: {now:,.0f} against {was:,.0f}, {'at most' if passed else 'more than'} {factor:g} times as many"
    return Check(name, passed, was, now, text)


def _proven(champion: Contender, candidate: Contender) -> Check:
    """No format may have failed, or lack the proof that the champion's has: an engine that is not here now is missing for both."""
    unproven = [
        name
        for name, outcome in candidate.parity.items()
        if outcome != "passed" and (outcome != "unavailable" or champion.parity.get(name) == "passed")
    ]
    proven = [sum(outcome == "passed" for outcome in c.parity.values()) for c in (champion, candidate)]
    text = f"no passing parity report for {', '.join(unproven)}" if unproven else f"{proven[1]} artifacts proven equal to LightGBM"
    return Check("parity", not unproven, proven[0], proven[1], text)


def latencies(one: Scorer, other: Scorer, x: Matrix, clock: Callable[[], int] = time.perf_counter_ns) -> tuple[float, float]:
    """Microseconds a row of each, the medians of turns taken in alternation, so that whatever else the machine does meets both."""
    rows = [tuple(row) for row in x[:_ROWS].tolist()]
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * (_TURNS + 1)):
        scorer = (one, other)[turn % 2]
        begun = clock()
        for row in rows:
            scorer.score(row)
        if turn > 1:  # the first turn of each warms caches
            taken[turn % 2].append((clock() - begun) / 1000 / max(len(rows), 1))
    return float(np.median(taken[0])), float(np.median(taken[1]))


def _parity(bundle: Bundle) -> dict[str, str]:
    return {
        f"{name}.{c['name']}" if name else c["name"]: c["outcome"]
        for name in ("", *bundle.beside)
        for c in bundle.parity_of(name)["comparisons"]
    }
