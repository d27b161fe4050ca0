"""A quiet night: hardly anybody pays. Each payment is answered as if it were noon, and nobody is woken for nothing."""

from __future__ import annotations

from dataclasses import replace

from apps.scenario import Given, Then, When, World, at_least, at_most, days, exactly, hours, story
from apps.scenario_business import blocked
from apps.scenario_world import BEGINS, simulated

DUSK = BEGINS + hours(22)


def world(seed: int) -> World:
    """From ten in the evening until six; the day before is history."""
    found = simulated("fraud", seed, history=6, live=days(1.25), customers=200, terminals=400)
    history, live = ([e for e in found.live if (e.at < DUSK) is before] for before in (True, False))
    return replace(found, history=[*found.history, *history], live=live)


@story(
    name="quiet-night",
    domain="fraud",
    expects="the night's few payments are answered in time, hardly any good one is blocked, and nothing else happens",
    lasts=45,
    speed=1_440,
    world=world,
)
def quiet_night(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 200 customers, at ten in the evening")
    when("the night passes", system.live)
    then("payments without a decision", system.undecided, exactly(0), within=30)
    then("payments with a decision", system.decided, at_least(5))
    then("payments decided twice", system.repeated, exactly(0))
    then("share answered within ten deadlines (a second)", lambda: system.in_time(10), at_least(0.9))
    then("good payments that were blocked", lambda: blocked(system), at_most(2))
    then("dead letters", system.dead_letters, exactly(0))
    then("models refused", lambda: system.happened("refused"), exactly(0))
