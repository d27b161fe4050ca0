"""Every story: its name, what it promises, and a world that its seed alone decides. Nothing is started here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from apps import scenario_list
from apps.errors import InputError
from apps.replay import serialise
from apps.scenario import Bound, Given, Measure, System, Then, World
from apps.scenario_world import BEGINS, hurried
from apps.scenarios import concept_drift
from apps.simulate import LIVE
from domain.contract import Emission
from domain.decision import Decision
from domain.registry import DOMAINS
from tests.test_documents import example_of_a_scenario

NAMES = scenario_list.names()


@cache
def world(name: str, seed: int) -> World:
    return scenario_list.find(name).world(seed)


def sent(emissions: Sequence[Emission]) -> list[tuple[str, str, bytes]]:
    return [(e.stream, e.key, serialise(e.value)) for e in emissions]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The long story's world takes a minute to make; one of few customers is made the same way. Each world is for one test."""
    monkeypatch.setattr(concept_drift, "CUSTOMERS", 20)
    yield
    world.cache_clear()


@pytest.mark.parametrize("name", NAMES)
def test_a_story_says_what_it_is(name: str) -> None:
    story = scenario_list.find(name)
    assert story.name == name
    assert story.domain in DOMAINS
    assert len(story.expects) > 30
    assert story.lasts > 0
    assert story.speed > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_world_is_its_seeds_alone_and_in_order_of_time(name: str) -> None:
    one, other = world(name, 1), world(name, 2)
    again = scenario_list.find(name).world(1)
    assert (sent(again.live), again.planted, again.at) == (sent(one.live), one.planted, one.at)
    assert sent(one.live) != sent(other.live)
    assert not one.planted or one.planted != other.planted
    for found in (one, other):
        _in_order(found)


def _in_order(found: World) -> None:
    """What is live comes after history, and what is planted is in it."""
    times = [e.at for e in found.live]
    assert times, "something happens"
    assert times == sorted(times)
    assert not found.history or found.history[-1].at <= times[0]
    assert found.planted <= {e.value.id for e in found.live if not isinstance(e.value, bytes)}


class Silent:
    """A system to which everything can be done, and which decides nothing: what came is undecided, all else is 0 or empty."""

    champion, speed = "the first", 60.0

    def __init__(self, world: World) -> None:
        self.world = world
        self.decisions: dict[str, Decision] = {}
        self.done: list[str] = []

    def undecided(self) -> int:
        return len(self.world.live)

    def in_time(self, deadlines: float = 1.0) -> float:
        return 1.0  # of none

    def __getattr__(self, name: str) -> Callable[..., int]:
        if name not in vars(System):
            raise AttributeError(f"no system can {name}")
        self.done.append(name)
        return lambda *_, **__: 0


@pytest.mark.parametrize("name", NAMES)
def test_a_story_told_of_a_system_that_decides_nothing_comes_to_its_end_and_fails(name: str) -> None:
    story = scenario_list.find(name)
    system, claims = Silent(world(name, 1)), dict[str, bool]()

    def given(text: str, **_: object) -> Silent:
        return system

    def then(claim: str, measure: Measure, wanted: Bound, **_: object) -> None:
        assert claim not in claims, "each has words of its own"
        claims[claim] = wanted.holds(measure())

    def when(text: str, action: Callable[[], object]) -> None:
        action()

    story.tell(cast("Given", given), when, cast("Then", then))
    assert "decided" in "".join(claims) or "decision" in "".join(claims)
    assert not all(claims.values()), "it would pass where nothing works"
    assert {"live", "finish", "halt", "until", "patiently"} & set(system.done), "something was sent"


def test_a_compromised_terminal_is_told_by_its_labels_alone() -> None:
    found = world("compromised-terminal", 1)
    (terminal,) = found.at
    verdicts = {e.value.id: e.value.verdict for e in found.live if e.stream == "labels"}
    assert {verdicts[name] for name in found.planted if name in verdicts} == {"chargeback"}
    there = [e.value for e in found.live if e.stream == "events" and e.value.terminal_id == terminal]
    assert {p.id for p in there} > found.planted, "before that day honest people paid there"


def test_a_story_begins_where_the_models_history_ends() -> None:
    assert BEGINS == LIVE


def test_a_hurry_is_so_many_times_the_rate_and_no_moment_is_left_out() -> None:
    hour = timedelta(hours=1)
    pace = hurried(60.0, BEGINS + hour, BEGINS + 2 * hour, 10.0)
    due = [pace(Emission(BEGINS + hour * i / 2, "events", "k", b"")) for i in range(7)]
    assert due == pytest.approx([0, 30, 60, 63, 66, 96, 126])


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="there is no scenario 'weather'; there are bad-deployment, "):
        scenario_list.find("weather")


@pytest.mark.parametrize("text", ["x = 1", "import nothing_like_it", "def ("])
def test_a_file_without_a_story_is_refused_in_words(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(InputError, match=r"mine\.py"):
        scenario_list.find(str(file))


def test_the_documents_example_is_a_story(tmp_path: Path) -> None:
    file = tmp_path / "stuttering_terminal.py"
    file.write_text(example_of_a_scenario())
    story = scenario_list.find(str(file))
    assert story.name == "stuttering-terminal"
    found = story.world(1)
    ids = [e.value.id for e in found.live if e.stream == "events"]
    assert len(ids) >= 2 * len(set(ids)) > 20
