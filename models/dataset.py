"""Training data by replay: history goes through the very feature class that the stream uses, in order of event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Emission, MalformedEvent
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

    def chosen(self, rows: NDArray[np.int64]) -> Rows:
        """These rows as a domain's learning takes them."""
        return Rows(self.x[rows], self.y[rows], self.key[rows], self.day[rows])


def replay(domain: Domain, emissions: Iterable[Emission], progress: Progress = silent) -> Dataset:
    """The rows of all events in ``emissions``, whatever their order there.

    At one instant labels go before events, and what only changes the state before what decides. Repeated events give one
    row; malformed ones none. Raises ``DataError`` where there are no events.
    """
    events, labels = _sorted(emissions)
    features, state = domain.features(), dict[str, bytes]()
    rows: list[list[float]] = []
    kept: list[Any] = []
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
            rows.append(computed.row)
            kept.append(event)
    progress(f"computing the features of {domain.events_name}", len(events), len(events))
    if not rows:
        raise DataError(f"no {domain.events_name} to learn from; look at what was given with --data")
    target = domain.targets(labels)
    return Dataset(
        np.array(rows),
        np.array([target(e) for e in kept]),
        np.array([e.event_time.timestamp() for e in kept]),
        np.array([e.key for e in kept]),
        np.array([e.id for e in kept]),
    )


def _sorted(emissions: Iterable[Emission]) -> tuple[list[Any], list[Any]]:
    events: list[Any] = []
    labels: list[Any] = []
    for emission in emissions:
        if not isinstance(emission.value, bytes):
            (labels if emission.stream == "labels" else events).append(emission.value)
    return sorted(events, key=lambda e: (e.event_time, e.decides, e.id)), sorted(labels, key=lambda e: (e.event_time, e.id))
