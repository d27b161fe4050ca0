"""The policy takes the cheapest action, by stated costs; its threshold is where approving stops being that."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fraud.events import Payment
from domain.fraud.policy import Costs, FraudPolicy

COSTS = st.builds(
    Costs,
    chargeback_fee=st.floats(0, 100), blocked_customer=st.floats(0.01, 500), analyst=st.floats(0.01, 50),
    delayed_customer=st.floats(0, 20), caught_by_review=st.floats(0, 1),
)  # fmt: skip
AMOUNTS = st.floats(0, 1e7)


def payment(amount: float) -> Payment:
    return Payment(transaction_id="p", event_time=datetime(2026, 1, 1, tzinfo=UTC), customer_id="c", terminal_id="t", amount=amount)


def expected_cost(c: Costs, action: str, p: float, amount: float) -> float:
    """What an action costs on average, written out by outcome."""
    missed = amount + c.chargeback_fee
    if action == "approve":
        return p * missed
    if action == "block":
        return (1 - p) * c.blocked_customer
    return c.analyst + (1 - p) * c.delayed_customer + p * (1 - c.caught_by_review) * missed


@given(COSTS, AMOUNTS, st.floats(0, 1))
def test_no_other_action_is_cheaper(costs: Costs, amount: float, p: float) -> None:
    verdict = FraudPolicy(costs).judge((p,), payment(amount))
    chosen = expected_cost(costs, verdict.action, p, amount)
    cheapest = min(expected_cost(costs, action, p, amount) for action in ("approve", "review", "block"))
    assert chosen <= cheapest + 1e-6 * max(1.0, abs(cheapest))


@given(COSTS, AMOUNTS)
def test_the_threshold_is_where_approving_ends(costs: Costs, amount: float) -> None:
    policy = FraudPolicy(costs)
    threshold = policy.judge((0.0,), payment(amount)).threshold
    assert 0 < threshold <= 1
    assert policy.judge((math.nextafter(threshold, 0),), payment(amount)).action == "approve"
    if threshold < 1:
        at = policy.judge((threshold,), payment(amount))
        assert (at.action != "approve", at.alert) == (True, True)


@pytest.mark.parametrize(
    ("amount", "p", "action"), [(20, 0.02, "approve"), (20, 0.3, "review"), (20, 0.99, "block"), (500, 0.02, "review")]
)
def test_each_action_is_taken_where_it_should_be(amount: float, p: float, action: str) -> None:
    assert FraudPolicy().judge((p,), payment(amount)).action == action


def test_a_larger_payment_is_looked_at_sooner() -> None:
    thresholds = [FraudPolicy().judge((0.5,), payment(a)).threshold for a in (1, 10, 100, 1000)]
    assert thresholds == sorted(thresholds, reverse=True)
