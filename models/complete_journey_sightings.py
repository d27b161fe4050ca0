"""Recorded visits through the features of the stream: a row a sighting, what the rest of the visit brought, what was bought before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.contract import Emission
from domain.cross_sell.events import Checkout, Ping, Purchase
from domain.cross_sell.features import CrossSellFeatures
from domain.cross_sell.groups import GROUPS, NO_GROUP, codes, group_code
from domain.cross_sell.ranking import Mask
from domain.history import identity
from domain.learning import Matrix
from models.complete_journey import WEEK
from models.errors import DataError

KEPT: Final = 3  # sightings in the midst of a visit, those of the lowest lots: more of one visit teach little
HALF_LIFE: Final = 40  # baskets after which one counts half among the recent ones


@dataclass(frozen=True)
class Sightings:
    """Arrays (n,), (n, features) or (n, groups), in order of the visits' ends.

    ``since``: baskets since each group was last bought, 0 where it is in this one, nan where never; ``relevant``: what the rest of the
    visit brought; ``habits``: in how many of the household's earlier ``baskets`` each group was; ``recent_habits`` of
    ``recent_baskets``: the same, an older basket counting less; ``midway``: with something in the basket.
    """

    x: Matrix
    household: NDArray[np.str_]
    week: NDArray[np.int64]
    since: Matrix
    relevant: Mask
    habits: Matrix
    baskets: Matrix
    recent_habits: Matrix
    recent_baskets: Matrix
    midway: Mask


class _Row(NamedTuple):
    x: Matrix
    household: str
    at: float
    relevant: Mask
    habits: Matrix
    baskets: int
    recent_habits: Matrix
    recent_baskets: float
    midway: bool


class _Household:
    """What was bought so far, and the visit that is going on: its sightings with the basket at each."""

    def __init__(self, groups: int) -> None:
        self.counts, self.recent = np.zeros(groups), np.zeros(groups)
        self.baskets, self.recent_baskets = 0, 0.0
        self.basket = set[int]()
        self.seen: list[tuple[Ping, list[float], frozenset[int]]] = []

    def paid(self) -> None:
        """The visit is over: what it brought joins what the household bought."""
        if self.basket:
            fades = 0.5 ** (1 / HALF_LIFE)
            self.recent, self.recent_baskets = self.recent * fades, self.recent_baskets * fades + 1
            self.counts[list(self.basket)] += 1
            self.recent[list(self.basket)] += 1
            self.baskets += 1
        self.basket, self.seen = set(), []


def sightings(emissions: Iterable[Emission], groups: tuple[str, ...] = GROUPS) -> Sightings:
    """Replay in the order given, which is the order of time. Raises ``DataError`` where no visit comes to its end."""
    features, among = CrossSellFeatures(groups), codes(groups)
    states, households, rows = dict[str, bytes](), dict[str, _Household](), list[_Row]()
    for emission in emissions:
        event = emission.value
        if emission.stream == "labels":
            continue
        computed = features.compute(event, states.get(event.key))
        states[event.key] = computed.state
        household = households.setdefault(event.key, _Household(len(groups)))
        if isinstance(event, Ping):
            household.seen.append((event, computed.row, frozenset(household.basket)))
        elif isinstance(event, Purchase):
            household.basket |= {group_code(event.group, among)} - {NO_GROUP}
        elif isinstance(event, Checkout):
            rows += _kept(household)
            household.paid()
    if not rows:
        raise DataError("no visits in the recording")
    return _stacked(rows, [features.schema.names.index(f"{g}_baskets_since") for g in groups])


def _kept(of: _Household) -> Iterable[_Row]:
    """The sightings of a visit that is over: the first, and some in its midst."""
    by_lot = sorted((identity(ping.id), i) for i, (ping, _, basket) in enumerate(of.seen) if basket)
    first = [(0, i) for i, (_, _, basket) in enumerate(of.seen) if not basket][:1]
    for chosen, midway in ((first, False), (by_lot[:KEPT], True)):
        for _, i in chosen:
            ping, row, basket = of.seen[i]
            brought = np.isin(np.arange(len(of.counts)), list(of.basket - basket))
            at = ping.event_time.timestamp()
            habits, recent = of.counts.copy(), of.recent.copy()
            yield _Row(np.array(row), ping.shopper_id, at, brought, habits, of.baskets, recent, of.recent_baskets, midway)


def _stacked(rows: list[_Row], since: list[int]) -> Sightings:
    x, household, at, relevant, habits, baskets, recent_habits, recent_baskets, midway = (np.array(c) for c in zip(*rows, strict=True))
    return Sightings(
        x=x,
        household=household,
        week=((at - at.min()) // WEEK).astype(np.int64),
        since=x[:, since],
        relevant=relevant,
        habits=habits,
        baskets=baskets.astype(np.float64),
        recent_habits=recent_habits,
        recent_baskets=recent_baskets,
        midway=midway,
    )
