"""Concept drift healed by the loop: frauds change; it is noticed, learned, proven better and decided by, while nobody looks."""

from __future__ import annotations

import math
from datetime import datetime

from apps.scenario import Given, System, Then, When, World, at_least, days, exactly, share, story
from apps.scenario_business import how_many
from apps.scenario_world import BEGINS, simulated

HISTORY, DRIFT, DAYS = 45, 60, 90  # days: sent at once; until frauds change; live at most
CUSTOMERS = 800
CHANGED = BEGINS + days(DRIFT - HISTORY)
JUDGED = 12  # days that the new champion is judged on


def world(seed: int) -> World:
    """Three months of payments, in which the thieves of leaked cards turn from large amounts by day to small ones by night."""
    sizes = {"customers": CUSTOMERS, "terminals": 2 * CUSTOMERS}
    return simulated("fraud", seed, history=HISTORY, live=days(DAYS), drift_after_days=DRIFT, **sizes)


@story(
    name="concept-drift",
    domain="fraud",
    expects="the model's precision falls, the loop trains a better one and promotes it, and most of the precision is back",
    lasts=480,
    speed=86_400,
    world=world,
)
def concept_drift(given: Given, when: When, then: Then) -> None:
    system = given(f"a fraud system with {CUSTOMERS:,} customers, its measures of quality, its shadow and its loop", beside=_BESIDE)
    calm: dict[str, int] = {}

    def pass_calmly() -> None:
        system.patiently(CHANGED)
        calm.update({what: system.happened(what) for what in ("drift", "promoted")})

    when("two weeks pass as before", pass_calmly)
    when("frauds change", lambda: system.patiently(CHANGED + days(14)))
    then("alarms of drift", lambda: system.happened("drift") - calm["drift"], at_least(1), within=600)
    then("promotions of a model that learned since", lambda: system.happened("promoted") - calm["promoted"], at_least(1), within=900)
    then("payments that it decided", lambda: _by_new(system), at_least(1), within=120)
    when("it decides for some days", lambda: system.patiently(_swapped(system) + days(JUDGED)))
    when("the source stops", system.halt)
    then("payments without a decision", system.undecided, exactly(0), within=120)
    then("payments decided twice", system.repeated, exactly(0))
    then("average precision before the change", lambda: _before(system), at_least(0.3))
    then("share of it that was lost until the new champion", lambda: 1 - share(_fallen(system), _before(system)), at_least(0.3))
    then("share of it that came back", lambda: share(_after(system), _before(system)), at_least(0.7))


_BESIDE = ("quality", "shadow", "loop")


def _swapped(system: System) -> datetime:
    """When the first model that learned since the change decided its first payment."""
    return min((d.event_time for d in system.decisions.values() if d.model_version != system.champion), default=BEGINS + days(DAYS))


def _by_new(system: System) -> int:
    return how_many(system, lambda decision: decision.model_version != system.champion)


def _before(system: System) -> float:
    return _precision(system, BEGINS, CHANGED)


def _fallen(system: System) -> float:
    return _precision(system, CHANGED + days(3), _swapped(system))


def _after(system: System) -> float:
    return _precision(system, _swapped(system), datetime.max.replace(tzinfo=BEGINS.tzinfo))


def _precision(system: System, first: datetime, end: datetime) -> float:
    """The average precision of what was decided in these days, judged by the truth; nan where there was no fraud."""
    from sklearn.metrics import average_precision_score  # noqa: PLC0415  # a second, for who only lists the stories

    fraud = {label.transaction_id: label.fraud for label in system.world.truth}
    rows = [(fraud[name], d.score) for name, d in system.decisions.items() if first <= d.event_time < end and name in fraud]
    return float(average_precision_score(*zip(*rows, strict=True))) if any(found for found, _ in rows) else math.nan
