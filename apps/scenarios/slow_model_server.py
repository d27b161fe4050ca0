"""A model server that hangs: payments do not wait for it, the average decides and says so, and the model is back when its server is."""

from __future__ import annotations

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, hours, story
from apps.scenario_business import how_many
from apps.scenario_world import BEGINS, simulated
from models.decide import FALLBACK

HANGS = 15.0  # seconds


def world(seed: int) -> World:
    """Six days of payments."""
    return simulated("fraud", seed, history=4, live=days(6), customers=60, terminals=120)


@story(
    name="slow-model-server",
    domain="fraud",
    expects="while the server hangs the average decides, in time; afterwards the model does; every payment gets exactly one decision",
    lasts=70,
    speed=14_400,
    world=world,
)
def slow_model_server(given: Given, when: When, then: Then) -> None:
    system = given("a fraud system with 60 customers whose model is behind a server", served="pfa")
    back = 0

    def thaw() -> None:
        nonlocal back
        system.thaw("server")
        back = _by_model(system)

    when("payments come for a day", lambda: system.until(BEGINS + hours(24)))
    then("payments that the model decided", lambda: _by_model(system), at_least(10), within=30)
    when("the server hangs", lambda: system.freeze("server"))
    when(f"{HANGS:.0f} seconds pass", lambda: system.passes(HANGS))
    then("payments that the average decided, and said so", lambda: _by_average(system), at_least(10), within=30)
    when("the server answers again", thaw)
    then("payments that the model decided since then", lambda: _by_model(system) - back, at_least(10), within=40)
    when("the last payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=60)
    then("payments decided twice", system.repeated, exactly(0))
    then("share of payments answered within ten deadlines (a second)", lambda: system.in_time(10), at_least(0.9), within=5)


def _by_model(system: System) -> int:
    return how_many(system, lambda decision: decision.format != FALLBACK)


def _by_average(system: System) -> int:
    return how_many(system, lambda decision: decision.format == FALLBACK)
