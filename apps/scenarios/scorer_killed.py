"""A scorer killed in the middle of its work: another takes over, and no payment is lost, or decided twice."""

from __future__ import annotations

from apps.scenario import Given, Then, When, World, at_least, at_most, days, exactly, hours, story
from apps.scenario_world import BEGINS, simulated


def world(seed: int) -> World:
    """Four days of payments."""
    return simulated("fraud", seed, history=4, live=days(4), customers=100, terminals=200)


@story(
    name="scorer-killed",
    domain="fraud",
    expects="its successor goes on: every payment gets exactly one decision, and what waited is worked off",
    lasts=60,
    speed=14_400,
    world=world,
)
def scorer_killed(given: Given, when: When, then: Then) -> None:
    system = given("a fraud system with 100 customers that decides exactly once")
    when("payments come for a day", lambda: system.until(BEGINS + hours(24)))
    when("the scorer is killed", lambda: system.kill("scorer"))
    when("for some seconds nobody decides", lambda: system.passes(4))
    then("payments that wait for a decision", system.undecided, at_least(1), within=10)
    when("another scorer of that name starts", lambda: system.start("scorer"))
    when("the other days' payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=90)
    then("payments with a decision", system.decided, at_least(400))
    then("payments decided twice", system.repeated, exactly(0))
    then("dead letters", system.dead_letters, at_most(0))
