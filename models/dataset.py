"""Training data by replay: history goes through the very feature class that the stream uses, in order of event time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Emission, MalformedEvent
from models.errors import DataError

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much in all (0: nobody knows)


def silent(what: str, done: int, total: int) -> None:
    """For who does not want to know."""


@dataclass(frozen=True)
class Dataset:
    """Rows in order of event time. ``x`` (n, features) float64; ``y`` (n,) 0, 1 or nan where no label came; ``time`` (n,) seconds.

    ``key`` and ``event_id`` (n,) are strings: the customer, and the payment.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    time: NDArray[np.float64]
    key: NDArray[np.str_]
    event_id: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, chosen: NDArray[Any]) -> Dataset:
        """Only the chosen rows (a mask or indices)."""
        return Dataset(self.x[chosen], self.y[chosen], self.time[chosen], self.key[chosen], self.event_id[chosen])


def replay(domain: Domain, emissions: Iterable[Emission], progress: Progress = silent) -> Dataset:
    """The rows of all events in ``emissions``, whatever their order there.

    At one instant labels go before events, then by id. Repeated events give one row; malformed ones none. Raises
    ``DataError`` where there are no events.
    """
    events, labels = _sorted(emissions)
    features, state, outcome = domain.features(), dict[str, bytes](), dict[str, float]()
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
        rows.append(computed.row)
        kept.append(event)
    progress(f"computing the features of {domain.events_name}", len(events), len(events))
    if not rows:
        raise DataError(f"no {domain.events_name} to learn from; look at what was given with --data")
    for known in labels:
        outcome[known.id] = max(outcome.get(known.id, 0.0), float(known.fraud))
    return Dataset(
        np.array(rows),
        np.array([outcome.get(e.id, np.nan) for e in kept]),
        np.array([e.event_time.timestamp() for e in kept]),
        np.array([e.key for e in kept]),
        np.array([e.id for e in kept]),
    )


def _sorted(emissions: Iterable[Emission]) -> tuple[list[Any], list[Any]]:
    found: dict[str, list[Any]] = {"events": [], "labels": []}
    for emission in emissions:
        if not isinstance(emission.value, bytes):
            found[emission.stream].append(emission.value)
    return (sorted(found["events"], key=lambda e: (e.event_time, e.id)), sorted(found["labels"], key=lambda e: (e.event_time, e.id)))
