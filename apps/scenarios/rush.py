"""A rush: for a minute ten times as many payments come. All are decided, nearly all in good time, and the queue is gone soon after."""

from __future__ import annotations

from datetime import timedelta

from apps.scenario import Given, Then, When, World, at_least, at_most, days, exactly, story
from apps.scenario_world import BEGINS, hurried, simulated

RATE, TIMES, MINUTE = 15.0, 10.0, 60.0  # payments a second, so many times that, for so many seconds
_A_DAY = 2.0 * 400  # payments a day of 400 customers


def world(seed: int) -> World:
    """As many days of payments as that takes."""
    return simulated("fraud", seed, history=4, live=days((RATE * (20 + TIMES * MINUTE)) / _A_DAY), customers=400, terminals=800)


@story(
    name="rush",
    domain="fraud",
    expects="every payment of the rush is decided once, nine of ten within a second, and nothing waits when it is over",
    lasts=110,
    speed=86_400 * RATE / _A_DAY,
    world=world,
)
def rush(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 400 customers")
    first = BEGINS + timedelta(days=10 * RATE / _A_DAY)
    last = first + timedelta(days=TIMES * MINUTE * RATE / _A_DAY)
    pace = hurried(system.speed, first, last, TIMES)
    when(f"payments come, and for a minute {TIMES:.0f} times as many", lambda: system.until(last, pace=pace))
    then("payments that wait", system.undecided, at_most(200), within=30)
    when("the last payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=30)
    then("payments with a decision", system.decided, at_least(5_000))
    then("payments decided twice", system.repeated, exactly(0))
    then("share answered within ten deadlines (a second)", lambda: system.in_time(10), at_least(0.9))
