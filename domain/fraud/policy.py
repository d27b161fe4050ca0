"""From the probability of fraud to approve, review or block: whichever is expected to cost least.

The method is Bayes-minimum-risk with a payment's own amount as the cost of missing it (Bahnsen et al., "Cost Sensitive
Credit Card Fraud Detection Using Bayes Minimum Risk", ICMLA 2013), with an analyst's review as a third way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.contract import NOTHING, Judged, Verdict
from domain.terms import Term


@dataclass(frozen=True)
class Costs:
    """What an outcome costs, in units of the account's currency."""

    chargeback_fee: float = 20.0  # beside the amount itself, when a fraud goes through
    blocked_customer: float = 40.0  # a good customer turned away: lost margin, a call, sometimes the account
    analyst: float = 5.0  # one review: some five minutes of work
    delayed_customer: float = 1.0  # a good customer made to wait for the review
    caught_by_review: float = 0.9  # share of reviewed frauds that the analyst stops


TERMS = (
    Term("chargeback_fee", Costs.chargeback_fee, 0, 500, 1, "currency", "What a fraud that goes through costs beside its amount."),
    Term("blocked_customer", Costs.blocked_customer, 1, 1_000, 1, "currency", "What it costs to turn a good customer away."),
    Term("analyst", Costs.analyst, 0, 200, 0.5, "currency", "What one review by an analyst costs."),
    Term("delayed_customer", Costs.delayed_customer, 0, 100, 0.5, "currency", "What it costs to let a good customer wait for a review."),
    Term("caught_by_review", Costs.caught_by_review, 0, 1, 0.01, "share", "How many of the reviewed frauds the analyst stops."),
)


class FraudPolicy:
    """Judges one probability against the costs of its payment."""

    remembers = False

    def __init__(self, costs: Costs | None = None) -> None:
        self.costs = costs or Costs()

    def judge(self, scores: Sequence[float], event: Judged, facts: Mapping[str, Any] = NOTHING, memory: bytes | None = None) -> Verdict:
        """The cheapest action at this probability; ``threshold`` is the probability from which it is not approved.

        Each action's expected cost is a line in the probability: approving costs ``p * missed``; a review its work, and what
        it misses or delays; blocking ``(1 - p) * blocked_customer``.
        """
        c, p = self.costs, scores[0]
        missed = float(event.context["amount"] or 0.0) + c.chargeback_fee
        review, slope = c.analyst + c.delayed_customer, (1 - c.caught_by_review) * missed - c.delayed_customer
        from_review = review / (missed - slope) if missed > slope else 1.0
        threshold = min(from_review, c.blocked_customer / (missed + c.blocked_customer), 1.0)
        if p < threshold:
            return Verdict("approve", False, p, threshold)
        action = "review" if review + slope * p < (1 - p) * c.blocked_customer else "block"
        return Verdict(action, True, p, threshold)
