"""Training data, by replay or by recall: history goes through the very feature class that the stream uses, or the stream's own
decisions are read again, which carry the rows that were scored.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Emission, Judged, MalformedEvent
from domain.decision import Decision
from domain.learning import Rows
from models.errors import DataError

DAY = 86_400.0  # seconds
Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much in all (0: nobody knows)


def silent(what: str, done: int, total: int) -> None:
    """For who does not want to know."""


def counted(emissions: Iterable[Emission], what: str, total: int, told: Progress) -> Iterator[Emission]:
    """The emissions as they are; ``told`` how many of ``total`` events have passed."""
    passed = 0
    for emission in emissions:
        if emission.stream == "events":
            if passed % 5_000 == 0:
                told(what, passed, total)
            passed += 1
        yield emission
    told(what, passed, total)


@dataclass(frozen=True)
class Dataset:
    """Rows in order of event time. ``x`` (n, features) float64; ``y`` (n,) the label, nan where none came; ``time`` (n,) seconds.

    ``key`` and ``event_id`` (n,) are strings: whose state was used, and the event.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    time: NDArray[np.float64]
    key: NDArray[np.str_]
    event_id: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def day(self) -> NDArray[np.int64]:
        """(n,) whole days since the first row's midnight (UTC)."""
        return np.asarray(np.floor(self.time / DAY) - np.floor(self.time[0] / DAY), dtype=np.int64)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(n,) whether a label came."""
        return np.asarray(~np.isnan(self.y))

    def part(self, rows: NDArray[np.int64]) -> Dataset:
        """These rows alone."""
        return Dataset(self.x[rows], self.y[rows], self.time[rows], self.key[rows], self.event_id[rows])

    def chosen(self, rows: NDArray[np.int64]) -> Rows:
        """These rows as a domain's learning takes them."""
        return Rows(self.x[rows], self.y[rows], self.key[rows], self.day[rows])


def replay(domain: Domain, emissions: Iterable[Emission], progress: Progress = silent) -> Dataset:
    """The rows of all events in ``emissions``, whatever their order there.

    At one instant labels go before events, and what only changes the state before what decides. Repeated events give one
    row; malformed ones none. Raises ``DataError`` where there are no events.
    """
    with _uncollected():
        return _replayed(domain, emissions, progress)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for garbage in cycles: half a million events have none, and it looks through them again and again.

    It took a tenth of a training: 3.7 of 32.5 s of CPU (fraud, 236,000 payments, CPython 3.11.7).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _replayed(domain: Domain, emissions: Iterable[Emission], progress: Progress) -> Dataset:
    events, labels = _sorted(emissions)
    features, state = domain.features(), dict[str, bytes]()
    found, target = Growing(len(domain.schema)), domain.targets(labels)
    waiting = iter(labels)
    label = next(waiting, None)
    for done, event in enumerate(events):
        if done % 5_000 == 0:
            progress(f"computing the features of {domain.events_name}", done, len(events))
        while label is not None and label.event_time <= event.event_time:
            features.learn(label)
            label = next(waiting, None)
        try:
            computed = features.compute(event, state.get(event.key))
        except MalformedEvent:
            continue
        if computed.repeated:
            continue
        state[event.key] = computed.state
        if computed.row:
            found.add(event, computed.row, target(event))
    progress(f"computing the features of {domain.events_name}", len(events), len(events))
    if not len(found):
        raise DataError(f"no {domain.events_name} to learn from; look at what was given with --data")
    return found.dataset()


def recall(domain: Domain, decisions: Iterable[Decision], labels: Iterable[Any]) -> Dataset:
    """The rows that were scored, as the decisions carry them: those of a ``replay`` of the same events, whatever order they come in.

    Of an event that was decided more than once the first decision counts. Decisions of another number of features are left out.
    Raises ``DataError`` where nothing is left. Where an event came late, those of its key that were decided before it did not know
    of it, and a replay's rows would: what is recalled is what was scored.
    """
    found, target = Growing(len(domain.schema)), domain.targets(labels)
    for decision in decisions:
        if len(decision.features) == len(domain.schema):
            found.add(decision, decision.features, target(decision))
    if not len(found):
        raise DataError(f"no decisions of {domain.name} to learn from; let a stream decide some {domain.events_name} first")
    return found.dataset()


class Growing:
    """Rows in the order of their coming, as matrices that grow piece by piece: a list of lists takes ten times the memory."""

    PIECE = 10_000  # rows

    def __init__(self, features: int) -> None:
        self._features, self._done = features, list[Dataset]()
        self._begin()

    def __len__(self) -> int:
        return sum(map(len, self._done)) + self._filled

    def add(self, of: Judged, row: Sequence[float | None], y: float) -> None:
        """A row (features,), None for nan, of an event or of its decision."""
        i = self._filled
        self._piece.x[i], self._piece.y[i], self._piece.time[i] = row, y, of.event_time.timestamp()  # None is nan there
        self._keys.append(of.key)
        self._ids.append(of.id)
        self._filled += 1
        if self._filled == self.PIECE:
            self._end()

    def dataset(self) -> Dataset:
        """The rows in order of event time and id; of those with one id the first that came."""
        self._end()
        every = Dataset(*(np.concatenate([getattr(part, f.name) for part in self._done]) for f in fields(Dataset)))
        self._done = [every]
        _, first = np.unique(every.event_id, return_index=True)
        return every.part(first[np.lexsort((every.event_id[first], every.time[first]))])

    def _begin(self) -> None:
        size, nothing = self.PIECE, np.empty(0, dtype=np.str_)
        self._piece = Dataset(np.empty((size, self._features)), np.empty(size), np.empty(size), nothing, nothing)
        self._keys, self._ids, self._filled = list[str](), list[str](), 0

    def _end(self) -> None:
        piece, n = self._piece, self._filled
        self._done.append(Dataset(piece.x[:n], piece.y[:n], piece.time[:n], np.array(self._keys, np.str_), np.array(self._ids, np.str_)))
        self._begin()


def _sorted(emissions: Iterable[Emission]) -> tuple[list[Any], list[Any]]:
    events: list[Any] = []
    labels: list[Any] = []
    for emission in emissions:
        if not isinstance(emission.value, bytes):
            (labels if emission.stream == "labels" else events).append(emission.value)
    return sorted(events, key=lambda e: (e.event_time, e.decides, e.id)), sorted(labels, key=lambda e: (e.event_time, e.id))
