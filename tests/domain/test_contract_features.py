"""What every domain's features owe: one definition for stream and batch, pure, bounded, and steady under repeats and late events."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pytest

from domain.contract import Computed, Domain, Features, MalformedEvent
from domain.schema import UNSEEN
from models.dataset import replay
from tests.domain.worlds import ALL, START, STATEFUL, bits, dataset, events, history, in_order, labels, of_busy_keys

each = pytest.mark.parametrize("name", ALL)
each_with_a_state = pytest.mark.parametrize("name", STATEFUL)
LONG = 6_000


def streamed(domain: Domain, found: list[Any], state: dict[str, bytes] | None = None) -> list[Computed]:
    """Every event in turn, as a scorer takes it; ``state`` is what it leaves behind."""
    features, kept, answers = domain.features(), {} if state is None else state, []
    for event in found:
        computed = features.compute(event, kept.get(event.key))
        kept[event.key] = computed.state
        answers.append(computed)
    return answers


@each
def test_the_rows_of_the_stream_are_those_of_a_replay_in_any_order(name: str) -> None:
    features, state, rows = ALL[name].features(), dict[str, bytes](), dict[str, bytes]()
    told = sorted(labels(name), key=lambda x: (x.event_time, x.id), reverse=True)
    for event in in_order(events(name)):
        while told and told[-1].event_time <= event.event_time:
            features.learn(told.pop())
        computed = features.compute(event, state.get(event.key))
        state[event.key] = computed.state
        if computed.row:
            rows.setdefault(event.id, bits(computed.row))
    emissions = list(history(name))
    np.random.default_rng(1).shuffle(emissions)  # type: ignore[arg-type]  # a list of tuples
    batch = replay(ALL[name], emissions)
    assert len(batch) == len(rows) > 1_000
    assert [i for i, x in zip(batch.event_id, batch.x, strict=True) if bits(x) != rows[i]] == []
    assert np.array_equal(batch.y, dataset(name).y, equal_nan=True)


@each
def test_a_row_is_as_the_schema_says_and_only_a_deciding_event_has_one(name: str) -> None:
    x, schema = dataset(name).x, ALL[name].schema
    assert x.shape[1] == len(schema)
    assert not np.isinf(x).any()
    for i in schema.categorical_indices:
        assert set(x[~np.isnan(x[:, i]), i]) <= {UNSEEN, *range(len(schema.features[i].categories))}
    found = of_busy_keys(name, 3)
    answers = streamed(ALL[name], found)
    assert all(bool(a.row) == event.decides for event, a in zip(found, answers, strict=True))
    assert all(type(value) is float for a in answers for value in a.row)


@each_with_a_state
def test_no_history_is_missing_not_zero(name: str) -> None:
    first: dict[str, list[float]] = {}
    for event in in_order(events(name)):
        if event.decides and event.key not in first:
            first[event.key] = ALL[name].features().compute(event, None).row
            if len(first) == 5:
                break
    assert all(any(map(math.isnan, row)) for row in first.values())


@each
def test_computing_changes_nothing_and_does_not_hang_on_what_was_computed_before(name: str) -> None:
    features = ALL[name].features()
    kept: dict[str, bytes] = {}
    asked: list[tuple[Any, str, bytes | None, bytes | None, Computed, bytes]] = []
    for event in of_busy_keys(name, 4)[:400]:
        state = kept.get(event.key)
        computed = features.compute(event, state)
        asked.append((event, event.model_dump_json(), state, state and bytes(bytearray(state)), computed, bits(computed.row)))
        kept[event.key] = computed.state
    another = ALL[name].features()
    for event, told, state, was, computed, row in reversed(asked):
        again = another.compute(event, state)
        assert (event.model_dump_json(), state) == (told, was)
        assert (bits(again.row), again[1:]) == (row, computed[1:])
        assert bits(computed.row) == row, "a row that was given out was written to"


@each_with_a_state
def test_a_repeated_event_gets_the_row_that_it_first_got_and_leaves_the_state_alone(name: str) -> None:
    """At once, and when others came after it."""
    domain, found = ALL[name], list({e.id: e for e in in_order(of_busy_keys(name, 2))}.values())
    features, state = domain.features(), dict[str, bytes]()
    first: list[tuple[Any, Computed]] = []
    for event in found[:300]:
        computed = features.compute(event, state.get(event.key))
        assert not computed.repeated
        state[event.key] = computed.state
        first.append((event, computed))
        for before, answer in {len(first) - 1 - back: first[-1 - back] for back in (0, 1, 7) if back < len(first)}.values():
            again = features.compute(before, state[before.key])
            assert (again.repeated, again.state) == (True, state[before.key])
            assert bits(again.row) == bits(answer.row)


@each_with_a_state
def test_another_event_under_a_known_id_is_refused(name: str) -> None:
    features, codes = ALL[name].features(), set()
    for event in of_busy_keys(name, 1)[:200]:
        state = features.compute(event, None).state
        for field, value in event:
            other = event.model_copy(update={field: moved(value)})
            if other != event and (other.id, other.key) == (event.id, event.key):
                codes.add(refusal(features, other, state))
    assert codes >= {"conflicting-duplicate"}
    assert codes <= {"conflicting-duplicate", None}, "None: a field that no feature looks at"


def moved(value: Any) -> Any:
    """Another value of the type."""
    match value:
        case bool() | str() | None:
            return value
        case tuple():
            return tuple(moved(part) for part in value)
        case datetime():
            return value + timedelta(hours=1)
    return value + 2


def refusal(features: Features, event: Any, state: bytes) -> str | None:
    try:
        features.compute(event, state)
    except MalformedEvent as error:
        return error.code
    return None


@each
def test_late_events_leave_what_is_known_as_if_they_had_come_in_time(name: str) -> None:
    """What comes after them gets the row that it gets where nothing was late."""
    domain, newest = ALL[name], dict[str, Any]()
    for event in events(name):
        if event.decides and (event.key not in newest or event.event_time > newest[event.key].event_time):
            newest[event.key] = event
    last = {event.id for event in newest.values()}
    others = [event for event in events(name) if event.id not in last]
    as_sent, in_time = dict[str, bytes](), dict[str, bytes]()
    streamed(domain, others, as_sent)
    streamed(domain, in_order(others), in_time)
    assert [e.id for e in others] != [e.id for e in in_order(others)], "nothing is late"
    features = domain.features()
    for event in newest.values():
        found = [features.compute(event, state.get(event.key)) for state in (as_sent, in_time)]
        assert bits(found[0].row) == bits(found[1].row), event.id
        assert found[0].facts == found[1].facts


@each
def test_the_state_of_one_key_is_bounded_however_much_happens_to_it(name: str) -> None:
    """Two hundred times as much as in the simulated world, in a time that no window forgets."""
    domain = ALL[name]
    world = domain.simulate(8, START, **dict.fromkeys(domain.sizes, 1))
    found = list(islice((e.value for e in world if e.stream != "labels"), LONG))
    key = found[-1].key
    crowded = [e.model_copy(update={"event_time": START + (e.event_time - START) / 200}) for e in found if e.key == key]
    assert len(crowded) > LONG / 2
    sizes = [len(answer.state) for answer in streamed(domain, crowded)]
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[: len(sizes) // 2])
    assert max(sizes) < 65_536, "too much to be read and written with every event"


_WARM = """
import sys
from itertools import islice
from numba.core.dispatcher import Dispatcher
from tests.domain.worlds import ALL, START
def compiled():
    parts = [part for module in list(sys.modules.values()) for part in vars(module).values()]
    return {part.__qualname__: len(part.signatures) for part in parts if isinstance(part, Dispatcher)}
for domain in ALL.values():
    features, state = domain.features(), {}
    before = compiled()
    for event in (e.value for e in islice(domain.simulate(1, START, **dict.fromkeys(domain.sizes, 3)), 2_000) if e.stream != "labels"):
        state[event.key] = features.compute(event, state.get(event.key)).state
    late = {name for name, n in compiled().items() if n != before.get(name)}
    print(domain.name, *sorted(late))
"""


def test_no_event_waits_for_a_compiler() -> None:
    """What is compiled is compiled when the features are made: a scorer that has a deadline does not begin with ten seconds of it."""
    done = subprocess.run([sys.executable, "-c", _WARM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, list(ALL)), done.stderr


def test_the_stream_is_long_enough_for_windows_to_fill() -> None:
    assert all(history(name)[-1].at - START > timedelta(days=9) for name in ALL)
