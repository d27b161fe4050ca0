"""A fourth domain in one file: lifts report their trips; a lift is stopped when the next trip is likely to jolt.

No product file knows of it. What holds for the domains of the registry must hold for it as well, or the frame knows too much of them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from domain.contract import NOTHING, Computed, Domain, Emission, Judged, MalformedEvent, Value, Verdict
from domain.decision import Decision
from domain.history import DAY, before, decode, find, identity, remember, seconds, time_of, value_of
from domain.learning import Learning, Matrix, Metrics, Recipe, Rows
from domain.messages import Id, Message, Moment, parse
from domain.schema import MISSING, Feature, FeatureSchema
from domain.terms import Term

TRIPS = 8  # that the mean is taken over
KEPT = 64  # trips of a lift
KINDS = ("people", "goods")


class Trip(Message):
    """A trip that is about to begin, with its load in kg."""

    trip_id: Id
    event_time: Moment
    lift_id: Id
    load: Annotated[int, Field(ge=0, le=5_000)]
    kind: str | None = None
    decides: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return self.trip_id

    @property
    def key(self) -> str:
        return self.lift_id

    @property
    def context(self) -> dict[str, Value]:
        return {"load": float(self.load)}


class Report(Message):
    """Whether the trip jolted."""

    trip_id: Id
    event_time: Moment
    lift_id: Id
    jolted: bool

    @property
    def id(self) -> str:
        return self.trip_id

    @property
    def key(self) -> str:
        return self.lift_id


SCHEMA = FeatureSchema((Feature("load"), Feature("load_to_mean"), Feature("kind", "categorical", KINDS)))


class LiftFeatures:
    """The load, and how it compares with the lift's last trips."""

    schema = SCHEMA

    def __init__(self) -> None:
        trips = decode(remember(decode(None), 0, 0, 0, DAY, KEPT).tobytes())
        found = time_of(trips[0, 0]), value_of(trips[0, 0]), before(trips, 0, 0), find(trips, 0)
        assert found == (0, 0, 0, 0)

    def learn(self, label: Report) -> None:
        """No feature waits for a label."""

    def compute(self, event: Trip, state: bytes | None) -> Computed:
        trips, time, ident = decode(state), seconds(event.event_time), identity(event.id)
        at = find(trips, ident)
        if at >= 0 and (time_of(trips[at, 0]), value_of(trips[at, 0])) != (time, event.load):
            raise MalformedEvent("conflicting-duplicate", f"trip {event.id}: seen before with another time or load")
        end = before(trips, time, -(2**63))
        loads = [value_of(entry) for entry in trips[max(0, end - TRIPS) : end, 0]]
        row = [float(event.load), event.load / max(1.0, sum(loads) / len(loads)) if loads else MISSING, SCHEMA.code("kind", event.kind)]
        if at >= 0:
            return Computed(row, state or b"", True)
        return Computed(row, remember(trips, time, event.load, ident, 30 * DAY, KEPT).tobytes(), False)


class LiftPolicy:
    """Stop where a jolt costs more than a stop."""

    remembers = False

    def __init__(self, risk: float = 0.5) -> None:
        self.risk = risk

    def judge(self, scores: Sequence[float], event: Trip, facts: Mapping[str, Any] = NOTHING, memory: bytes | None = None) -> Verdict:
        stop = scores[0] >= self.risk
        return Verdict("stop" if stop else "go", stop, scores[0], self.risk)


class LiftLedger:
    """Trips and reports by the trip's id."""

    def __init__(self) -> None:
        self._stopped: dict[str, bool] = {}
        self._jolted: dict[str, bool] = {}
        self._added: dict[str, float] = defaultdict(float)

    def decided(self, decision: Decision) -> None:
        if decision.decision_id not in self._stopped:
            self._stopped[decision.decision_id] = decision.action == "stop"
            self._join(decision.decision_id)

    def learned(self, label: Report) -> None:
        if label.trip_id not in self._jolted:
            self._jolted[label.trip_id] = label.jolted
            self._join(label.trip_id)

    def passed(self, now: datetime) -> None:
        """A trip waits for nothing but its report."""

    def take(self) -> dict[str, float]:
        taken, self._added = dict(self._added), defaultdict(float)
        return taken

    def _join(self, trip: str) -> None:
        if trip in self._stopped and self._jolted.get(trip):
            self._added["jolts avoided" if self._stopped[trip] else "jolts"] += 1


