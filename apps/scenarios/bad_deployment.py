"""A bad deployment: a release whose files were damaged on their way is refused, the old model goes on, and the release is taken back."""

from __future__ import annotations

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, hours, story
from apps.scenario_business import how_many
from apps.scenario_world import BEGINS, simulated

GOOD, BAD = "29990101-000000-00000001", "29990101-000000-00000002"  # versions of releases; no training makes such


def world(seed: int) -> World:
    """Six days of payments."""
    return simulated("fraud", seed, history=4, live=days(6), customers=60, terminals=120)


@story(
    name="bad-deployment",
    domain="fraud",
    expects="a sound release is taken without a pause; a damaged one decides nothing and is rolled back; every payment is decided",
    lasts=70,
    speed=14_400,
    world=world,
)
def bad_deployment(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 60 customers")

    when("payments come for half a day", lambda: system.until(BEGINS + hours(12)))
    when("a sound release is announced", lambda: system.deploy(GOOD))
    then("payments that it decided", lambda: _by(system, GOOD), at_least(5), within=60)
    when("a release is announced whose files were cut off on their way", lambda: system.deploy(BAD, damaged=True))
    then("refusals that were told", lambda: system.happened("refused"), at_least(1), within=60)
    when("it is rolled back", system.roll_back)
    when("the last payments have come", system.finish)
    then("payments that the damaged release decided", lambda: _by(system, BAD), exactly(0))
    then("payments without a decision", system.undecided, exactly(0), within=60)
    then("payments decided twice", system.repeated, exactly(0))
    then("dead letters", system.dead_letters, exactly(0))


def _by(system: System, version: str) -> int:
    return how_many(system, lambda decision: decision.model_version == version)
