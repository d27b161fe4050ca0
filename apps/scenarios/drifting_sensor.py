"""A sensor that drifts: what one machine's sensor says moves away, bit by bit, from what is. Nobody orders parts for nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from apps.scenario import Given, System, Then, When, World, at_least, at_most, days, exactly, story
from apps.scenario_business import foreseen_share, ordered_share
from apps.scenario_world import BEGINS, simulated
from domain.contract import Emission
from domain.maintenance.events import Telemetry, cycle_of
from domain.maintenance.simulator import PERFECT
from domain.maintenance.wear import NOISE

MACHINES, HISTORY, SENSOR = 30, 12, 11  # the sensor counts from 1; it is one of many that show fouling
A_DAY = 0.8  # how far it drifts, in units of its noise


def world(seed: int) -> World:
    """Seven days of a fleet, and one machine whose sensor drifts all the while."""
    found = simulated("maintenance", seed, history=HISTORY, live=days(7), machines=MACHINES, imperfections=PERFECT)
    machines = sorted({e.key for e in found.live})
    machine = machines[int(np.random.default_rng([seed, 1]).integers(len(machines)))]
    live = [_drifted(e) if e.key == machine and isinstance(e.value, Telemetry) else e for e in found.live]
    planted = {e.value.id for e in live if e.key == machine and isinstance(e.value, Telemetry)}
    return replace(found, live=live, planted=frozenset(planted), at=(machine,))


def _drifted(emission: Emission) -> Emission:
    telemetry, passed = emission.value, (emission.value.event_time - BEGINS) / days(1)
    sensors = list(telemetry.sensors)
    if sensors[SENSOR - 1] is not None:
        sensors[SENSOR - 1] += A_DAY * passed * float(NOISE[SENSOR - 1])
    return emission._replace(value=telemetry.model_copy(update={"sensors": tuple(sensors)}))


@story(
    name="drifting-sensor",
    domain="maintenance",
    expects="the machine's cycles are all judged, it gets at most one order for nothing, and the fleet's failures are foreseen as before",
    lasts=70,
    speed=17_280,
    world=world,
)
def drifting_sensor(given: Given, when: When, then: Then) -> None:
    system = given(f"a running maintenance system with {MACHINES} machines and {HISTORY} days of history")
    when("a sensor of one machine begins to drift, and a week passes", system.live)
    then("cycles without a decision", system.undecided, exactly(0), within=90)
    then("cycles decided twice", system.repeated, exactly(0))
    then("orders for that machine with much of its part's life left", lambda: _for_nothing(system), at_most(1))
    then("share of the fleet's failures that had an order", lambda: ordered_share(system), at_least(0.8))
    then("share of these whose part came in time", lambda: foreseen_share(system), at_least(0.6))
    then("orders for nothing in the fleet", lambda: system.worth("false orders"), at_most(MACHINES / 5))


def _for_nothing(system: System) -> int:
    """Orders whose part then ran on for more than three lead times."""
    machine = system.world.at[0]
    ends = sorted(end.cycle for end in system.world.truth if end.machine_id == machine)
    orders = [d for d in system.decisions.values() if d.key == machine and d.action == "order"]
    left = [next((end for end in ends if end >= cycle_of(d)), cycle_of(d)) - cycle_of(d) for d in orders]
    return sum(cycles > 3 * d.threshold for cycles, d in zip(left, orders, strict=True))
