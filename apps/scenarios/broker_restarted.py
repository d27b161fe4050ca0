"""The broker restarted while payments come: everybody waits for it and goes on, and nothing is lost or decided twice."""

from __future__ import annotations

from apps.scenario import Given, Then, When, World, at_least, days, exactly, hours, story
from apps.scenario_business import unstored
from apps.scenario_world import BEGINS, simulated


def world(seed: int) -> World:
    """Four days of payments."""
    return simulated("fraud", seed, history=4, live=days(4), customers=100, terminals=200)


@story(
    name="broker-restarted",
    domain="fraud",
    expects="all wait for it and go on: each payment gets exactly one decision, and all are in the database",
    lasts=75,
    speed=14_400,
    world=world,
)
def broker_restarted(given: Given, when: When, then: Then) -> None:
    system = given("a fraud system with 100 customers that decides exactly once, and its database", beside=("sink",))
    when("payments come for two days", lambda: system.until(BEGINS + hours(48)))
    when("Kafka is stopped and started again", system.restart_broker)
    when("the other days' payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=120)
    then("payments with a decision", system.decided, at_least(400))
    then("payments decided twice", system.repeated, exactly(0))
    then("decisions that are not in the database", lambda: unstored(system), exactly(0), within=90)
    then("dead letters", system.dead_letters, exactly(0))
