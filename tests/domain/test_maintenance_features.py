"""A cycle's row is that of its own place in the machine's life, equal to the slow one, whatever a stream does to the cycles."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np
import pytest

from domain.contract import MalformedEvent
from domain.maintenance.events import Ending, Replacement, Telemetry
from domain.maintenance.features import SCHEMA, MaintenanceFeatures, phrase
from domain.maintenance.kernels import KEPT, LENGTH
from domain.maintenance.simulator import simulate
from domain.maintenance.state import BYTES
from tests.domain import slow_maintenance as slow
from tests.domain.machines import START, Event, replacement, run, telemetry

NAN = float("nan")


def bits(row: list[float]) -> bytes:
    return np.array([NAN if np.isnan(x) else x for x in row]).tobytes()


def value(row: list[float], name: str) -> float:
    return row[SCHEMA.names.index(name)]


@cache
def stories() -> dict[str, tuple[Event, ...]]:
    """Of a small world with faults: each machine's events in the order of its life, each once."""
    found: dict[str, dict[str, Event]] = defaultdict(dict)
    for emission in simulate(3, START, machines=4, days=16):
        if isinstance(emission.value, Telemetry | Replacement):
            found[emission.key][emission.value.id] = emission.value
    return {name: tuple(sorted(events.values(), key=lambda e: (e.cycle, isinstance(e, Replacement)))) for name, events in found.items()}


def a_life() -> tuple[Event, ...]:
    """The events of the machine with the most replacements."""
    return max(stories().values(), key=lambda events: sum(isinstance(e, Replacement) for e in events))


def test_every_row_equals_the_slow_computation() -> None:
    checked, present = 0, np.zeros(len(SCHEMA))
    for events in stories().values():
        rows, _ = run(events)
        life: list[Telemetry] = []
        installed = 0
        for number, (event, row) in enumerate(zip(events, rows, strict=True)):
            if isinstance(event, Replacement):
                life, installed = [], event.cycle
                assert row == []
                continue
            life.append(event)
            if len(life) < 30 or number % 7 == 0:
                np.testing.assert_allclose(row, slow.row(life, installed), rtol=1e-6, atol=1e-9)
                checked, present = checked + 1, present + ~np.isnan(row)
    assert checked > 200
    assert present.min() > 50, f"{SCHEMA.names[present.argmin()]} is nearly always missing: this world proves too little"
    assert any(None in e.sensors for events in stories().values() for e in events if isinstance(e, Telemetry))


def test_a_cycle_that_comes_again_gets_its_row_again_and_changes_nothing() -> None:
    events = a_life()[:150]
    rows, state = run(events)
    features = MaintenanceFeatures()
    for event, row in list(zip(events, rows, strict=True))[-KEPT:]:
        again = features.compute(event, state)
        assert (again.repeated, again.state, bits(again.row)) == (True, state, bits(row))


def test_a_cycle_of_the_old_part_that_comes_again_after_the_replacement_gets_its_row_again() -> None:
    events: list[Event] = [*(telemetry(i) for i in range(1, 41)), replacement(40), *(telemetry(i) for i in range(41, 51))]
    rows, state = run(events)
    again = MaintenanceFeatures().compute(events[39], state)
    assert bits(again.row) == bits(rows[39])
    assert again.facts["installed"] == 0
    assert value(rows[-1], "age") == 10.0


def test_a_late_cycle_is_answered_as_of_its_own_place_and_the_next_ones_know_it() -> None:
    events = [telemetry(i) for i in range(1, 101)]
    in_order, state = run(events)
    late = [*events[:79], *events[80:95], events[79], *events[95:]]
    rows, after = run(late)
    assert bits(rows[94]) == bits(in_order[79])
    assert [bits(r) for r in rows[95:]] == [bits(r) for r in in_order[95:]]
    assert after is not None
    assert state is not None


def test_who_came_before_a_late_cycle_gets_its_first_row_again() -> None:
    """The row that was answered without the late cycle, not the one that would be now."""
    events = [telemetry(i) for i in range(1, 61)]
    order = [*events[:39], *events[40:50], events[39]]
    rows, state = run(order)
    again = MaintenanceFeatures().compute(events[45], state)
    assert bits(again.row) == bits(rows[44])
    assert bits(again.row) != bits(run(events)[0][45])


def test_rows_do_not_depend_on_a_shuffle_within_what_is_kept() -> None:
    events = [*a_life()[:200]]
    hours = np.arange(200) + np.random.default_rng(1).uniform(0, KEPT / 3, 200)
    shuffled = [events[i] for i in np.argsort(hours)]
    last = [telemetry(100_000)]
    assert bits(run([*shuffled, *last])[0][-1]) == bits(run([*events, *last])[0][-1])


