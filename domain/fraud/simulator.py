"""A seeded source of payments and late labels: the process that the Fraud Detection Handbook publishes.

Le Borgne, Siblini, Lebichot, Bontempi: *Reproducible Machine Learning for Credit Card Fraud Detection*, 2022, chapter 3:
customers with habits of their own pay at terminals near them; frauds are large amounts, compromised terminals and leaked
cards. Beside that: merchant categories, and what a real stream has (missing fields, repeats, late events, broken messages).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import numpy as np
from numpy.typing import NDArray

from domain.contract import Emission
from domain.fraud.events import Payment, label_of
from domain.fraud.features import CATEGORIES
from domain.simulating import by_time

LARGE = 220.0  # scenario 1: whatever costs more is fraud
TERMINAL_DAYS, CARD_DAYS = 28, 14  # how long a terminal stays compromised, a card leaked
CARD_SHARE, CARD_FACTOR = 1 / 3, 5.0  # share of a leaked card's payments that are fraud, and their amount against the usual
LABEL_DELAY = timedelta(days=7)
NIGHTLY = 3.0  # after a drift: payments of a leaked card's thief, a night
SMALL = (2.0, 20.0)  # and what each costs
LEAST = 5  # terminals near a customer, however far they are
_DAY = 86_400.0


@dataclass(frozen=True)
class Imperfections:
    """Shares of messages with a fault of a real stream; ``lateness`` is the mean delay of a late one."""

    missing_category: float = 0.02
    unseen_category: float = 0.005
    repeated: float = 0.002
    late: float = 0.005
    lateness: timedelta = timedelta(minutes=20)
    malformed: float = 0.0
    late_label: float = 0.05
    repeated_label: float = 0.01


PERFECT = Imperfections(0, 0, 0, 0, timedelta(0), 0, 0, 0)


@dataclass(frozen=True)
class World:
    """Customers and terminals of a seed; arrays hold one entry a customer or terminal."""

    mean_amount: NDArray[np.float64]
    per_day: NDArray[np.float64]
    near: list[NDArray[np.int64]]
    category: NDArray[np.int64]


def world(rng: np.random.Generator, customers: int, terminals: int) -> World:
    """Customers at random on a plane of 100 x 100, each with the terminals within reach (at least the ``LEAST`` nearest)."""
    homes, places = rng.uniform(0, 100, (customers, 2)), rng.uniform(0, 100, (terminals, 2))
    reach = 100 * np.sqrt(25 / (np.pi * terminals))  # some 25 terminals, whatever the world's size
    near = [_near(places, home, reach) for home in homes]
    return World(rng.uniform(5, 100, customers), rng.uniform(0, 4, customers), near, rng.integers(0, len(CATEGORIES), terminals))


def _near(places: NDArray[np.float64], home: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
    distance = np.hypot(*(places - home).T)
    within = np.flatnonzero(distance < reach)
    return within if len(within) >= LEAST else np.sort(np.argsort(distance)[:LEAST])


@dataclass
class Crime:
    """Which terminals are compromised and which cards leaked, each until a day."""

    terminals: dict[int, int]
    cards: dict[int, int]

    def advance(self, day: int, rng: np.random.Generator, customers: int, terminals: int) -> None:
        """A day passes: new ones in the handbook's proportion (2 of 10,000 terminals, 3 of 5,000 cards, a day)."""
        self.terminals = {t: until for t, until in self.terminals.items() if until > day}
        self.cards = {c: until for c, until in self.cards.items() if until > day}
        for terminal in rng.integers(0, terminals, rng.poisson(2 * terminals / 10_000)):
            self.terminals[int(terminal)] = day + TERMINAL_DAYS
        for card in rng.integers(0, customers, rng.poisson(3 * customers / 5_000)):
            self.cards[int(card)] = day + CARD_DAYS


def simulate(
    seed: int,
    start: datetime,
    *,
    customers: int = 2000,
    terminals: int = 4000,
    days: int | None = None,
    imperfections: Imperfections | None = None,
    drift_after_days: int = 0,
) -> Iterator[Emission]:
    """Payments and labels in order of ``at``, the moment they are sent; endless without ``days``.

    The same arguments give the same messages; other arguments give other transaction ids, so that worlds can be mixed.
    ``drift_after_days`` (0: never): from that day on frauds look otherwise. Who pays much pays honestly, and the thieves of leaked cards no
    longer raise their payments: they pay small amounts at night, several times.
    """
    rng, faults = np.random.default_rng(seed), imperfections or Imperfections()
    world_of = (seed, start, customers, terminals, faults, *((drift_after_days,) if drift_after_days else ()))
    name = hashlib.blake2b(repr(world_of).encode(), digest_size=3).hexdigest()
    source = _Source(rng, start, world(rng, customers, terminals), faults, name, drift_after_days)
    return by_time((source.day(day), start + timedelta(days=day + 1)) for day in (count() if days is None else range(days)))


