"""Given, when, then, within: told with a clock and a system that are neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from apps.errors import BrokerError
from apps.scenario import Bound, System, at_least, at_most, exactly
from apps.scenario_telling import LOOK_EVERY, BrokenError, Telling


class Stage:
    """A clock that passes when it is waited, and a system that may get into trouble."""

    def __init__(self) -> None:
        self.now, self.trouble, self.said = 100.0, "", list[str]()
        self.started: list[dict[str, Any]] = []

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def start(self, **how: Any) -> System:
        self.started.append(how)
        self.wait(7.0)
        return cast(System, self)

    def telling(self) -> Telling:
        return Telling(self.start, lambda: self.trouble, lambda: self.now, self.wait, self.said.append, lambda *_: None)

    def after(self, seconds: float, value: float) -> Callable[[], float]:
        """A measure that comes to its value after so many seconds."""
        began = self.now
        return lambda: value if self.now - began >= seconds else 0.0


def test_given_starts_the_system_as_it_is_told() -> None:
    stage = Stage()
    telling = stage.telling()
    telling.given("a system and its sink", beside=("sink",), guarantee="at-least-once", served="pfa")
    assert stage.started == [{"beside": ("sink",), "guarantee": "at-least-once", "served": "pfa"}]
    assert (telling.steps[0].kind, telling.steps[0].at_s, telling.steps[0].took_s) == ("given", 0.0, 7.0)
    assert telling.set


def test_a_system_that_cannot_start_is_not_the_storys_fault() -> None:
    stage = Stage()

    def start(**how: Any) -> System:
        raise BrokerError("no Java")

    telling = Telling(start, lambda: "", lambda: stage.now, stage.wait, stage.said.append, lambda *_: None)
    with pytest.raises(BrokerError, match="no Java"):
        telling.given("a system")
    assert not telling.set


def test_a_claim_that_holds_is_not_waited_for() -> None:
    stage = Stage()
    telling = stage.telling()
    telling.then("nothing is lost", lambda: 0, exactly(0), within=60)
    assert (telling.steps[0].held, telling.steps[0].took_s, telling.steps[0].value) == (True, 0.0, 0.0)
    assert "holds: nothing is lost: 0, exactly 0 wanted" in stage.said[0]


def test_a_claim_is_waited_for_as_long_as_it_is_given() -> None:
    stage = Stage()
    telling = stage.telling()
    telling.then("five letters", stage.after(3.0, 5.0), exactly(5), within=10)
    telling.then("six letters", stage.after(30.0, 6.0), exactly(6), within=10)
    first, second = telling.steps
    assert (first.held, first.took_s) == (True, 3.0)
    assert (second.held, second.value, second.why) == (False, 0.0, "not within 10 s")
    assert 10.0 <= second.took_s <= 10.0 + LOOK_EVERY
    assert "DOES NOT HOLD: six letters: 0, exactly 6 wanted (not within 10 s)" in stage.said[1]


def test_after_a_claim_that_does_not_hold_the_story_goes_on() -> None:
    telling = Stage().telling()
    telling.then("one", lambda: 0, at_least(1), within=1)
    telling.then("two", lambda: 2, at_least(1))
    assert [step.held for step in telling.steps] == [False, True]


def test_what_can_not_happen_any_more_is_not_waited_for() -> None:
    stage = Stage()
    telling = stage.telling()
    stage.trouble = "scorer ended with status 1: no disk"
    telling.then("all decided", lambda: 0, at_least(1), within=600)
    assert (telling.steps[0].held, telling.steps[0].took_s, telling.steps[0].why) == (False, 0.0, stage.trouble)


def test_no_number_is_no_number_that_holds() -> None:
    telling = Stage().telling()
    telling.then("a share of nothing", lambda: float("nan"), at_most(1), within=1)
    assert telling.steps[0].held is False


def test_an_action_that_fails_ends_the_story() -> None:
    telling = Stage().telling()

    def fails() -> None:
        raise BrokerError("Kafka does not answer")

    with pytest.raises(BrokenError, match="payments come: Kafka does not answer"):
        telling.when("payments come", fails)
    assert telling.steps[0].text == "payments come"


def test_a_process_that_dies_while_something_happens_ends_the_story() -> None:
    stage = Stage()

    def dies() -> None:
        stage.trouble = "sink ended with status 1"

    with pytest.raises(BrokenError, match="sink ended"):
        stage.telling().when("payments come", dies)


@pytest.mark.parametrize(
    ("bound", "text", "inside", "outside"),
    [
        (exactly(5), "exactly 5", 5, 6),
        (at_least(0.7), "at least 0.7", 0.7, 0.69),
        (at_most(2), "at most 2", -10, 3),
        (Bound(1, 3), "1 to 3", 2, 4),
    ],
)
def test_bounds_say_what_they_allow(bound: Bound, text: str, inside: float, outside: float) -> None:
    assert str(bound) == text
    assert bound.holds(inside)
    assert not bound.holds(outside)
