"""The words that scenarios are told in: a story, what is given, when something happens, then what must hold, within a time.

Pure: a story knows neither Kafka nor processes. What runs it is `apps/scenario_telling.py`, on the system of `apps/scenario_system.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from apps.settings import Guarantee
from domain.contract import Emission
from domain.decision import Decision

Measure = Callable[[], float]
Pace = Callable[[Emission], float]  # an event -> seconds after the start at which it is due


@dataclass(frozen=True)
class Bound:
    """What a number must be. ``low`` and ``high`` belong to what is allowed."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Also false for what is no number."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        if self.low == self.high:
            return f"exactly {self.low:,g}"
        if math.isinf(self.high):
            return f"at least {self.low:,g}"
        return f"at most {self.high:,g}" if math.isinf(self.low) else f"{self.low:,g} to {self.high:,g}"


def at_least(low: float) -> Bound:
    return Bound(low, math.inf)


def at_most(high: float) -> Bound:
    return Bound(-math.inf, high)


def exactly(value: float) -> Bound:
    return Bound(value, value)


@dataclass(frozen=True)
class World:
    """What a story's sources send, in order of time, and what only the story knows of it.

    ``history`` is sent first and at once, ``live`` at the story's pace. ``truth`` is every label of the live events, those too that come
    after the story's end. ``planted`` are the ids of the events that somebody planted, ``at`` names the terminals, cards or machines.
    """

    history: Sequence[Emission]
    live: Sequence[Emission]
    truth: Sequence[Any] = ()
    planted: frozenset[str] = frozenset()
    at: tuple[str, ...] = ()
    marks: Mapping[str, datetime] = field(default_factory=dict)  # moments of simulated time that the story speaks of


class System(Protocol):
    """The running system of one story, its own from the broker to the database."""

    world: World

    @property
    def speed(self) -> float:
        """Simulated seconds a second."""

    def live(self, *, pace: Pace | None = None) -> None:
        """Send all of the live events, and return when they are sent and nothing waits to be scored any more."""

    def until(self, moment: datetime, *, pace: Pace | None = None) -> None:
        """Send live events beside the story, and return when they have come to this moment of simulated time; they go on."""

    def patiently(self, moment: datetime) -> None:
        """As ``until``, but days wait for scorers, for measures of quality and for a training that has begun, as real days would."""

    def halt(self) -> None:
        """Stop the source, and return when nothing waits to be scored any more."""

    def finish(self) -> None:
        """Return when all live events are sent and nothing waits to be scored any more."""

    def passes(self, seconds: float) -> None:
        """Let real time pass."""

    def kill(self, name: str) -> None:
        """End one of the system's processes at once, without a word to it."""

    def start(self, name: str) -> None:
        """Start it again."""

    def freeze(self, name: str) -> None:
        """Let it hang: it is there, and does nothing."""

    def thaw(self, name: str) -> None:
        """Let it go on."""

    def restart_broker(self) -> None:
        """Stop Kafka, and start it again on the same port and data."""

    def lock_database(self) -> None:
        """Nobody can write to the database any more."""

    def unlock_database(self) -> None:
        """They can again."""

    def deploy(self, version: str, *, damaged: bool = False) -> None:
        """Announce a copy of the model as the champion, as a release would; damaged: one of its files was changed on the way."""

    def roll_back(self) -> None:
        """Make the champion before the present one the champion again."""

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """The visible decisions of the live events, by the event's id."""

    @property
    def champion(self) -> str:
        """The version of the model that the system began with."""

    def decided(self) -> int:
        """How many live events have a decision."""

    def undecided(self) -> int:
        """Live events that were sent, ask for a decision and have none."""

    def repeated(self) -> int:
        """Live events with more than one visible decision."""

    def dead_letters(self) -> int:
        """Messages that were set aside, with their reason."""

    def stored(self) -> int:
        """Decisions in the database, those of history too."""

    def visible(self) -> int:
        """Decisions that a reader sees on Kafka, those of history too."""

    def in_time(self, deadlines: float = 1.0) -> float:
        """The share of the live decisions that were visible within so many of the domain's deadlines; 1 where there is none."""

    def waiting_most(self) -> int:
        """The most live events that were sent and not yet decided at any second."""

    def happened(self, what: str) -> int:
        """How often this was told of a model: swapped, refused, drift, promoted."""

    def worth(self, name: str) -> float:
        """A sum of the domain's ledger over the live decisions, judged by the truth."""


class Given(Protocol):
    """Set the stage: ``text`` says what is running. ``beside``: processes beside the scorer, such as ``sink``."""

    def __call__(self, text: str, *, beside: Collection[str] = (), guarantee: Guarantee = "exactly-once", served: str = "") -> System: ...


class When(Protocol):
    """Something happens: the text says what, the action does it."""

    def __call__(self, text: str, action: Callable[[], object]) -> None: ...


class Then(Protocol):
    """A claim: the measured number must come within its bound, in so many seconds."""

    def __call__(self, claim: str, measure: Measure, wanted: Bound, *, within: float = 5.0, unit: str = "") -> None: ...


Tell = Callable[[Given, When, Then], None]


@dataclass(frozen=True)
class Story:
    """A named, seeded story with a stated expected outcome."""

    name: str
    domain: str
    expects: str  # one line: what holds at the end
    lasts: float  # seconds that it takes on a small machine, about
    speed: float  # simulated seconds a second, unless told otherwise
    world: Callable[[int], World]  # from a seed; pure
    tell: Tell


def story(*, name: str, domain: str, expects: str, lasts: float, speed: float, world: Callable[[int], World]) -> Callable[[Tell], Story]:
    """Make a story of the function that tells it."""
    return lambda tell: Story(name, domain, expects, lasts, speed, world, tell)


def share(part: float, of: float) -> float:
    """``part / of``, and 1 where there is nothing to have a part of."""
    return part / of if of else 1.0


def days(number: float) -> timedelta:
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
