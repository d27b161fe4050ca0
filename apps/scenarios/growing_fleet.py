"""A fleet that grows: half of the machines are connected one day, without any history. They are judged from their first cycle on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, story
from apps.scenario_business import foreseen_share, of_planted, ordered_share
from apps.scenario_world import BEGINS, simulated
from domain.contract import Emission
from domain.maintenance.events import Telemetry
from domain.maintenance.simulator import PERFECT

MACHINES, NEW, HISTORY = 40, 20, 12
CONNECTED = BEGINS + days(2)


def world(seed: int) -> World:
    """Eight days of a fleet; twenty machines, whichever, are not heard of before the third."""
    found = simulated("maintenance", seed, history=HISTORY, live=days(8), machines=MACHINES, imperfections=PERFECT)
    machines = sorted({e.key for e in found.live})
    new = frozenset(machines[int(i)] for i in np.random.default_rng([seed, 1]).choice(len(machines), NEW, replace=False))
    live = [e for e in found.live if _heard(e, new)]
    planted = {e.value.id for e in live if e.key in new and isinstance(e.value, Telemetry)}
    history = [e for e in found.history if e.key not in new]
    truth = [end for end in found.truth if end.machine_id not in new or end.event_time >= CONNECTED]
    return replace(found, history=history, live=live, truth=truth, planted=frozenset(planted), at=tuple(sorted(new)))


def _heard(emission: Emission, new: frozenset[str]) -> bool:
    return emission.key not in new or emission.at >= CONNECTED


@story(
    name="growing-fleet",
    domain="maintenance",
    expects="every cycle of the new machines is judged, and their failures are foreseen about as the others' are",
    lasts=75,
    speed=21_600,
    world=world,
)
def growing_fleet(given: Given, when: When, then: Then) -> None:
    system = given(f"a running maintenance system with {MACHINES - NEW} machines and {HISTORY} days of history")
    when("two days pass", lambda: system.until(CONNECTED))
    when(f"{NEW} other machines are connected, and six days pass", system.finish)
    then("cycles without a decision", system.undecided, exactly(0), within=90)
    then("cycles decided twice", system.repeated, exactly(0))
    then("new machines that are judged", lambda: len(_judged(system)), exactly(NEW))
    then("share of the fleet's failures that had an order", lambda: ordered_share(system), at_least(0.7))
    then("share of these whose part came in time", lambda: foreseen_share(system), at_least(0.5))
    then("share answered within three deadlines (three seconds)", lambda: system.in_time(3), at_least(0.9))


def _judged(system: System) -> set[str]:
    return {decision.key for decision in of_planted(system).values()}
