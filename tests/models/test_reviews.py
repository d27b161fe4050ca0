"""What people do with an alert: every transition, what is refused, and who is told of whom."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import pytest
from pydantic import ValidationError

from models.reviews import NEW, POSSIBLE, STATUSES, Act, Refused, State, after, judge

NOON_US = 1_772_366_590_000_000  # 12:03:10 UTC, 1 March 2026
_ids = count(1)


def act(what: str, version: int, analyst: str = "Ana", /, **more: Any) -> Act:
    closing = {"verdict": "fraud", "reason": "a known pattern of fraud", "note": "third today"} if what == "close" else {}
    fields = {"domain": "fraud", "decision_id": "t1", "analyst": analyst, "at_us": NOON_US, "what": what, "version": version}
    return Act(act_id=f"a{next(_ids)}", **(fields | closing | more))


def folded(*acts: Act) -> tuple[State, list[bool]]:
    state, accepted = NEW, []
    for one in acts:
        found = judge(state, one)
        accepted.append(isinstance(found, State))
        state = found if isinstance(found, State) else state
    return state, accepted


CLAIMED, CLOSED = after(act("claim", 0)), after(act("close", 1))


def test_a_claim_says_by_whom_and_when_and_makes_the_next_version() -> None:
    assert judge(NEW, act("claim", 0)) == State("in review", 1, "Ana", NOON_US)


def test_a_closing_keeps_its_verdict_its_reason_and_its_note() -> None:
    assert judge(CLAIMED, act("close", 1)) == State("closed", 2, "Ana", NOON_US, "fraud", "a known pattern of fraud", "third today")


def test_a_release_by_anybody_and_a_reopening_make_it_new_again_and_take_the_closings_words() -> None:
    assert judge(CLAIMED, act("release", 1, "Ben")) == State("new", 2, "Ben", NOON_US)
    assert judge(CLOSED, act("reopen", 2, "Ben")) == State("new", 3, "Ben", NOON_US)


@pytest.mark.parametrize("state", [NEW, CLAIMED, CLOSED], ids=STATUSES)
@pytest.mark.parametrize("what", ["claim", "release", "close", "reopen"])
def test_an_act_that_makes_no_sense_in_a_state_is_refused_and_the_others_are_not(what: str, state: State) -> None:
    assert isinstance(judge(state, act(what, state.version)), State) == (what in POSSIBLE[state.status])


@pytest.mark.parametrize("state", [NEW, CLAIMED, CLOSED], ids=STATUSES)
@pytest.mark.parametrize("away", [-1, 1])
def test_an_act_of_another_version_is_refused_also_where_it_would_make_sense(state: State, away: int) -> None:
    moved = state._replace(version=state.version + 1)
    assert isinstance(judge(moved, act(POSSIBLE[state.status][0], moved.version + away)), Refused)


def test_the_second_of_two_is_told_who_was_first_and_when() -> None:
    first, second = act("claim", 0), act("claim", 0, "Ben", at_us=NOON_US - 5_000_000)
    state = judge(NEW, first)
    assert isinstance(state, State)
    assert judge(state, second) == Refused("claimed by Ana at 12:03:10 UTC, 01 Mar 2026")
    assert judge(CLOSED, act("close", 1, "Ben")) == Refused(
        "closed by Ana at 12:03:10 UTC, 01 Mar 2026, as fraud: a known pattern of fraud"
    )
    assert judge(after(act("release", 1)), act("close", 1, "Ben")) == Refused("given back by Ana at 12:03:10 UTC, 01 Mar 2026")


def test_only_who_claimed_an_alert_closes_it() -> None:
    assert judge(CLAIMED, act("close", 1, "Ben")) == Refused("claimed by Ana at 12:03:10 UTC, 01 Mar 2026")


def test_a_whole_story_is_folded_and_what_came_too_late_changes_nothing() -> None:
    story = [act("claim", 0), act("claim", 0, "Ben"), act("close", 1), act("release", 1), act("reopen", 2, "Ben"), act("claim", 3, "Ben")]
    state, accepted = folded(*story)
    assert accepted == [True, False, True, False, True, True]
    assert state == State("in review", 4, "Ben", NOON_US)


def test_acts_in_whatever_order_leave_a_state_that_the_accepted_ones_alone_lead_to() -> None:
    story = [act(what, version, who) for what in ("claim", "release", "close", "reopen") for version in range(4) for who in ("Ana", "Ben")]
    rng, reached = random.Random(4), set()
    for _ in range(200):
        rng.shuffle(story)
        state, accepted = folded(*story)
        kept = [one for one, taken in zip(story, accepted, strict=True) if taken]
        assert folded(*kept)[0] == state
        assert state.version == len(kept)
        reached.add(state.status)
    assert reached == set(STATUSES)


@pytest.mark.parametrize(
    "broken",
    [
        {"analyst": ""},
        {"analyst": "a\nb"},
        {"note": "a\x00b"},
        {"note": "n" * 2_001},
        {"reason": ""},
        {"what": "burn"},
        {"version": -1},
        {"at_us": 1_700_000_000_000_000_000},  # nanoseconds: no calendar goes so far
    ],
)
def test_an_act_that_cannot_be_kept_is_refused_when_it_is_made(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        act("close", 1, **broken)


def test_an_alert_of_a_machine_with_a_long_name_can_be_worked_on() -> None:
    assert act("close", 1, decision_id=f"{'m' * 64}:1000000:order").decision_id.endswith("order")


def test_only_a_closing_has_a_verdict() -> None:
    with pytest.raises(ValidationError, match="only a closing"):
        act("claim", 0, verdict="fraud")
