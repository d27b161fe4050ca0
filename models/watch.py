"""Says when a model is asked other things than it learned from: an index a day for each feature and output, and alarms that last.

A window is the last seven whole days of event time, so that the rhythm of a day and of a week is in each as it is in the baseline. What
chance explains is reckoned with keys and days, not rows (``models.drift.chance``), and an alarm needs ``persist`` windows in a row.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from domain.history import identity
from domain.learning import Matrix, Rows
from models.answers import answers, outputs
from models.days import Days, Row
from models.drift import Baseline, Counts, Profile, chance
from models.gate import redrawn, resampled
from models.means import WEEK, Mean, Sums, by_key

GRACE: Final = 2  # days after its own that a day is looked at: it is complete then but for what comes later than that
FEWEST: Final = 200  # decisions of a window that says something
QUIET: Final = 14  # days without another change of a mean until that counts as over
SHOWN: Final = 5  # of what moved, in words
DRAWS: Final = 100  # of keys
SURE: Final = 0.95  # of them must show that a measure is worse than its limit
_SIGMAS: Final = 4.0  # of a share's own spread that it may exceed its limit by


@dataclass(frozen=True)
class Limits:
    """From where on it is drift. ``psi`` and ``share`` are beyond what chance explains; ``mean`` is a part of the mean before."""

    psi: float = 0.25
    share: float = 0.05  # by which the missing or the unseen may grow
    mean: float = 0.5  # by which the mean score may change and the mean error grow
    persist: int = 3  # windows in a row
    level: float = 1e-4  # the chance that is left to chance, for each window
    adwin: float = 1e-4  # ADWIN's delta
    quality: float = 0.3  # by which the headline measure may be worse than the model's report says, as a part of that


class Measured(NamedTuple):
    """A feature or output in the week up to ``day``. ``limit`` is the index from which it is drift."""

    domain: str
    day: int
    model_version: str
    name: str
    psi: float
    limit: float
    missing: float
    unseen: float
    rows: int
    draws: int


class Moved(NamedTuple):
    """What moved, from what to what, beyond which limit, and the last day of the first week that showed it."""

    name: str
    what: str  # "psi", "missing", "unseen", "mean", "quality"
    was: float
    value: float
    limit: float
    since: int


@dataclass(frozen=True)
class Turn:
    """An alarm that is raised, or extended by what moved now (``fresh``), or over (nothing in ``moved``). ``at_us``: wall clock."""

    domain: str
    model_version: str
    at_us: int
    day: int
    moved: tuple[Moved, ...]
    fresh: tuple[Moved, ...]


class _Day(NamedTuple):
    day: int
    counts: tuple[Counts, ...]
    rows: int
    means: Sums  # by key: the sum of scores, and of how many


@dataclass
class _Version:
    """What is known of the decisions of one version."""

    baseline: Baseline
    first: int
    score: Mean
    error: Mean
    last: int = 0
    at_us: int = 0
    week: deque[_Day] = field(default_factory=lambda: deque(maxlen=WEEK))
    errors: deque[tuple[int, Sums]] = field(default_factory=lambda: deque(maxlen=WEEK))
    judged: deque[tuple[Rows, Matrix]] = field(default_factory=lambda: deque(maxlen=WEEK))  # labelled days, and the answers to them
    expected: float | None = None  # the headline measure, as the model's report has it
    above: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # how many windows in a row, since which day
    below: dict[tuple[str, str], int] = field(default_factory=dict)
    moved: dict[tuple[str, str], Moved] = field(default_factory=dict)
    means: dict[tuple[str, str], int] = field(default_factory=dict)  # when a mean last changed
    told: frozenset[tuple[str, str]] = frozenset()
    fresh: bool = False  # labelled days have come that the headline measure was not held against the report for


class Watch:
    """One domain's days, looked at once each, in order. ``baseline``: of a version, or None where its bundle has none.

    ``expected``: what a version's report says of the headline measure; a week of labelled days that is worse by more than the limit, and by
    more than chance among keys explains, is a drift of what the features mean: the features themselves may all look as they did.
    """

    def __init__(
        self,
        days: Days,
        baseline: Callable[[str], Baseline | None],
        limits: Limits | None = None,
        expected: Callable[[str], float | None] = lambda version: None,
    ) -> None:
        self._days, self._domain, self._baseline, self._expected = days, days.domain, baseline, expected
        self._limits = limits or Limits()
        self._next: int | None = None
        self._first = 0
        self._versions: dict[str, _Version] = {}
        self._without: set[str] = set()
        self._width = outputs(days.domain)

    @property
    def without(self) -> set[str]:
        """The versions whose bundles have no baseline: nothing is said of them."""
        return set(self._without)

    def look(self, now: int) -> tuple[list[Measured], list[Turn]]:
        """The windows that are complete where event time is at day ``now``, and the alarms that begin, grow or end with them."""
        if self._next is None:
            busy = self._days.busy()
            if not busy:
                return [], []
            self._next = self._first = busy[0]
        measured, turns = list[Measured](), list[Turn]()
        for day in range(self._next, now - GRACE + 1):
            self._take_in(day)
            for name, version in list(self._versions.items()):
                measured += self._window(name, version, day)
                turns += self._turns(name, version, day)
        self._next = max(self._next, now - GRACE + 1)
        return measured, turns

    def _take_in(self, day: int) -> None:
        rows = [r for r in self._days.rows(day) if len(r.raw) == self._width and len(r.x) == len(self._domain.schema)]
        for name in sorted({row.version for row in rows}):
            version = self._version(name, day)
            if version is not None:
                self._add(version, day, [row for row in rows if row.version == name])
        settled = day - self._days.wait - 1
        late = [r for r in self._days.rows(settled) if r.version in self._versions and len(r.raw) == self._width]
        if late:
            self._add_errors(settled, late)

    def _version(self, name: str, day: int) -> _Version | None:
        if name not in self._versions:
            baseline = self._baseline(name)
            if baseline is None or (len(baseline.features), len(baseline.scores)) != (len(self._domain.schema), self._width):
                self._without.add(name)
                return None
            delta = self._limits.adwin
            self._versions[name] = _Version(baseline, day, Mean(delta), Mean(delta), expected=self._expected(name))
            self._without.discard(name)
        return self._versions[name]

    def _add(self, version: _Version, day: int, rows: Sequence[Row]) -> None:
        found = answers(self._domain, np.stack([row.raw for row in rows]))
        keys = [identity(row.key) for row in rows]
        counts = version.baseline.counts(np.stack([row.x for row in rows]), found)
        scores = by_key(keys, [row.score / _scale(self._domain.objective, version.baseline) for row in rows])
        version.week.append(_Day(day, counts, len(rows), scores))
        version.last, version.at_us = day, max(version.at_us, *(row.first[0] for row in rows))

    def _add_errors(self, day: int, rows: Sequence[Row]) -> None:
        target = self._domain.targets(self._days.labels(day))
        for name in sorted({row.version for row in rows}):
            own = [row for row in rows if row.version == name]
            y = np.array([target(row.decision) for row in own])
            known = [i for i in range(len(own)) if not math.isnan(y[i])]
            if known:
                found = answers(self._domain, np.stack([own[i].raw for i in known]))
                version = self._versions[name]
                wrong = _errors(self._domain.objective, y[known], found, _scale(self._domain.objective, version.baseline))
                version.errors.append((day, by_key([identity(own[i].key) for i in known], wrong)))
                keys = np.array([own[i].key for i in known])
                of_day = Rows(np.stack([own[i].x for i in known]), y[known], keys, np.full(len(known), day))
                version.judged.append((of_day, found))
                version.fresh = True

    def _window(self, name: str, version: _Version, day: int) -> list[Measured]:
        """The week up to ``day``: measured, and held against the limits."""
        week = [d for d in version.week if d.day > day - WEEK]
        whole = day - WEEK >= max(version.first, self._first + self._domain.settling.days)
        rows = sum(d.rows for d in week)
        if not whole or rows < FEWEST:
            return []
        draws = sum(len(d.means) for d in week)
        found = []
        for at, profile in enumerate(version.baseline.profiles):
            counts = np.sum([d.counts[at] for d in week], axis=0)
            psi = profile.psi(counts, version.baseline.rows)
            limit = self._limits.psi + chance(len(counts), draws, version.baseline.draws, self._limits.level)
            missing, unseen = counts[-1] / rows, counts[-2] / rows if profile.categorical else 0.0
            found.append(Measured(self._domain.name, day, name, profile.name, psi, limit, float(missing), float(unseen), rows, draws))
            self._judge(version, profile, found[-1])
        self._means(version, day)
        self._quality(version, day)
        return found

    def _judge(self, version: _Version, profile: Profile, window: Measured) -> None:
        n = 1 / window.draws + 1 / version.baseline.draws
        shares = (("missing", profile.missing, window.missing), ("unseen", profile.unseen, window.unseen))
        self._count(version, Moved(profile.name, "psi", 0.0, window.psi, window.limit, window.day))
        for what, was, value in shares:
            spread = math.sqrt(max(value * (1 - value), 0.0) * n)
            self._count(version, Moved(profile.name, what, was, value, was + self._limits.share + _SIGMAS * spread, window.day))

    def _count(self, version: _Version, found: Moved, beyond: bool | None = None) -> None:
        """One more window of a thing: an alarm begins after some beyond the limit (above it), and ends after as many within."""
        place = (found.name, found.what)
        if found.value > found.limit if beyond is None else beyond:
            times, since = version.above.get(place, (0, found.since))
            version.above[place] = (times + 1, since)
            version.below.pop(place, None)
            if times + 1 >= self._limits.persist:
                version.moved[place] = found._replace(since=since)
            return
        version.above.pop(place, None)
        if place in version.moved:
            version.below[place] = version.below.get(place, 0) + 1
            if version.below[place] >= self._limits.persist:
                del version.moved[place], version.below[place]

    def _quality(self, version: _Version, day: int) -> None:
        """The headline measure of the latest week of labelled days, against the report's: once for each such week."""
        if version.expected is None or len(version.judged) < WEEK or not version.fresh:
            return
        version.fresh = False
        learning = self._domain.learning()
        rows = Rows(*(np.concatenate(parts) for parts in zip(*(r for r, _ in version.judged), strict=True)))
        scores = np.concatenate([s for _, s in version.judged])
        if len(np.unique(rows.y)) < 2:  # nothing to tell apart
            return
        sign = 1.0 if learning.lower_is_better else -1.0
        limit = version.expected * (1 + sign * self._limits.quality)
        value = learning.headline_of(rows, scores)
        worse = sign * (value - limit) > 0 and self._surely(rows, scores, day, limit)
        self._count(version, Moved(learning.headline, "quality", version.expected, value, limit, day), worse)

    def _surely(self, rows: Rows, scores: Matrix, day: int, limit: float) -> bool:
        """Whether nearly every draw of keys has a measure that is worse than the limit."""
        learning, sign = self._domain.learning(), 1.0 if self._domain.learning().lower_is_better else -1.0
        draws = redrawn(rows, resampled(rows.key, DRAWS, np.random.default_rng(day)))
        worse = [sign * (learning.headline_of(drawn, scores[i]) - limit) > 0 for drawn, i in draws]
        return sum(worse) >= SURE * len(worse)

    def _means(self, version: _Version, day: int) -> None:
        score = version.score.told(day, [d.means for d in version.week if d.day > day - WEEK])
        settled = day - self._days.wait - 1
        error = version.error.told(settled, [found for d, found in version.errors if d > settled - WEEK])
        for name, changed in (("score", score), ("error", error)):
            place, limit = (name, "mean"), self._limits.mean
            if changed is not None:
                was, value = changed
                if (abs(value - was) if name == "score" else value - was) > limit * max(was, 1e-9):
                    since = version.moved[place].since if place in version.moved else day
                    version.moved[place] = Moved(name, "mean", was, value, was * (1 + math.copysign(limit, value - was)), since)
                    version.means[place] = day
            if place in version.moved and day - version.means[place] >= QUIET:
                del version.moved[place], version.means[place]

    def _turns(self, name: str, version: _Version, day: int) -> list[Turn]:
        """What begins, grows or ends. A version that has not decided for a week is let go of, with its alarm."""
        gone = day - version.last >= WEEK
        if gone:
            version.moved.clear()
            del self._versions[name]
        before, version.told = version.told, frozenset(version.moved)
        fresh = tuple(version.moved[place] for place in sorted(version.told - before))
        if not fresh and not (before and not version.told):
            return []
        moved = tuple(sorted(version.moved.values(), key=lambda m: (m.what != "quality", -m.value / max(m.limit, 1e-9))))
        return [Turn(self._domain.name, name, version.at_us, day, moved, fresh)]


def _scale(objective: str, baseline: Baseline) -> float:
    """What brings scores and errors about between 0 and 1, which ADWIN's bound is for."""
    return max(1.0, *baseline.scores[0].edges) if objective == "regression" and baseline.scores[0].edges else 1.0


def _errors(objective: str, y: Any, found: Any, scale: float) -> list[float]:
    """(n,) how far each answer is from the truth: the probability that the truth did not get, or the distance."""
    if objective == "regression":
        wrong = np.minimum(np.abs(found[:, 0] - y) / scale, 1.0)
    elif objective == "binary":
        wrong = np.abs(found[:, 0] - y)
    else:
        wrong = 1 - found[np.arange(len(y)), y.astype(np.int64)]
    return [float(w) for w in wrong]
