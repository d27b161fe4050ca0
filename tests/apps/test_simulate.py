"""The simulator's pace, and where it goes on after a stop: without a gap."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

import pytest

from apps.errors import InputError
from apps.simulate import LIVE, Size, _sizes, beyond, pace_of
from domain.contract import Emission
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]


def world(seed: int = 7) -> list[Emission]:
    return list(FRAUD.simulate(seed, LIVE, customers=40, terminals=60, days=20))


def rest(newest: object) -> list[Emission]:
    emissions, _ = beyond(lambda: iter(world()), newest)
    return list(emissions)


def test_after_any_event_exactly_the_emissions_behind_it_follow() -> None:
    every = world()
    first = {e.value.id: i for i, e in reversed(list(enumerate(every))) if e.stream == "events"}
    for name, at in islice(first.items(), 0, None, 97):
        assert rest(every[at].value) == every[at + 1 :], name


def test_a_repeated_event_goes_on_behind_its_first_time() -> None:
    """Whether its repetition was sent is not known: what lies between the two must not be lost."""
    every = world()
    ids = [e.value.id if e.stream == "events" else "" for e in every]
    first, second = next((i, ids.index(name, i + 1)) for i, name in enumerate(ids) if name and ids.count(name) > 1)
    assert second > first
    assert rest(every[first].value) == every[first + 1 :]


def test_a_world_without_that_event_is_sent_from_its_beginning_and_whole() -> None:
    stranger = next(e.value for e in world(seed=8) if e.stream == "events")
    assert rest(stranger) == world()
    assert rest(None) == world()
    assert beyond(lambda: iter(world()), stranger)[1] is None


def test_both_paces_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="--rate and --speed"):
        pace_of(100.0, 2.0, 200.0)


def test_the_pace_is_what_was_asked_for_and_200_a_second_otherwise() -> None:
    first, second = (Emission(LIVE + timedelta(seconds=s), "events", "c", None) for s in (0, 30))
    for pace, due in ((pace_of(0.5, None, 9.0), 2.0), (pace_of(None, 10.0, 9.0), 3.0), (pace_of(None, None, 200.0), 1 / 200)):
        pace(first)
        assert pace(second) == pytest.approx(due)


def test_a_world_changes_only_where_it_was_asked_for() -> None:
    """Without a drift a simulator is asked as it always was: the worlds of before go on under their names."""
    fraud = DOMAINS["fraud"]
    assert _sizes(fraud, Size(7, {"customers": 9})) == {"customers": 9, "terminals": 4000}
    assert _sizes(fraud, Size(7, {"customers": 9}, 30)) == {"customers": 9, "terminals": 4000, "drift_after_days": 30}
