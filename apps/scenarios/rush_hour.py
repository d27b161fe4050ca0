"""A rush hour: for two hours of an evening the store is ten times as busy. Offers still reach shoppers before they leave."""

from __future__ import annotations

from apps.scenario import Given, Then, When, World, at_least, at_most, days, exactly, hours, story
from apps.scenario_business import before_exit
from apps.scenario_world import BEGINS, hurried, simulated

SHOPPERS, TIMES = 80, 10.0
FIRST, LAST = BEGINS + hours(16), BEGINS + hours(20)


def world(seed: int) -> World:
    """A day and a half of visits."""
    return simulated("cross_sell", seed, history=14, live=days(1.5), shoppers=SHOPPERS, stores=2)


@story(
    name="rush-hour",
    domain="cross_sell",
    expects="every sighting is decided once, nine of ten within three seconds, and nearly all offers are made before the shopper leaves",
    lasts=75,
    speed=3_600,
    world=world,
)
def rush_hour(given: Given, when: When, then: Then) -> None:
    system = given(f"a running cross-sell system with {SHOPPERS} shoppers and two weeks of history")
    pace = hurried(system.speed, FIRST, LAST, TIMES)
    when(f"a day passes, and four of its hours {TIMES:.0f} times as fast", lambda: system.until(LAST, pace=pace))
    then("sightings that wait", system.undecided, at_most(100), within=30)
    when("the last shoppers have gone", system.finish)
    then("sightings without a decision", system.undecided, exactly(0), within=60)
    then("sightings decided twice", system.repeated, exactly(0))
    then("share answered within three deadlines (three seconds)", lambda: system.in_time(3), at_least(0.9))
    then("offers", lambda: system.worth("offers"), at_least(3))
    then("share of the offers that came before the shopper left", lambda: before_exit(system), at_least(0.8))
