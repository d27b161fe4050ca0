"""A wearing bearing: in one machine of the fleet it begins to wear much faster. The part is ordered before it fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, story
from apps.scenario_business import failures, foreseen_share, ordered_share
from apps.scenario_world import BEGINS, simulated
from domain.maintenance.events import Ending, Replacement, Telemetry, cycle_of
from domain.maintenance.simulator import PERFECT, Bearing

MACHINES, HISTORY = 30, 12
TIMES = 2.0  # as fast


def world(seed: int) -> World:
    """Nine days of a fleet; from the first on a bearing wears faster in one machine whose part is not old."""
    usual = _fleet(seed, None)
    fresh = [machine for machine in sorted({e.key for e in usual.live}) if _fresh(usual, machine)]
    for machine in np.random.default_rng([seed, 1]).permutation(fresh).tolist():
        found = _fleet(seed, Bearing(int(machine[-3:]), HISTORY, TIMES))
        if end := _failure(found, machine):
            planted = {e.value.id for e in found.live if isinstance(e.value, Telemetry) and e.key == machine and e.value.cycle <= end.cycle}
            return replace(found, planted=frozenset(planted), at=(machine,))
    raise ValueError(f"no machine of seed {seed} fails in these days; take another seed")


def _fleet(seed: int, bearing: Bearing | None) -> World:
    return simulated("maintenance", seed, history=HISTORY, live=days(9), machines=MACHINES, bearing=bearing, imperfections=PERFECT)


def _fresh(found: World, machine: str) -> bool:
    """Whether its part was fitted in the last four days: it would have run on for days."""
    fitted = [e.at for e in found.history if isinstance(e.value, Replacement) and e.key == machine]
    return bool(fitted) and max(fitted) > BEGINS - days(4)


def _failure(found: World, machine: str) -> Ending | None:
    """The first end of a life there, if it is a failure within the live days."""
    ends = sorted((e for e in found.truth if e.machine_id == machine), key=lambda end: end.cycle)
    return ends[0] if ends and ends[0].kind == "failure" and ends[0].event_time < BEGINS + days(8) else None


@story(
    name="wearing-bearing",
    domain="maintenance",
    expects="the part is ordered before the bearing fails, and most other failures have their order too",
    lasts=75,
    speed=21_600,
    world=world,
)
def wearing_bearing(given: Given, when: When, then: Then) -> None:
    system = given(f"a running maintenance system with {MACHINES} machines and {HISTORY} days of history")
    when("a bearing begins to wear faster, and nine days pass", system.live)
    then("cycles without a decision", system.undecided, exactly(0), within=90)
    then("cycles decided twice", system.repeated, exactly(0))
    then("cycles between the order and the failure", lambda: _ahead(system), at_least(3))
    then("share of the fleet's failures that had an order", lambda: ordered_share(system), at_least(0.8))
    then("share of these whose part came in time", lambda: foreseen_share(system), at_least(0.6))
    then("failures in all", lambda: len(failures(system)), at_least(3))


def _ahead(system: System) -> int:
    """Cycles from the first order for the planted machine's part to its failure; 0 without one."""
    machine = system.world.at[0]
    last = max(int(name.rpartition(":")[2]) for name in system.world.planted)
    orders = [d for d in system.decisions.values() if d.key == machine and d.context.get("order") and cycle_of(d) <= last]
    return last - min((cycle_of(d) for d in orders), default=last)
