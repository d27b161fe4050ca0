"""The database away for a minute: decisions go on without it, and it is complete a moment after it is back."""

from __future__ import annotations

from apps.scenario import Given, Then, When, World, at_least, days, exactly, hours, story
from apps.scenario_business import unstored
from apps.scenario_world import BEGINS, simulated

AWAY = 60.0  # seconds


def world(seed: int) -> World:
    """Ten days of payments."""
    return simulated("fraud", seed, history=4, live=days(10), customers=60, terminals=120)


@story(
    name="database-away",
    domain="fraud",
    expects="every payment is decided while the database is away, and a moment after it is back it holds each decision",
    lasts=100,
    speed=10_800,
    world=world,
)
def database_away(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 60 customers, and its database", beside=("sink",))
    before = 0

    def begin() -> None:
        nonlocal before
        system.until(BEGINS + hours(12))
        before = system.decided()

    when("payments come for half a day", begin)
    when("the database takes nothing any more", system.lock_database)
    when(f"{AWAY:.0f} seconds pass", lambda: system.passes(AWAY))
    then("payments decided meanwhile", lambda: system.decided() - before, at_least(50), within=20)
    then("decisions that wait for the database", lambda: unstored(system), at_least(50))
    when("the database is back", system.unlock_database)
    when("the last payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=60)
    then("decisions that are not in the database", lambda: unstored(system), exactly(0), within=90)
    then("payments decided twice", system.repeated, exactly(0))
