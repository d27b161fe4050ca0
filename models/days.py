"""Decisions and labels by day of event time: what came twice, late or in another order leaves no trace.

A day is open until its labels' time has passed (``Domain.label_wait``) and is kept some days longer for what is late; then it is let go.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.contract import Domain
from domain.decision import Decision
from domain.history import identity

LATE_DAYS: Final = 10  # that a day is kept beyond its labels' time: messages may come that late, and no later
MOST: Final = 20_000  # decisions of a day that are kept; more are sampled by their ids
THIN: Final = 0.03  # of a full day's decisions: a day with fewer does not say that time has passed (clocks that are wild)
FULL: Final = 0.75  # the quantile of the days' decisions that is a full day: one flood of events is not what a day has
FEW: Final = 10  # decisions, likewise
AHEAD: Final = 1_000  # days beyond the present that are kept: one partition may be read long before another; of more, the farthest go
_SAID: Final = (
    "decision_id", "key", "event_time", "domain", "action", "alert", "score", "threshold",
    "model_version", "format", "source_us", "broker_us", "decided_us",
)  # fmt: skip
_REPEATED: Final = {"key", "domain", "action", "model_version", "format"}  # the same text in many decisions: kept once
_BARE: Final = Decision.model_construct(features=[], raw=[], reasons=[], facts={}, terms={})
_ID, _KEY, _TIME, _SCORE, _VERSION, _FORMAT, _DECIDED = map(
    _SAID.index, ("decision_id", "key", "event_time", "score", "model_version", "format", "decided_us")
)


def day_of(moment: datetime) -> int:
    """Whole days since 1970, UTC."""
    return int(moment.timestamp() // 86_400)


def date_of(day: int) -> date:
    return date.fromordinal(day + date(1970, 1, 1).toordinal())


def busy_days(counts: Mapping[int, float], least: float = 1, now: int | None = None) -> list[int]:
    """The days, of those with so many decisions each, that have as many as a day has: ``least``, a share of a full one (up to ``now``)."""
    known = [count for day, count in counts.items() if count >= least and (now is None or day <= now)]
    full = float(np.quantile(known, FULL)) if known else 0.0
    return sorted(day for day, count in counts.items() if count >= max(least, THIN * full))


@dataclass(slots=True)
class Row:
    """A decision as it is kept: under a kilobyte. ``x`` (features,), ``raw`` (outputs,), empty where no model had a part in it."""

    said: tuple[Any, ...]  # the fields of _SAID
    context: str
    numbers: bytes
    features: int
    shadow: bool = False  # what a challenger would have decided

    @classmethod
    def of(cls, decision: Decision, *, shadow: bool = False) -> Row:
        said = tuple(sys.intern(v) if isinstance(v := getattr(decision, name), str) and name in _REPEATED else v for name in _SAID)
        numbers = np.array([*decision.features, *decision.raw], np.float64).tobytes()
        return cls(said, orjson.dumps(decision.context).decode(), numbers, len(decision.features), shadow)

    @property
    def decision(self) -> Decision:
        """The decision without its arrays, facts and reasons."""
        return _BARE.model_copy(update=dict(zip(_SAID, self.said, strict=True)) | {"context": orjson.loads(self.context)})

    @property
    def x(self) -> NDArray[np.float64]:
        return np.frombuffer(self.numbers)[: self.features]

    @property
    def raw(self) -> NDArray[np.float64]:
        return np.frombuffer(self.numbers)[self.features :]

    @property
    def place(self) -> tuple[datetime, str]:
        """What rows are sorted by."""
        return self.said[_TIME], self.said[_ID]

    @property
    def first(self) -> tuple[int, str, str]:
        """Of a decision that was made twice the first counts: it is the one that was acted on."""
        return self.said[_DECIDED], self.said[_VERSION], self.said[_FORMAT]

    @property
    def version(self) -> str:
        return str(self.said[_VERSION])

    @property
    def key(self) -> str:
        return str(self.said[_KEY])

    @property
    def score(self) -> float:
        return float(self.said[_SCORE])


@dataclass
class Sample:
    """A set of things by id, at most ``most``: whenever it is full, ids of every other hash go. What is kept is a function of the set."""

    most: int
    kept: dict[str, Any] = field(default_factory=dict)
    halvings: int = 0

    def takes(self, name: str) -> bool:
        return identity(name) & ((1 << self.halvings) - 1) == 0

    def put(self, key: str, name: str, value: Any) -> None:
        """Keep ``value`` under ``key``; ``name`` is whose hash decides."""
        self.kept[key] = (name, value)
        while len(self.kept) > self.most:
            self.halvings += 1
            self.kept = {k: (n, v) for k, (n, v) in self.kept.items() if self.takes(n)}

    def __iter__(self) -> Iterator[Any]:
        return (value for _, value in self.kept.values())

    @property
    def share(self) -> float:
        """Which share of all things is kept."""
        return float(0.5**self.halvings)


class Days:
    """One domain's decisions and labels. Days are whole days since 1970 (``day_of``).

    A label counts for a decision if it became known no more than ``wait`` days after the decision's day, however late it arrives.
    ``late_days`` bounds the memory: what arrives when event time is further on changes nothing, and is counted in ``too_late``.
    """

    def __init__(self, domain: Domain, *, late_days: int = LATE_DAYS, most: int = MOST) -> None:
        self.domain, self.wait, self._late, self._most = domain, domain.label_wait.days, late_days, most
        self._rows: dict[int, Sample] = {}
        self._labels: dict[int, Sample] = {}
        self._sorted: dict[int, list[tuple[str, Any]]] = {}  # the labels of a day, each with its id
        self._decided_on: dict[str, tuple[int, int]] = {}  # the first and last day of decisions by their id: one, but for mistakes
        self._horizon = -(2**31)  # the first day that is not let go
        self._now: int | None = None
        self._named = False  # a label was seen that has a decision's id, as all of this domain then have
        self._touched: set[int] = set()
        self.too_late = 0

    def decided(self, decision: Decision, *, shadow: bool = False) -> None:
        """Take in a decision, or what a challenger would have decided; of one that was made twice the first counts."""
        day = day_of(decision.event_time)
        if day < self._horizon:
            self.too_late += 1
            return
        name, sample = decision.decision_id, self._rows.setdefault(day, Sample(self._most))
        if not sample.takes(name):
            return
        key = f"{name} {decision.model_version}" if shadow else name
        row, before = Row.of(decision, shadow=shadow), sample.kept.get(key)
        if before is None or row.first < before[1].first:
            sample.put(key, name, row)
            earliest, latest = self._decided_on.get(name, (day, day))
            self._decided_on[name] = min(earliest, day), max(latest, day)
            self._touched.add(day)

    def learned(self, label: Any) -> None:
        """Take in a label; a repeated one changes nothing."""
        day, key = day_of(label.event_time), label.model_dump_json()
        if day < self._horizon:
            self.too_late += 1
            return
        # More than of decisions: it takes as many decisions as labels, and those of other days, before one of a kept decision goes.
        sample = self._labels.setdefault(day, Sample(4 * self._most))
        if self._named and not any(day not in self._rows or self._rows[day].takes(label.id) for day in self._possible(day)):
            return  # its decision is none of those that are kept
        if key not in sample.kept and sample.takes(label.id):
            sample.put(key, label.id, label)
            self._sorted.pop(day, None)
            self._touched |= self._spoken_of(label, day)

    def _spoken_of(self, label: Any, day: int) -> set[int]:
        """The days that a label may speak of. One with a decision's id speaks of that decision, and of its neighbours."""
        possible = self._possible(day)
        found = {d for d in possible if d in self._rows and label.id in self._rows[d].kept}
        self._named |= bool(found)
        return {d + by for d in found for by in (-1, 0, 1)} if self._named else set(possible)

    def _possible(self, day: int) -> range:
        """The days whose decisions a label of this day may count for."""
        return range(day - self.wait, day + 1)

    def begin_after(self, day: int) -> None:
        """Of the days up to this one not all is there to be read: they are left out."""
        self._let_go(day + 1)

    @property
    def now(self) -> int | None:
        """The latest day that has as many decisions as a day has: how far event time is. None: there is none yet."""
        self._now = max(self.busy(), default=None)
        return self._now

    def busy(self) -> list[int]:
        """The days that have as many decisions as a day up to the present has, not the few of a wild clock."""
        return busy_days({day: len(sample.kept) / sample.share for day, sample in self._rows.items()}, FEW, self._now)

    def rows(self, day: int, *, shadow: bool = False) -> list[Row]:
        """A day's decisions, in order of event time; with ``shadow`` those in the champion's place too."""
        return sorted((row for row in self._rows.get(day, ()) if shadow or not row.shadow), key=lambda row: row.place)

    def share(self, day: int) -> float:
        """Which share of a day's decisions is kept."""
        return self._rows[day].share if day in self._rows else 1.0

    def labels(self, first: int, last: int | None = None) -> list[Any]:
        """The labels that count for decisions of these days, in an order that does not hang on that of their arrival.

        What speaks of a decision of another day (see ``_spoken_of``) is left out.
        """
        last = first if last is None else last
        labels = []
        for day in range(first, last + self.wait + 1):
            for name, label in self._in_order(day):
                on = self._decided_on.get(name)
                if on is None or (on[0] - 1 <= last and first <= on[1] + 1):
                    labels.append(label)
        return labels

    def _in_order(self, day: int) -> list[tuple[str, Any]]:
        """The labels that became known on a day; sorted again only where there are new ones."""
        if day in self._labels and day not in self._sorted:
            found = sorted((label.event_time, key) for key, (_, label) in self._labels[day].kept.items())
            self._sorted[day] = [self._labels[day].kept[key] for _, key in found]
        return self._sorted.get(day, [])

    def __iter__(self) -> Iterator[int]:
        """The days that have decisions."""
        return iter(sorted(self._rows))

    def take_touched(self) -> list[int]:
        """The days in which something changed since the last time."""
        found, self._touched = sorted(day for day in self._touched if day in self._rows), set()
        return found

    def leaving(self, now: int) -> list[int]:
        """The days whose time is over where event time is at day ``now``."""
        return [day for day in self if day + self.wait + self._late < now]

    def let_go(self, now: int) -> None:
        """Forget the days whose time is over, and what lies too far ahead."""
        self._let_go(now - self.wait - self._late)
        self._drop(lambda days: sorted(day for day in days if day > now)[AHEAD:])

    def _let_go(self, horizon: int) -> None:
        self._horizon = max(self._horizon, horizon)
        self._drop(lambda days: [day for day in days if day < self._horizon])

    def _drop(self, which: Callable[[Iterable[int]], Sequence[int]]) -> None:
        """Of the days that each table holds, those that ``which`` picks."""
        had = len(self._rows)
        tables: tuple[dict[int, Any], ...] = (self._rows, self._labels, self._sorted)
        for days in tables:
            for day in which(days):
                del days[day]
        if len(self._rows) < had:
            self._decided_on = {name: on for name, on in self._decided_on.items() if on[0] in self._rows or on[1] in self._rows}
