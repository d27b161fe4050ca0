"""From the probability of fraud to approve, review or block: whichever is expected to cost least.

The method is Bayes-minimum-risk with a payment's own amount as the cost of missing it (Bahnsen et al., "Cost Sensitive
Credit Card Fraud Detection Using Bayes Minimum Risk", ICMLA 2013), with an analyst's review as a third way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.contract import Verdict
from domain.fraud.events import Payment


@dataclass(frozen=True)
class Costs:
    """What an outcome costs, in units of the account's currency."""

    chargeback_fee: float = 20.0  # beside the amount itself, when a fraud goes through
    blocked_customer: float = 40.0  # a good customer turned away: lost margin, a call, sometimes the account
    analyst: float = 5.0  # one review: some five minutes of work
    delayed_customer: float = 1.0  # a good customer made to wait for the review
    caught_by_review: float = 0.9  # share of reviewed frauds that the analyst stops


class FraudPolicy:
    """Judges one probability against the costs of its payment."""

    def __init__(self, costs: Costs | None = None) -> None:
        self.costs = costs or Costs()

    def judge(self, scores: Sequence[float], event: Payment) -> Verdict:
        """The cheapest action at this probability; ``threshold`` is the probability from which it is not approved."""
        p = scores[0]
        lines = self._lines(event.amount)
        action = min(lines, key=lambda a: lines[a][0] + lines[a][1] * p)
        return Verdict(action, action != "approve", p, self._threshold(lines))

    def _lines(self, amount: float) -> dict[str, tuple[float, float]]:
        """Expected cost of each action as (cost at p = 0, slope in p)."""
        c = self.costs
        missed = amount + c.chargeback_fee
        return {
            "approve": (0.0, missed),
            "review": (c.analyst + c.delayed_customer, (1 - c.caught_by_review) * missed - c.delayed_customer),
            "block": (c.blocked_customer, -c.blocked_customer),
        }

    @staticmethod
    def _threshold(lines: dict[str, tuple[float, float]]) -> float:
        """Where the first other action becomes cheaper than approving; 1 if none does."""
        _, missed = lines["approve"]
        crossings = (start / (missed - slope) for start, slope in lines.values() if start > 0 and missed > slope)
        return min((p for p in crossings if p < 1), default=1.0)
