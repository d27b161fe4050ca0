"""The features of a payment: one incremental definition, for the live stream and, by replay, for training.

Keyed state is the customer's payments (``domain.history``); ``learn`` collects, for every terminal, what labels said.
A window of w days at a payment's time t holds what happened in (t - w, t). Of a terminal it holds what *became known*
in that time, at the earliest ``LABEL_DELAY`` after the payment that the label speaks of. A label counts from the full hour
after it became known, so a decision never hangs on a race between the two topics.
"""

from __future__ import annotations

import math

import numpy as np

from domain.contract import Computed, MalformedEvent
from domain.fraud.events import Label, Payment
from domain.fraud.kernels import CONFLICT, DAYS, LEAK_DAYS, LENGTH, REPEATED, learn, observe
from domain.history import EMPTY, Entries, decode, identity, seconds
from domain.schema import Feature, FeatureSchema

CATEGORIES = ("grocery", "fuel", "restaurant", "travel", "electronics", "fashion", "health", "online", "cash", "other")

SCHEMA = FeatureSchema((
    Feature("amount", description="amount of this payment"),
    Feature("hour", description="hour of the day, UTC"),
    Feature("night", description="1 from midnight to 6 o'clock"),
    Feature("weekend", description="1 on Saturday and Sunday"),
    *(f for d in DAYS for f in (
        Feature(f"customer_count_{d}d", description=f"the customer's earlier payments within {d} days"),
        Feature(f"customer_mean_{d}d", description=f"their mean amount within {d} days"),
        Feature(f"amount_to_mean_{d}d", description=f"this amount divided by that mean, {d} days"),
    )),
    Feature("hours_since_last", description="hours since the customer's last payment"),
    Feature("amount_to_usual", description="this amount divided by the customer's usual one: their mean in 30 days without outliers"),
    Feature("leak_evidence", description=f"log likelihood ratio of a leaked card from the amounts of {LEAK_DAYS} days"),
    Feature("far_count", description=f"the customer's payments of more than 4 times the usual amount within {LEAK_DAYS} days"),
    Feature("days_since_unusual", description=f"days since the first payment of more than 2.6 times the usual one within {LEAK_DAYS} days"),
    *(f for d in DAYS for f in (
        Feature(f"terminal_count_{d}d", description=f"payments at the terminal whose outcome became known within {d} days"),
        Feature(f"terminal_fraud_rate_{d}d", description=f"share of frauds among them, {d} days"),
    )),
    Feature("terminal_days_since_fraud", description="days since a fraud at the terminal last became known"),
    Feature("terminal_clears", description="all-clears at the terminal since then"),
    Feature("terminal_run", description="frauds in a row at the terminal, the newest ones"),
    Feature("terminal_run_days", description="days since the first of them became known"),
    Feature("terminal_compromised", description="chance that the terminal is still compromised, from when that row began"),
    Feature("merchant_category", "categorical", CATEGORIES, "the merchant's line of business"),
))  # fmt: skip


class FraudFeatures:
    """Computes a payment's row from its customer's state and from the terminals' labels learned so far."""

    schema = SCHEMA

    def __init__(self) -> None:
        """Compiles the kernels, or takes them from numba's cache on disk, so that the first payment does not wait for it."""
        self._terminals: dict[str, Entries] = {}
        self._row = np.empty(LENGTH)
        observe(decode(None), learn(EMPTY, 0, 0, False, 0), 0, 0, 0, self._row)

    def learn(self, label: Label) -> None:
        """Take in what became known of a payment. A repeated label changes nothing; a chargeback overrules an all-clear.

        An analyst's verdict is left out: rates at a terminal are shares of all its payments, and alerts are a sample that the model picked.
        The late label of the same payment counts from seven days after it, which is as soon as any label does.
        """
        if not label.late:
            return
        times = seconds(label.event_time), seconds(label.payment_time)
        terminal = self._terminals.get(label.terminal_id, EMPTY)
        self._terminals[label.terminal_id] = learn(terminal, *times, label.fraud, identity(label.transaction_id))

    def compute(self, event: Payment, state: bytes | None) -> Computed:
        """The payment's row and the customer's state with it.

        Raises ``MalformedEvent`` where the state holds another payment under the same transaction id.
        """
        terminal = self._terminals.get(event.terminal_id, EMPTY)
        cents, ident = round(event.amount * 100), identity(event.transaction_id)
        after, status = observe(decode(state), terminal, seconds(event.event_time), cents, ident, self._row)
        if status == CONFLICT:
            raise MalformedEvent("conflicting-duplicate", f"payment {event.transaction_id}: seen before with another time or amount")
        row = self._row.tolist()
        row[0] = event.amount
        row.append(SCHEMA.code("merchant_category", event.merchant_category))
        if status == REPEATED:
            return Computed(row, state or b"", True)
        return Computed(row, after.tobytes(), False)


def phrase(name: str, value: float, label: str | None = None) -> str:
    """A feature's value in words, as an analyst would say it."""
    window = name.rsplit("_", 1)[-1].removesuffix("d")
    if math.isnan(value):
        return f"nothing known yet: {name.replace('_', ' ')}"
    for prefix, text in _PHRASES.items():
        if name.startswith(prefix):
            return text.format(v=value, days=window, label=label or "unknown")
    return f"{name.replace('_', ' ')} is {label or format(value, 'g')}"


_PHRASES = {
    "amount_to_usual": "{v:.1f} times the customer's usual amount",
    "amount_to_mean": "{v:.1f} times the customer's mean amount of the last {days} days",
    "amount": "amount of {v:.2f}",
    "hours_since_last": "{v:.1f} hours after the customer's last payment",
    "leak_evidence": "recent amounts look like a leaked card (log likelihood ratio {v:.1f})",
    "far_count": "{v:.0f} payments far above the customer's usual amount in 14 days",
    "days_since_unusual": "the customer's amounts became unusual {v:.1f} days ago",
    "customer_count": "{v:.0f} payments by the customer in {days} days",
    "customer_mean": "the customer's mean amount in {days} days is {v:.2f}",
    "terminal_fraud_rate": "{v:.0%} known frauds at this terminal in {days} days",
    "terminal_count": "{v:.0f} payments at this terminal with a known outcome in {days} days",
    "terminal_clears": "{v:.0f} good payments at this terminal since its last known fraud",
    "terminal_run_days": "the frauds in a row at this terminal began to be known {v:.1f} days ago",
    "terminal_run": "{v:.0f} known frauds in a row at this terminal",
    "terminal_compromised": "chance of {v:.0%} that this terminal is still compromised",
    "terminal_days_since_fraud": "a fraud at this terminal became known {v:.1f} days ago",
    "merchant_category": "merchant category {label}",
    "hour": "at {v:.0f} o'clock UTC",
}
