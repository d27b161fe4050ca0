"""A burst of leaked cards: in one night thieves pay with many cards, several times and much. Most of the money is stopped while they do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from apps.scenario import Given, Then, When, World, at_least, at_most, days, exactly, hours, story
from apps.scenario_business import blocked_share, of_planted, stopped
from apps.scenario_world import BEGINS, joined, simulated
from domain.contract import Emission
from domain.fraud.events import Payment, label_of
from domain.fraud.simulator import LABEL_DELAY

CARDS, TIMES, FACTOR = 12, 6, 5.0  # cards, payments with each, and their amount against the card's usual
NIGHT = BEGINS + days(2)


def world(seed: int) -> World:
    """Four days of payments, and in the third night a burst of others' payments with twelve cards."""
    found, rng = simulated("fraud", seed, history=30, live=days(4), customers=120, terminals=240), np.random.default_rng([seed, 1])
    payments = [e.value for e in [*found.history, *found.live] if isinstance(e.value, Payment)]
    usual: dict[str, list[Payment]] = {}
    for payment in payments:
        usual.setdefault(payment.customer_id, []).append(payment)
    busy = sorted(customer for customer, own in usual.items() if len(own) >= 20)
    cards = [busy[int(i)] for i in rng.choice(len(busy), CARDS, replace=False)]
    stolen = [_stolen(card, number, usual[card], rng) for card in cards for number in range(TIMES)]
    labels = [label_of(payment, True, payment.event_time + LABEL_DELAY) for payment in stolen]
    more = joined(found, [Emission(p.event_time, "events", p.key, p) for p in stolen], labels)
    return replace(more, planted=frozenset(p.id for p in stolen), at=tuple(cards))


def _stolen(card: str, number: int, usual: list[Payment], rng: np.random.Generator) -> Payment:
    mean = sum(payment.amount for payment in usual) / len(usual)
    like = usual[int(rng.integers(len(usual)))]
    return Payment(
        transaction_id=f"{like.transaction_id}-stolen-{number}",
        event_time=NIGHT + timedelta(seconds=int(rng.integers(4 * 3_600))),
        customer_id=card,
        terminal_id=like.terminal_id,
        amount=round(float(mean * FACTOR * rng.uniform(0.7, 1.3)), 2),
        merchant_category=like.merchant_category,
    )


@story(
    name="leaked-cards",
    domain="fraud",
    expects="most of the stolen money is stopped in the same night, and the other customers' payments go through",
    lasts=60,
    speed=14_400,
    world=world,
)
def leaked_cards(given: Given, when: When, then: Then) -> None:
    system = given("a running fraud system with 120 customers and a month of history")
    when("four days of payments come", lambda: system.until(NIGHT))
    when(f"in a night thieves pay {TIMES} times with each of {CARDS} cards", lambda: system.until(NIGHT + hours(4)))
    when("the last payments have come", system.finish)
    then("payments without a decision", system.undecided, exactly(0), within=60)
    then("payments decided twice", system.repeated, exactly(0))
    then("stolen payments", lambda: len(of_planted(system)), exactly(CARDS * TIMES))
    then("share of the stolen money that was stopped", lambda: stopped(system, of_planted(system)), at_least(0.7))
    then("share of good payments that were blocked", lambda: blocked_share(system), at_most(0.03))
