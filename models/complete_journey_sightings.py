"""Recorded visits through the features of the stream: a row a sighting, what the rest of the visit brought, what was bought before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.contract import Emission, Features
from domain.cross_sell.events import Checkout, Ping, Purchase
from domain.cross_sell.groups import COUNT, NO_GROUP, group_code
from domain.cross_sell.ranking import Mask
from domain.history import identity
from domain.learning import Matrix
from models.errors import DataError

KEPT: Final = 3  # sightings in the midst of a visit, those of the lowest lots: more of one visit teach little
_WEEK: Final = 604_800


@dataclass(frozen=True)
class Sightings:
    """Arrays (n,), (n, features) or (n, groups), in order of the visits' ends.

    ``relevant``: what the rest of the visit brought; ``habits``: in how many of the household's earlier ``baskets`` each group was;
    ``midway``: with something in the basket.
    """

    x: Matrix
    household: NDArray[np.str_]
    week: NDArray[np.int64]
    relevant: Mask
    habits: Matrix
    baskets: Matrix
    midway: Mask


@dataclass
class _Household:
    """What was bought so far, and the visit that is going on: its sightings with the basket at each."""

    counts: Matrix = field(default_factory=lambda: np.zeros(COUNT))
    baskets: int = 0
    basket: set[int] = field(default_factory=set)
    seen: list[tuple[Ping, list[float], frozenset[int]]] = field(default_factory=list)


class _Kept:
    """The sightings of visits that are over."""

    def __init__(self) -> None:
        self.rows: list[tuple[Matrix, str, float, Mask, Matrix, int, bool]] = []

    def visit(self, of: _Household) -> None:
        """A visit is over: what it brought is known, and it joins what the household bought."""
        by_lot = sorted((identity(ping.id), i) for i, (ping, _, basket) in enumerate(of.seen) if basket)
        first = [(0, i) for i, (_, _, basket) in enumerate(of.seen) if not basket][:1]
        for chosen, midway in ((first, False), (by_lot[:KEPT], True)):
            for _, i in chosen:
                ping, row, basket = of.seen[i]
                brought = np.isin(np.arange(COUNT), list(of.basket - basket))
                at = ping.event_time.timestamp()
                self.rows.append((np.array(row), ping.shopper_id, at, brought, of.counts.copy(), of.baskets, midway))
        of.counts[list(of.basket)] += 1
        of.baskets += bool(of.basket)
        of.basket, of.seen = set(), []


def sightings(features: Features, emissions: Iterable[Emission]) -> Sightings:
    """Replay in the order given, which is the order of time. Raises ``DataError`` where no visit comes to its end."""
    states, households, kept = dict[str, bytes](), dict[str, _Household](), _Kept()
    for emission in emissions:
        event = emission.value
        if emission.stream == "labels":
            continue
        computed = features.compute(event, states.get(event.key))
        states[event.key] = computed.state
        household = households.setdefault(event.key, _Household())
        if isinstance(event, Ping):
            household.seen.append((event, computed.row, frozenset(household.basket)))
        elif isinstance(event, Purchase):
            household.basket |= {group_code(event.group)} - {NO_GROUP}
        elif isinstance(event, Checkout):
            kept.visit(household)
    if not kept.rows:
        raise DataError("no visits in the recording")
    return _stacked(kept)


def _stacked(kept: _Kept) -> Sightings:
    x, household, at, relevant, habits, baskets, midway = zip(*kept.rows, strict=True)
    second = np.array(at)
    return Sightings(
        x=np.array(x),
        household=np.array(household),
        week=((second - second.min()) // _WEEK).astype(np.int64),
        relevant=np.array(relevant),
        habits=np.array(habits),
        baskets=np.array(baskets, dtype=np.float64),
        midway=np.array(midway),
    )
