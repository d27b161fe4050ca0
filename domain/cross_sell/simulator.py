"""A seeded source of visits, profiles and late labels: shoppers with habits walk through stores with a layout of their own.

A shopper buys of a group the sooner the longer they have not, at a pace of their own; what goes into the basket draws its companion
after it. They walk along the shelves of what they want, linger there, and pass some other shelves by. None of this is told to
the features: they see zones, times and basket lines. Beside that, what a real stream has: see ``Imperfections``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

import numpy as np
from numpy.typing import NDArray

from domain.contract import Emission
from domain.cross_sell.events import Bought, Checkout, Label, Ping, Profile, Purchase
from domain.cross_sell.features import SEGMENTS, TIERS
from domain.cross_sell.groups import COUNT, GROUPS, ZONES
from domain.simulating import by_time

LABEL_DELAY = timedelta(days=7)
LABELLED = 2  # pings of a visit that a label tells of
SIGHTING_EVERY = 45  # seconds between sightings in one zone: a few would do too, and cost more
SHIFTED = 5  # groups further on: whose pace a group has after a drift
_DAY = 86_400.0
_PRICES = np.array((3.0, 2.5, 3.0, 2.8, 4.0, 2.2, 8.0, 5.5, 4.0, 3.0, 4.5, 5.0, 5.5, 7.0))
# Times a month that an average shopper of each segment (rows as SEGMENTS) buys of each group (columns as GROUPS).
_HABITS = np.array((
    (2.0, 1.5, 3.0, 2.5, 1.0, 1.5, 1.5, 2.5, 2.5, 2.5, 3.5, 0.8, 0.9, 0.4),
    (2.5, 3.0, 3.5, 3.0, 1.5, 2.5, 2.5, 2.0, 1.5, 2.0, 2.5, 1.0, 1.0, 0.8),
    (3.0, 2.5, 5.0, 4.0, 3.0, 3.5, 3.0, 1.5, 3.0, 4.0, 3.5, 1.8, 1.8, 0.8),
    (3.0, 3.0, 3.5, 3.5, 1.5, 2.0, 2.0, 1.0, 1.0, 1.0, 1.5, 0.8, 1.2, 0.9),
))  # fmt: skip
_COMPANION = {"meat": "vegetables", "breakfast": "dairy", "bakery": "deli", "snacks": "drinks", "pantry": "meat", "fruit": "vegetables"}
_ENTRANCE, _CHECKOUT = ZONES.index("entrance"), ZONES.index("checkout")
_DRAWN = 0.35  # how often a group draws its companion into the basket


@dataclass(frozen=True)
class Imperfections:
    """Shares of messages with a fault of a real stream; ``lateness`` is the mean delay of a late one."""

    missing_zone: float = 0.03
    unseen_zone: float = 0.005
    missing_dwell: float = 0.05
    missing_group: float = 0.01
    repeated: float = 0.003
    late: float = 0.005
    lateness: timedelta = timedelta(minutes=5)
    malformed: float = 0.0
    late_label: float = 0.05
    repeated_label: float = 0.01
    no_profile: float = 0.15


PERFECT = Imperfections(0, 0, 0, 0, 0, 0, timedelta(0), 0, 0, 0, 0)


@dataclass(frozen=True)
class World:
    """Shoppers and stores of a seed. ``pace`` (shoppers, groups) is purchases a day, ``layout`` (stores, groups) the order of shelves."""

    pace: NDArray[np.float64]
    per_day: NDArray[np.float64]  # visits
    hour: NDArray[np.float64]
    segment: NDArray[np.int64]
    store: NDArray[np.int64]
    opt_out: NDArray[np.bool_]
    layout: NDArray[np.int64]


def world(rng: np.random.Generator, shoppers: int, stores: int) -> World:
    """Shoppers with habits about those of their segment; visits about three in two weeks."""
    segment = rng.integers(0, len(SEGMENTS), shoppers)
    pace = _HABITS[segment] / 30 * rng.lognormal(-0.4, 0.9, (shoppers, COUNT))
    layout = np.array([rng.permutation(COUNT) for _ in range(stores)])
    hours = np.array((12.0, 18.0, 16.0, 10.0))[segment] + rng.normal(0, 1.5, shoppers)
    return World(
        pace, rng.gamma(6, 0.22 / 6, shoppers), hours, segment, rng.integers(0, stores, shoppers), rng.random(shoppers) < 0.04, layout
    )


def simulate(
    seed: int,
    start: datetime,
    *,
    shoppers: int = 400,
    stores: int = 6,
    days: int | None = None,
    imperfections: Imperfections | None = None,
    drift_after_days: int = 0,
) -> Iterator[Emission]:
    """Profiles, then visits and their labels, in order of ``at``, the moment they are sent; endless without ``days``.

    The same arguments give the same messages; other arguments give other ids, so that worlds can be mixed.
    ``drift_after_days`` (0: never): from that day on households buy of each group as often as they bought of another before, and stores
    have other shelves first.
    """
    rng, faults = np.random.default_rng(seed), imperfections or Imperfections()
    world_of = (seed, start, shoppers, stores, faults, *((drift_after_days,) if drift_after_days else ()))
    name = hashlib.blake2b(repr(world_of).encode(), digest_size=3).hexdigest()
    source = _Source(rng, start, world(rng, shoppers, stores), faults, name)

    def stretches() -> Iterator[tuple[Iterator[Emission], datetime]]:
        for day in count() if days is None else range(days):
            if day == drift_after_days and drift_after_days:
                source.change_habits()
            yield source.day(day), start + timedelta(days=day + 1)

    yield from source.profiles()
    yield from by_time(stretches())


@dataclass(frozen=True)
class _Visit:
    """What a label will tell of: when it began and ended, and which sightings it tells of."""

    shopper: int
    start: datetime
    end: datetime
    told: tuple[Ping, ...]


class _Source:
    def __init__(self, rng: np.random.Generator, start: datetime, of: World, faults: Imperfections, name: str) -> None:
        self._rng, self._start, self._world, self._faults, self._name = rng, start, of, faults, name
        self._last = rng.uniform(-20, 0, of.pace.shape)  # the day on which each shopper last bought of each group
        self._lines: dict[int, list[tuple[datetime, int]]] = {}  # of a shopper, as long as a label may tell of them
        self._unlabelled: list[_Visit] = []
        self._number = 0

    def change_habits(self) -> None:
        """Other groups become what a household buys often, and the shelves are put up the other way round."""
        w = self._world
        self._world = replace(w, pace=np.roll(w.pace, SHIFTED, axis=1), layout=w.layout[:, ::-1])

    def profiles(self) -> Iterator[Emission]:
        """What the loyalty scheme knows of its members when the world begins."""
        w = self._world
        tiers = np.searchsorted(np.quantile(w.per_day, (0.6, 0.9)), w.per_day)
        for shopper in np.flatnonzero(self._rng.random(len(w.per_day)) >= self._faults.no_profile).tolist():
            profile = Profile(
                shopper_id=self._shopper(shopper),
                event_time=self._start,
                tier=TIERS[tiers[shopper]],
                segment=SEGMENTS[w.segment[shopper]],
                opt_out=bool(w.opt_out[shopper]),
            )
            yield Emission(self._start, "profiles", profile.key, profile)

    def day(self, day: int) -> Iterator[Emission]:
        """All visits of a day, and the labels that become known on it."""
        w, rng = self._world, self._rng
        for shopper in np.flatnonzero(rng.random(len(w.per_day)) < w.per_day).tolist():
            hour = min(max(w.hour[shopper] + rng.normal(0, 1.5), 7.0), 21.0)
            yield from self._visit(shopper, day, self._start + timedelta(days=day, seconds=int(hour * 3600)))
        yield from self._labels(self._start + timedelta(days=day + 1))

    def _shopper(self, number: int) -> str:
        return f"s{number:06d}-{self._name}"

    def _id(self) -> str:
        self._number += 1
        return f"{self._name}-{self._number:08d}"

    def _visit(self, shopper: int, day: int, at: datetime) -> Iterator[Emission]:
        """A walk from the entrance along the shelves to the checkout."""
        w, rng = self._world, self._rng
        store = int(w.store[shopper])
        begun, pings = at, list[Ping]()
        wanted = self._wanted(shopper, day, at.weekday() >= 5)
        passed = rng.random(COUNT) < 0.3
        route = [int(g) for g in w.layout[store] if wanted[g] or passed[g]]
        if len(route) > 1 and rng.random() < 0.3:  # some walk back for what they forgot
            route.append(route.pop(int(rng.integers(len(route)))))
        for zone in (_ENTRANCE, *route, _CHECKOUT):
            buys = zone < COUNT and bool(wanted[zone])
            stay = rng.lognormal(4.0 if buys else 3.5, 0.6) if zone < COUNT else 20.0
            for waited in range(0, int(min(stay, 400.0)) + 1, SIGHTING_EVERY):
                pings.append(self._ping(shopper, store, at + timedelta(seconds=waited), ZONES[zone], waited))
            at += timedelta(seconds=int(stay))
            if buys:
                yield from self._buy(shopper, store, day, zone, at)
            at += timedelta(seconds=int(rng.integers(5, 25)))
        for ping in pings:
            yield from self._messages(ping)
        yield from self._messages(
            Checkout(checkout_id=self._id(), event_time=at, shopper_id=self._shopper(shopper), store_id=f"store{store:02d}")
        )
        told = rng.permutation(len(pings) - 1)[:LABELLED]  # not the one at the checkout, after which there is nothing to offer
        self._unlabelled.append(_Visit(shopper, begun, at, tuple(pings[i] for i in told)))

    def _wanted(self, shopper: int, day: int, weekend: bool) -> NDArray[np.bool_]:
        """(groups,) what goes into the basket: what is due, what the weekend brings, and the companions of both."""
        rng, since = self._rng, day - self._last[shopper]
        pace = self._world.pace[shopper] * (np.where(np.isin(np.arange(COUNT), (6, 9, 10)), 1.6, 0.9) if weekend else 1.0)
        due = np.clip(since * pace, 0, 4)
        wanted = rng.random(COUNT) < 1 - np.exp(-0.8 * due**1.5)
        for group, companion in _COMPANION.items():
            if wanted[GROUPS.index(group)] and rng.random() < _DRAWN:
                wanted[GROUPS.index(companion)] = True
        return np.asarray(wanted)

    def _ping(self, shopper: int, store: int, at: datetime, zone: str, waited: int) -> Ping:
        rng, faults = self._rng, self._faults
        luck = rng.random()
        missing, unseen = luck < faults.missing_zone, luck < faults.missing_zone + faults.unseen_zone
        return Ping(
            ping_id=self._id(),
            event_time=at,
            shopper_id=self._shopper(shopper),
            store_id=f"store{store:02d}",
            zone=None if missing else "car park" if unseen else zone,
            dwell_seconds=None if rng.random() < faults.missing_dwell else float(waited),
        )

    def _buy(self, shopper: int, store: int, day: int, group: int, at: datetime) -> Iterator[Emission]:
        rng = self._rng
        self._last[shopper, group] = day
        self._lines.setdefault(shopper, []).append((at, group))
        for _ in range(1 + int(rng.random() < 0.3)):
            line = Purchase(
                purchase_id=self._id(),
                event_time=at,
                shopper_id=self._shopper(shopper),
                store_id=f"store{store:02d}",
                group=None if rng.random() < self._faults.missing_group else GROUPS[group],
                amount=round(float(_PRICES[group] * rng.lognormal(0, 0.4)), 2),
            )
            yield from self._messages(line)

    def _messages(self, event: Ping | Purchase | Checkout) -> Iterator[Emission]:
        rng, faults, at = self._rng, self._faults, event.event_time
        if rng.random() < faults.late:
            at += timedelta(seconds=int(rng.exponential(faults.lateness.total_seconds())))
        yield Emission(at, "events", event.key, event)
        if rng.random() < faults.repeated:
            yield Emission(at + timedelta(seconds=1), "events", event.key, event)
        if rng.random() < faults.malformed:
            yield Emission(at, "events", event.key, _broken(event, rng))

    def _labels(self, until: datetime) -> Iterator[Emission]:
        """Of the visits that ended more than ``LABEL_DELAY`` before ``until``: what was bought on them and in the week after."""
        due = [v for v in self._unlabelled if v.end + LABEL_DELAY < until]
        self._unlabelled = [v for v in self._unlabelled if v.end + LABEL_DELAY >= until]
        for visit in due:
            self._lines[visit.shopper] = [x for x in self._lines.get(visit.shopper, []) if x[0] >= visit.start]
            first: dict[int, datetime] = {}
            for at, group in self._lines[visit.shopper]:
                if at <= visit.end + LABEL_DELAY:
                    first.setdefault(group, at)
            for ping in visit.told:
                yield from self._label(visit, ping, first)

    def _label(self, visit: _Visit, ping: Ping, first: dict[int, datetime]) -> Iterator[Emission]:
        rng, known = self._rng, visit.end + LABEL_DELAY
        if rng.random() < self._faults.late_label:
            known += timedelta(seconds=int(rng.exponential(_DAY)))
        label = Label(
            ping_id=ping.ping_id,
            event_time=known,
            shopper_id=ping.shopper_id,
            ping_time=ping.event_time,
            visit_start=visit.start,
            visit_end=visit.end,
            bought=tuple(Bought(at=at, group=GROUPS[group]) for group, at in first.items()),
        )
        yield Emission(known, "labels", label.key, label)
        if rng.random() < self._faults.repeated_label:
            yield Emission(known + timedelta(minutes=5), "labels", label.key, label)


def _broken(event: Ping | Purchase | Checkout, rng: np.random.Generator) -> bytes:
    """A message as a broken source sends it: cut off, without its shopper, or of a type that nobody knows."""
    whole = event.model_dump_json()
    return (whole[:40], whole.replace('"shopper_id"', '"shoper_id"'), whole.replace(f'"{event.type}"', '"rumour"'))[
        rng.integers(3)
    ].encode()
