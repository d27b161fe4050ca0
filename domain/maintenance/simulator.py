"""A seeded source of telemetry, maintenance records and ends of lives: machines that wear out, are repaired and go on, without end.

Beside the wear (``domain.maintenance.wear``) there is what a real stream has: missing readings, lost, repeated, late and broken messages,
services by the calendar that end a life before its failure, and labels that come hours later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Literal

import numpy as np

from domain.contract import Emission
from domain.maintenance.events import SENSORS, Ending, Replacement, Telemetry
from domain.maintenance.wear import USED, Array, Fleet
from domain.simulating import by_time

CYCLE = timedelta(hours=1)
REPAIR, SERVICE = 24, 6  # cycles that a machine stands still: after a failure, for a planned replacement
SERVICED = 1 / 700  # chance of a cycle to be a part's last by the calendar: about a fifth of all lives end so
REPORTED = timedelta(hours=2)  # how long after its end a life is known to be over


@dataclass(frozen=True)
class Imperfections:
    """Shares of messages with a fault of a real stream; ``lateness`` is the mean delay of a late one."""

    dropout: float = 0.0005  # of readings: a sensor is silent from then on for ``silent`` cycles in the mean
    silent: float = 6.0
    missing_setting: float = 0.0005
    lost: float = 0.001
    repeated: float = 0.002
    late: float = 0.005
    lateness: timedelta = timedelta(hours=3)
    malformed: float = 0.0
    late_label: float = 0.1
    repeated_label: float = 0.02


PERFECT = Imperfections(0, 0, 0, 0, 0, 0, timedelta(0), 0, 0, 0)


@dataclass(frozen=True)
class Bearing:
    """A bearing that begins to wear so many times as fast, after so many days of the world."""

    machine: int
    after_days: int
    times: float = 2.5


def simulate(
    seed: int,
    start: datetime,
    *,
    machines: int = 60,
    days: int | None = None,
    imperfections: Imperfections | None = None,
    drift_after_days: int = 0,
    bearing: Bearing | None = None,
) -> Iterator[Emission]:
    """Telemetry, maintenance records and labels in order of ``at``, the moment they are sent; endless without ``days``.

    The same arguments give the same messages; other arguments give other machine ids, so that worlds can be mixed.
    ``drift_after_days`` (0: never): parts that are fitted from that day on are of another make, whose wear sensors show the other way
    round. ``bearing``: one machine's begins to wear faster, which is hidden from the features as all wear is.
    """
    faults = imperfections or Imperfections()
    world_of = (seed, start, machines, faults, *((drift_after_days,) if drift_after_days else ()))
    name = hashlib.blake2b(repr(world_of).encode(), digest_size=3).hexdigest()
    source = _Source(np.random.default_rng(seed), start, machines, faults, name)

    def stretches() -> Iterator[tuple[Iterator[Emission], datetime]]:
        for hour in count() if days is None else range(24 * days):
            if hour == 24 * drift_after_days and drift_after_days:
                source.other_make()
            if bearing is not None and hour == 24 * bearing.after_days:
                source.wears(bearing)
            yield source.hour(hour), start + (hour + 1) * CYCLE

    return by_time(stretches())


class _Source:
    def __init__(self, rng: np.random.Generator, start: datetime, machines: int, faults: Imperfections, name: str) -> None:
        self._rng, self._start, self._faults = rng, start, faults
        self._names = [f"{name}-m{i:03d}" for i in range(machines)]
        self._offset = [timedelta(seconds=int(s)) for s in rng.integers(60, 3_500, machines)]
        self._fleet = Fleet.of(machines, rng)
        self._cycle = rng.integers(0, USED, machines)
        self._fleet.age(self._cycle)
        self._installed = np.zeros(machines, dtype=np.int64)
        self._standing = np.zeros(machines, dtype=np.int64)  # cycles that a machine still stands still
        self._silent = np.zeros((machines, SENSORS), dtype=np.int64)  # cycles that a sensor is still silent

    def other_make(self) -> None:
        """From now on other parts are fitted."""
        self._fleet.make = -1.0

    def wears(self, bearing: Bearing) -> None:
        """From now on the bearing of the machine's present part wears faster."""
        self._fleet.rate[bearing.machine, 1] *= bearing.times

    def hour(self, hour: int) -> Iterator[Emission]:
        """All that one hour of all machines leads to. Machines that stand still age in no way."""
        before = self._fleet.damage.copy()
        self._fleet.step(self._rng)
        settings, sensors = self._faulty(*self._fleet.readings(self._rng))
        standing = self._standing > 0
        self._fleet.damage[standing] = before[standing]
        serviced = self._rng.random(len(standing)) < SERVICED
        for machine in range(len(standing)):
            at = self._start + hour * CYCLE + self._offset[machine]
            if standing[machine]:
                yield from self._stand(machine, at)
            else:
                yield from self._run(machine, at, settings[machine], sensors[machine], bool(serviced[machine]))

    def _faulty(self, settings: Array, sensors: Array) -> tuple[Array, Array]:
        rng, faults = self._rng, self._faults
        begins = rng.random(sensors.shape) < faults.dropout
        lengths = 1 + rng.geometric(1 / max(faults.silent, 1.0), sensors.shape)
        self._silent = np.where(begins, lengths, np.maximum(self._silent - 1, 0))
        missing = rng.random(settings.shape) < faults.missing_setting
        return np.where(missing, np.nan, settings.round(4)), np.where(self._silent > 0, np.nan, sensors.round(3))

    def _run(self, machine: int, at: datetime, settings: Array, sensors: Array, serviced: bool) -> Iterator[Emission]:
        self._cycle[machine] += 1
        telemetry = Telemetry(
            machine_id=self._names[machine],
            event_time=at,
            cycle=int(self._cycle[machine]),
            settings=_given(settings),
            sensors=_given(sensors),
        )
        yield from self._messages(telemetry)
        failed = self._fleet.damage[machine].max() >= 1.0
        if failed or serviced:
            self._standing[machine] = REPAIR if failed else SERVICE
            yield from self._ending(machine, at, "failure" if failed else "planned")
            self._installed[machine] = self._cycle[machine]

    def _stand(self, machine: int, at: datetime) -> Iterator[Emission]:
        """The last hour of a standstill ends with the maintenance record."""
        self._standing[machine] -= 1
        if self._standing[machine] == 0:
            self._fleet.renew(np.array([machine]), self._rng)
            record = Replacement(type="replacement", machine_id=self._names[machine], event_time=at, cycle=int(self._cycle[machine]))
            yield Emission(at, "events", record.key, record)

    def _messages(self, telemetry: Telemetry) -> Iterator[Emission]:
        rng, faults, at = self._rng, self._faults, telemetry.event_time
        luck = rng.random(4)
        if luck[0] < faults.lost:
            return
        if luck[1] < faults.late:
            at += timedelta(seconds=int(rng.exponential(faults.lateness.total_seconds())))
        yield Emission(at, "events", telemetry.key, telemetry)
        if luck[2] < faults.repeated:
            yield Emission(at + timedelta(seconds=1), "events", telemetry.key, telemetry)
        if luck[3] < faults.malformed:
            yield Emission(at, "events", telemetry.key, _broken(telemetry, rng))

    def _ending(self, machine: int, at: datetime, kind: Literal["failure", "planned"]) -> Iterator[Emission]:
        rng, known = self._rng, at + REPORTED
        if rng.random() < self._faults.late_label:
            known += timedelta(seconds=int(rng.exponential(86_400.0)))
        label = Ending(
            machine_id=self._names[machine],
            event_time=known,
            installed=int(self._installed[machine]),
            cycle=int(self._cycle[machine]),
            kind=kind,
            unused=self._unused(machine) if kind == "planned" else None,
        )
        yield Emission(known, "labels", label.key, label)
        if rng.random() < self._faults.repeated_label:
            yield Emission(known + timedelta(minutes=5), "labels", label.key, label)

    def _unused(self, machine: int) -> float:
        """What the workshop reckons: the wear is plain to see on the bench, how fast it would have gone on is a guess."""
        left = self._fleet.left()[machine]
        return float(round(left * self._rng.lognormal(0.0, 0.15)))


def _given(values: Array) -> tuple[float | None, ...]:
    return tuple(None if x != x else x for x in values.tolist())  # noqa: PLR0124 - nan is what differs from itself


def _broken(telemetry: Telemetry, rng: np.random.Generator) -> bytes:
    """A message as a broken source sends it: cut off, without its sensors, or with a text for a number."""
    whole = telemetry.model_dump_json()
    return (whole[:40], whole.replace('"sensors"', '"sensros"'), whole.replace('"cycle":', '"cycle":"'))[rng.integers(3)].encode()