class _Source:
    def __init__(self, rng: np.random.Generator, start: datetime, of: World, faults: Imperfections, name: str, drift: int) -> None:
        self._rng, self._start, self._world, self._faults, self._name = rng, start, of, faults, name
        self._drift, self._drifted = drift, False
        self._crime = Crime({}, {})
        self._number = 0

    def day(self, day: int) -> Iterator[Emission]:
        """All that the payments of a day lead to."""
        w, rng = self._world, self._rng
        self._drifted = 0 < self._drift <= day
        self._crime.advance(day, rng, len(w.per_day), len(w.category))
        if self._drifted:
            yield from self._night(day)
        who = np.repeat(np.arange(len(w.per_day)), rng.poisson(w.per_day))
        noon = rng.normal(_DAY / 2, 20_000, len(who))
        within = (noon > 0) & (noon < _DAY)
        order = np.argsort(noon[within], kind="stable")
        for customer, second in zip(who[within][order].tolist(), noon[within][order].tolist(), strict=True):
            yield from self._messages(*self._payment(customer, self._start + timedelta(days=day, seconds=int(second))))

    def _night(self, day: int) -> Iterator[Emission]:
        """After the drift: small payments with the leaked cards, before dawn."""
        rng = self._rng
        who = np.repeat(cards := np.array([*self._crime.cards], dtype=np.int64), rng.poisson(NIGHTLY, len(cards)))
        for customer, second in zip(who.tolist(), rng.integers(0, 5 * 3_600, len(who)).tolist(), strict=True):
            terminal, amount = self._terminal(customer), round(float(rng.uniform(*SMALL)), 2)
            yield from self._messages(self._paid(customer, terminal, amount, self._start + timedelta(days=day, seconds=second)), True)

    def _payment(self, customer: int, at: datetime) -> tuple[Payment, bool]:
        w, rng = self._world, self._rng
        terminal = self._terminal(customer)
        mean = float(w.mean_amount[customer])
        amount = rng.normal(mean, mean / 2)
        amount = amount if amount > 0 else rng.uniform(0, 2 * mean)
        leaked = not self._drifted and customer in self._crime.cards and rng.random() < CARD_SHARE
        amount = round(float(amount * CARD_FACTOR if leaked else amount), 2)
        fraud = leaked or (amount > LARGE and not self._drifted) or terminal in self._crime.terminals
        return self._paid(customer, terminal, amount, at), fraud

    def _terminal(self, customer: int) -> int:
        near = self._world.near[customer]
        return int(near[self._rng.integers(len(near))])  # what ``choice`` does, in a fifth of its time

    def _paid(self, customer: int, terminal: int, amount: float, at: datetime) -> Payment:
        self._number += 1
        return Payment(
            transaction_id=f"{self._name}-{self._number:07d}",
            event_time=at,
            customer_id=f"c{customer:06d}",
            terminal_id=f"t{terminal:06d}",
            amount=amount,
            merchant_category=self._category(terminal),
        )

    def _category(self, terminal: int) -> str | None:
        luck = self._rng.random()
        if luck < self._faults.missing_category:
            return None
        if luck < self._faults.missing_category + self._faults.unseen_category:
            return "lottery"
        return CATEGORIES[self._world.category[terminal]]

    def _messages(self, payment: Payment, fraud: bool) -> Iterator[Emission]:
        rng, faults, at = self._rng, self._faults, payment.event_time
        if rng.random() < faults.late:
            at += timedelta(seconds=int(rng.exponential(faults.lateness.total_seconds())))
        yield Emission(at, "events", payment.key, payment)
        if rng.random() < faults.repeated:
            yield Emission(at + timedelta(seconds=1), "events", payment.key, payment)
        if rng.random() < faults.malformed:
            yield Emission(at, "events", payment.key, _broken(payment, rng))
        yield from self._labels(payment, fraud)

    def _labels(self, payment: Payment, fraud: bool) -> Iterator[Emission]:
        rng = self._rng
        known = payment.event_time + LABEL_DELAY
        if rng.random() < self._faults.late_label:
            known += timedelta(seconds=int(rng.exponential(_DAY)))
        label = label_of(payment, fraud, known)
        yield Emission(known, "labels", label.key, label)
        if rng.random() < self._faults.repeated_label:
            yield Emission(known + timedelta(minutes=5), "labels", label.key, label)


def _broken(payment: Payment, rng: np.random.Generator) -> bytes:
    """A message as a broken source sends it: cut off, without its amount, or with a text for a number."""
    whole = payment.model_dump_json()
    return (whole[:40], whole.replace('"amount"', '"amonut"'), whole.replace('"amount":', '"amount":"'))[rng.integers(3)].encode()