def test_what_is_older_than_all_that_is_kept_changes_nothing_and_is_decided_as_nobody_knows_whether_it_was() -> None:
    events = [telemetry(i) for i in range(1, 201)]
    _, state = run(events)
    computed = MaintenanceFeatures().compute(events[5], state)
    assert (computed.repeated, computed.state) == (False, state)
    assert len(computed.row) == len(SCHEMA)


def test_the_same_cycle_with_other_readings_is_refused() -> None:
    _, state = run([telemetry(1)])
    with pytest.raises(MalformedEvent, match="cycle 1 of machine m") as refused:
        MaintenanceFeatures().compute(telemetry(1, shift=3.0), state)
    assert refused.value.code == "conflicting-duplicate"


def test_a_state_does_not_grow_beyond_its_bound() -> None:
    state: bytes | None = None
    sizes = []
    for start in range(1, 1_000, 100):
        _, state = run([*(telemetry(i) for i in range(start, start + 100)), replacement(start + 99)], state)
        sizes.append(len(state or b""))
    assert max(sizes) == sizes[-1] == BYTES
    assert BYTES < 16_384


def test_one_cycle_with_a_wild_counter_does_not_hide_what_follows() -> None:
    events = [telemetry(i) for i in range(1, 201)]
    rows, _ = run([*events[:100], telemetry(90_000_000), *events[100:]])
    assert bits(rows[-1]) == bits(run(events)[0][-1])


def test_a_new_part_has_an_early_life_of_its_own() -> None:
    """Sensors that read higher since the replacement have not moved."""
    events: list[Event] = [telemetry(i) for i in range(1, 101)]
    events += [replacement(100), *(telemetry(i, shift=50.0) for i in range(101, 161))]
    row = run(events)[0][-1]
    assert abs(value(row, "sensor_1_change")) < 2.0
    assert value(row, "sensor_1_mean") == pytest.approx(150.0, abs=2.0)
    without = run([e for e in events if isinstance(e, Telemetry)])[0][-1]
    assert value(without, "sensor_1_change") == pytest.approx(50.0, abs=2.0)


def test_a_change_of_load_is_no_wear() -> None:
    """Two regimes in turn, far apart in every sensor: the difference to early life is that within each."""
    events = []
    for i in range(1, 121):
        loaded = (i // 10) % 2 == 1
        event = telemetry(i, shift=500.0 if loaded else 0.0)
        events.append(event.model_copy(update={"settings": (42.0, 0.84, 100.0)}) if loaded else event)
    row = run(events)[0][-1]
    assert max(abs(value(row, f"sensor_{i}_change")) for i in range(1, 22)) < 3.0


def test_a_steady_climb_shows_as_its_slope() -> None:
    row = run([telemetry(i, shift=0.5 * i) for i in range(1, 301)])[0][-1]
    for span in (30, 80):
        assert value(row, f"sensor_4_slope_{span}") == pytest.approx(0.5, abs=0.1)
    assert value(row, "sensor_4_spread_80") == pytest.approx(1.0, rel=0.35)
    assert value(row, "wear_30") > 50


def test_the_first_cycle_knows_its_settings_and_readings_only() -> None:
    row = run([telemetry(1)])[0][0]
    assert value(row, "age") == 1.0
    assert value(row, "sensor_3_mean") == pytest.approx(telemetry(1).sensors[2])
    assert np.isnan([value(row, "wear_10"), value(row, "sensor_3_slope_30"), value(row, "sensor_3_spread_80")]).all()


def test_a_machine_that_reports_nothing_at_all_gets_a_row_of_missing_values() -> None:
    silent = [telemetry(i).model_copy(update={"settings": (None,) * 3, "sensors": (None,) * 21}) for i in range(1, 10)]
    row = run(silent)[0][-1]
    assert value(row, "age") == 9.0
    assert np.isnan(row[1:]).all()


def test_labels_change_no_row() -> None:
    features = MaintenanceFeatures()
    before = features.compute(telemetry(1), None)
    features.learn(Ending(machine_id="m", event_time=START, installed=0, cycle=90, kind="failure"))
    assert bits(features.compute(telemetry(1), None).row) == bits(before.row)


def test_every_feature_has_a_description_and_words() -> None:
    assert len(SCHEMA) == LENGTH
    for feature in SCHEMA.features:
        assert feature.description
        assert "_" not in phrase(feature.name, 2.0)
        assert "nothing known" in phrase(feature.name, NAN)
    assert phrase("sensor_11_slope_30", 0.25) == "sensor 11 moves by +0.25 a cycle, over 30 cycles"
