"""A loyalty feed that stops: of half of the shoppers nobody says any more who they are. They are decided all the same, and get offers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, story
from apps.scenario_business import before_exit, of_planted
from apps.scenario_world import simulated

SHOPPERS = 80


def world(seed: int) -> World:
    """Two days of visits; the profiles of half of the shoppers never come."""
    found = simulated("cross_sell", seed, history=14, live=days(2), shoppers=SHOPPERS, stores=2)
    known = sorted(e.key for e in found.history if e.stream == "profiles")
    silent = frozenset(known[int(i)] for i in np.random.default_rng([seed, 1]).choice(len(known), len(known) // 2, replace=False))
    history = [e for e in found.history if not (e.stream == "profiles" and e.key in silent)]
    planted = {e.value.id for e in found.live if e.stream == "events" and e.key in silent and getattr(e.value, "decides", False)}
    return replace(found, history=history, planted=frozenset(planted), at=tuple(sorted(silent)))


@story(
    name="loyalty-feed-stops",
    domain="cross_sell",
    expects="sightings of shoppers without a profile are decided like the others', and they get offers before they leave",
    lasts=65,
    speed=4_320,
    world=world,
)
def loyalty_feed_stops(given: Given, when: When, then: Then) -> None:
    system = given(f"a running cross-sell system with {SHOPPERS} shoppers, and profiles of half of its members only")
    when("two days of visits come", system.live)
    then("sightings without a decision", system.undecided, exactly(0), within=60)
    then("sightings decided twice", system.repeated, exactly(0))
    then("sightings of shoppers without a profile that are decided", lambda: len(of_planted(system)), at_least(50))
    then("offers to them", lambda: _offers(system), at_least(2))
    then("share of all offers that came before the shopper left", lambda: before_exit(system), at_least(0.8))
    then("dead letters", system.dead_letters, exactly(0))


def _offers(system: System) -> int:
    return sum(decision.action == "offer" for decision in of_planted(system).values())
