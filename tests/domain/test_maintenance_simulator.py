"""The simulated machines are repeatable, in order, and as faulty as a real stream; their sensors show how they wear out."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

import numpy as np

from domain.contract import Emission, MalformedEvent
from domain.maintenance.events import Ending, Replacement, Telemetry, parse_event
from domain.maintenance.simulator import PERFECT, Imperfections, simulate
from domain.maintenance.wear import CHANGES, NOISE
from tests.domain.machines import START


@cache
def world() -> tuple[Emission, ...]:
    return tuple(simulate(3, START, machines=12, days=40, imperfections=Imperfections(malformed=0.01)))


def cycles() -> list[Telemetry]:
    return [e.value for e in world() if isinstance(e.value, Telemetry)]


def endings() -> dict[str, Ending]:
    return {e.value.id: e.value for e in world() if isinstance(e.value, Ending)}


def test_the_same_seed_gives_the_same_messages_and_another_world_has_other_machines() -> None:
    first, second = (list(islice(simulate(3, START, machines=5), 500)) for _ in range(2))
    assert first == second
    names = [{e.key for e in islice(simulate(seed, START, machines=n), 100)} for seed, n in ((3, 5), (4, 5), (3, 6))]
    assert not names[0] & names[1]
    assert not names[0] & names[2]


def test_messages_come_in_the_order_of_their_sending() -> None:
    moments = [e.at for e in world()]
    assert moments == sorted(moments)
    assert all(e.key == e.value.key for e in world() if not isinstance(e.value, bytes))


def test_every_life_ends_with_a_label_and_a_record_and_the_machine_goes_on() -> None:
    records = {(e.key, e.value.cycle): e.at for e in world() if isinstance(e.value, Replacement)}
    ends = {(e.machine_id, e.cycle): e for e in endings().values()}
    assert len(records) > 40
    assert set(records) <= set(ends)
    first: dict[tuple[str, int], datetime] = {}
    for event in cycles():
        first.setdefault((event.machine_id, event.cycle), event.event_time)
    followed = [first[name, cycle + 1] > at for (name, cycle), at in records.items() if (name, cycle + 1) in first]
    assert len(followed) > 40
    assert all(followed)
    for (name, cycle), end in ends.items():
        assert end.installed == max([c for n, c in ends if n == name and c < cycle], default=0)


def test_parts_fail_after_some_two_hundred_cycles_and_a_few_are_replaced_before() -> None:
    kinds = Counter(e.kind for e in endings().values())
    assert 0.05 < kinds["planned"] / sum(kinds.values()) < 0.5
    lengths = [e.cycle - e.installed for e in endings().values() if e.kind == "failure"]
    assert 130 < np.median(lengths) < 250
    assert np.std(lengths) > 20
    assert all((e.unused is not None) == (e.kind == "planned") for e in endings().values())


def test_sensors_show_the_wear_and_some_never_change() -> None:
    """At a failure one of the two modes has moved its sensors by several times their noise."""
    perfect = [e.value for e in simulate(4, START, machines=30, days=25, imperfections=PERFECT)]
    ends = {(e.machine_id, e.cycle): e for e in perfect if isinstance(e, Ending) and e.kind == "failure" and e.installed}
    found = {(e.machine_id, e.cycle): np.array(e.sensors, dtype=float) for e in perfect if isinstance(e, Telemetry)}
    moved = []
    for (name, cycle), end in ends.items():
        late, early = (np.mean([found[name, c] for c in range(first, first + 25)], axis=0) for first in (cycle - 24, end.installed + 1))
        moved.append((late - early)[NOISE > 0] / NOISE[NOISE > 0])
    clear = np.abs(CHANGES).max(axis=0)[NOISE > 0] >= 5
    assert len(moved) > 15
    assert np.abs(np.mean(moved, axis=0))[clear].min() > 1.0
    levels = np.array(list(found.values()))
    assert (levels.std(axis=0)[NOISE == 0] < 1e-9).all()
    assert (NOISE == 0).sum() >= 5


def test_a_real_streams_faults_are_there() -> None:
    seen = Counter(e.id for e in cycles())
    assert max(seen.values()) > 1
    assert any(e.at - e.value.event_time > timedelta(hours=1) for e in world() if isinstance(e.value, Telemetry))
    assert any(None in e.sensors for e in cycles())
    assert any(None in e.settings for e in cycles())
    highest = {e.machine_id: e.cycle for e in cycles()}
    lowest = {e.machine_id: e.cycle for e in reversed(cycles())}
    assert len(seen) < sum(highest[m] - lowest[m] + 1 for m in highest), "no message is lost"
    codes = set()
    for emission in world():
        if isinstance(emission.value, bytes):
            try:
                parse_event(emission.value)
            except MalformedEvent as error:
                codes.add(error.code)
    assert codes == {"not-json", "unknown-field"}


def test_a_perfect_world_has_none_of_them() -> None:
    events = [e for e in simulate(3, START, machines=5, days=10, imperfections=PERFECT) if isinstance(e.value, Telemetry)]
    assert len({e.value.id for e in events}) == len(events)
    assert all(e.at == e.value.event_time and None not in (*e.value.sensors, *e.value.settings) for e in events)


def test_it_does_not_end_by_itself() -> None:
    assert len(list(islice(simulate(1, START, machines=3), 5_000))) == 5_000
