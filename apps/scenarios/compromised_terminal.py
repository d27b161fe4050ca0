"""A compromised terminal: whoever pays there is robbed. The first chargebacks tell of it, a week later; then it is stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from apps.scenario import Given, System, Then, When, World, at_least, at_most, days, exactly, story
from apps.scenario_business import blocked_share, of_planted, stopped
from apps.scenario_world import BEGINS, simulated
from domain.contract import Emission
from domain.fraud.events import Label, Payment

FIRST = BEGINS + days(1)  # from then on
KNOWN = FIRST + days(9)  # two days after the first chargebacks


def world(seed: int) -> World:
    """Twenty days of payments; those at one busy terminal are frauds from the second day on."""
    found = simulated("fraud", seed, history=30, live=days(20), customers=120, terminals=60)
    terminal = _busy(found, seed)
    live = [_robbed(e, terminal) for e in found.live]
    truth = [_charged(label, terminal) for label in found.truth]
    planted = {e.value.id for e in live if isinstance(e.value, Payment) and e.value.terminal_id == terminal and e.value.event_time >= FIRST}
    return replace(found, live=live, truth=truth, planted=frozenset(planted), at=(terminal,))


def _busy(found: World, seed: int) -> str:
    """One of the ten terminals where most is paid."""
    there = [e.value.terminal_id for e in found.live if isinstance(e.value, Payment)]
    busiest = sorted(set(there), key=lambda terminal: (-there.count(terminal), terminal))[:10]
    return busiest[int(np.random.default_rng([seed, 1]).integers(len(busiest)))]


def _robbed(emission: Emission, terminal: str) -> Emission:
    return emission._replace(value=_charged(emission.value, terminal)) if isinstance(emission.value, Label) else emission


def _charged(label: Label, terminal: str) -> Label:
    """The label of a payment there: a chargeback."""
    there = label.terminal_id == terminal and label.payment_time >= FIRST
    return label.model_copy(update={"verdict": "chargeback"}) if there else label


@story(
    name="compromised-terminal",
    domain="fraud",
    expects="once the first chargebacks are known, most of the money that is paid at the terminal is stopped, and few others are held up",
    lasts=90,
    speed=43_200,
    world=world,
)
def compromised_terminal(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 120 customers, 60 terminals and a month of history")
    when("one terminal is compromised, and twenty days of payments come", system.live)
    then("payments without a decision", system.undecided, exactly(0), within=90)
    then("payments decided twice", system.repeated, exactly(0))
    then("frauds at the terminal after it could be known", lambda: len(_there(system, KNOWN)), at_least(10))
    then("share of their money that was stopped", lambda: stopped(system, _there(system, KNOWN)), at_least(0.7))
    then("share of good payments elsewhere that were blocked", lambda: blocked_share(system), at_most(0.03))
    then("money stopped in all", lambda: system.worth("stopped amount"), at_least(1), unit=" units")


def _there(system: System, since: datetime) -> set[str]:
    return {name for name, decision in of_planted(system).items() if decision.event_time >= since}
