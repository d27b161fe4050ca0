"""What the decisions on payments were worth: money stopped, money lost, good customers held up."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import datetime
from typing import NamedTuple, TypeVar

from domain.decision import Decision
from domain.fraud.events import Label

V = TypeVar("V")
REMEMBERED = 200_000  # payments, and as many labels, that wait for each other


class _Payment(NamedTuple):
    action: str
    amount: float


class FraudLedger:
    """Joins decisions and labels by the payment's id, whichever comes first; each counts once."""

    def __init__(self) -> None:
        self._payments: OrderedDict[str, _Payment] = OrderedDict()
        self._labels: OrderedDict[str, bool] = OrderedDict()
        self._added: dict[str, float] = defaultdict(float)

    def decided(self, decision: Decision) -> None:
        """Take in a decision; a repeated one changes nothing."""
        if decision.decision_id in self._payments:
            return
        payment = _Payment(decision.action, float(decision.context.get("amount") or 0.0))
        _remember(self._payments, decision.decision_id, payment)
        self._added["payments"] += 1
        if decision.decision_id in self._labels:
            self._join(payment, self._labels[decision.decision_id], 1)

    def learned(self, label: Label) -> None:
        """Take in a late label; analysts' verdicts change nothing.

        A chargeback after an all-clear overrules it; repeats and all-clears after a chargeback change nothing.
        """
        if not label.late:
            return
        before = self._labels.get(label.transaction_id)
        if before is label.fraud or before:
            return
        payment = self._payments.get(label.transaction_id)
        if payment and before is not None:
            self._join(payment, before, -1)
        _remember(self._labels, label.transaction_id, label.fraud)
        if payment:
            self._join(payment, label.fraud, 1)

    def passed(self, now: datetime) -> None:
        """A payment waits for nothing but its label."""

    def take(self) -> dict[str, float]:
        """What was added since the last time: payments and amounts, in units of the account's currency."""
        taken, self._added = {name: value for name, value in self._added.items() if value}, defaultdict(float)
        return taken

    def _join(self, payment: _Payment, fraud: bool, sign: int) -> None:
        let_through = payment.action == "approve"
        kind = ("missed" if let_through else "stopped") if fraud else ("good approved" if let_through else "good held up")
        self._added[f"{kind} payments"] += sign
        self._added[f"{kind} amount"] += sign * payment.amount


def _remember(memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
