"""A poison message: what cannot be read is set aside with its reason, and no payment waits for it or is lost."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from apps.scenario import Given, Then, When, World, at_least, exactly, hours, story
from apps.scenario_world import joined, simulated
from domain.contract import Emission
from domain.fraud.events import Payment

BROKEN = 5


def world(seed: int) -> World:
    """Twelve hours of payments, and five messages among them that a broken source sent: cut off in the middle."""
    found, rng = simulated("fraud", seed, history=4, live=hours(12), customers=100, terminals=200), np.random.default_rng([seed, 1])
    payments = [e for e in found.live if isinstance(e.value, Payment)]
    chosen = [payments[int(i)] for i in rng.choice(len(payments), BROKEN, replace=False)]
    poison = [Emission(e.at + timedelta(seconds=1), "events", e.key, e.value.model_dump_json().encode()[:40]) for e in chosen]
    return joined(found, poison)


@story(
    name="poison-message",
    domain="fraud",
    expects="each broken message becomes a dead letter, and every payment gets exactly one decision",
    lasts=25,
    speed=7200,
    world=world,
)
def poison_message(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 100 customers and four days of history")
    when(f"{BROKEN} messages that nobody can read come among the payments of half a day", system.live)
    then("payments without a decision", system.undecided, exactly(0), within=60)
    then("payments with a decision", system.decided, at_least(20))
    then("payments decided twice", system.repeated, exactly(0))
    then("dead letters, as many as broken messages", system.dead_letters, exactly(BROKEN), within=30)