def simulate(seed: int, start: datetime, *, lifts: int = 20, days: int | None = None) -> Iterator[Emission]:
    """A trip an hour of every lift; some are late, some come again."""
    rng = np.random.default_rng(seed)
    usual = rng.uniform(200, 800, lifts)
    for hour in count() if days is None else range(24 * days):
        found: list[Emission] = []
        for lift in range(lifts):
            found += _trip(rng, f"{seed}-{lift}", hour, start + timedelta(hours=hour, seconds=int(rng.integers(1_800))), usual[lift])
        yield from sorted(found, key=lambda e: e.at)


def _trip(rng: np.random.Generator, lift: str, hour: int, at: datetime, usual: float) -> Iterator[Emission]:
    load = int(usual * rng.lognormal(0, 0.5))
    chance = 1 / (1 + math.exp(-6 * (load / usual - 1.8)))
    trip = Trip(trip_id=f"{lift}-{hour}", event_time=at, lift_id=lift, load=load, kind=(*KINDS, "piano", None)[rng.integers(4)])
    sent = at + timedelta(seconds=900 * int(rng.random() < 0.02))
    for again in range(1 + int(rng.random() < 0.02)):
        yield Emission(sent + timedelta(seconds=again), "events", trip.key, trip)
    known = at + timedelta(seconds=1_700)
    yield Emission(known, "labels", lift, Report(trip_id=trip.id, event_time=known, lift_id=lift, jolted=bool(rng.random() < chance)))


def targets(labels: Iterable[Report]) -> Callable[[Judged], float]:
    known = {label.trip_id: float(label.jolted) for label in labels}
    return lambda trip: known.get(trip.id, math.nan)


def phrase(name: str, value: float, label: str | None = None) -> str:
    return f"{name} not known" if math.isnan(value) else f"{name} is {label or format(value, 'g')}"


def judge(rows: Rows, scores: Matrix) -> Metrics:
    return {"brier": float(np.mean((rows.y - scores[:, 0]) ** 2))}


def baselines(train: Rows, test: Rows) -> dict[str, Metrics]:
    return {"share": judge(test, np.full((len(test.y), 1), train.y.mean()))}


LEARNING = Learning(
    recipe=Recipe({"objective": "binary", "num_leaves": 7, "num_threads": 1, "deterministic": True, "verbose": -1}, rounds=30),
    judge=judge,
    baselines=baselines,
    headline="brier",
    shown={"brier": "Brier score"},
    history_days=10,
    lower_is_better=True,
    folds=2,
)
TOY = Domain(
    name="toy",
    title="Lifts",
    events_name="trips",
    schema=SCHEMA,
    objective="binary",
    deadline_ms=100.0,
    parse_event=lambda data: parse(Trip.model_validate_json, "trip", data),
    parse_label=lambda data: parse(Report.model_validate_json, "report", data),
    features=LiftFeatures,
    policy=LiftPolicy(),
    phrase=phrase,
    simulate=simulate,
    sizes={"lifts": 20},
    targets=targets,
    learning=lambda: LEARNING,
    ledger=LiftLedger,
    worth=("jolts", "jolts avoided"),
    key_name="lift",
    actions={"go": "calm", "stop": "act"},
    shown=("load",),
    terms=(Term("risk", 0.5, 0, 1, 0.01, "probability", "The chance of a jolt from which a lift is stopped."),),
    policy_by=lambda terms: LiftPolicy(**terms),
)
