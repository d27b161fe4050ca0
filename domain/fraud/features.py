"""The features of a payment: one incremental definition, for the live stream and, by replay, for training.

Keyed state is the customer's payments (``domain.fraud.history``); ``learn`` collects, for every terminal, what labels said.
A window of w days at a payment's time t holds what happened in (t - w, t]. Of a terminal it holds what *became known*
in that time, at the earliest ``LABEL_DELAY`` after the payment that the label speaks of. A label counts from the full hour
after it became known, so a decision never hangs on a race between the two topics.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from domain.contract import Computed, MalformedEvent
from domain.fraud.events import Label, Payment
from domain.fraud.history import DAY, NEVER, Entries, decode, find, identity, latest, remember, seconds, summarise
from domain.schema import MISSING, Feature, FeatureSchema

DAYS = (1, 7, 30)
LABEL_DELAY = 7 * DAY
LATENESS = DAY  # a payment up to this much late still finds every window complete
CAPACITY = 256  # of a customer's payments; a busier customer's windows hold the newest 256
TERMINAL_CAPACITY = 2048  # of a terminal's labels, likewise
CATEGORIES = ("grocery", "fuel", "restaurant", "travel", "electronics", "fashion", "health", "online", "cash", "other")
_SPANS = np.array([d * DAY for d in DAYS], dtype=np.int64)
_SPAN = DAYS[-1] * DAY + LATENESS
_LAST_ID = 2**63 - 1
_HOUR = 3600

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
    *(f for d in DAYS for f in (
        Feature(f"terminal_count_{d}d", description=f"payments at the terminal whose outcome became known within {d} days"),
        Feature(f"terminal_fraud_rate_{d}d", description=f"share of frauds among them, {d} days"),
    )),
    Feature("terminal_days_since_fraud", description="days since a fraud at the terminal last became known"),
    Feature("merchant_category", "categorical", CATEGORIES, "the merchant's line of business"),
))  # fmt: skip


class FraudFeatures:
    """Computes a payment's row from its customer's state and from the terminals' labels learned so far."""

    schema = SCHEMA

    def __init__(self) -> None:
        self._terminals: dict[str, Entries] = {}
        self._window = np.zeros((len(DAYS), 4))

    def learn(self, label: Label) -> None:
        """Take in what became known of a payment. A repeated label changes nothing; a chargeback overrules an all-clear."""
        known = max(seconds(label.event_time), seconds(label.payment_time) + LABEL_DELAY)
        known = -(-known // _HOUR) * _HOUR
        ident = identity(label.transaction_id)
        entries = self._terminals.get(label.terminal_id)
        entries = decode(None) if entries is None else entries
        before = find(entries, ident)
        if before.at >= 0:
            if (before.value, -before.time) >= (label.fraud, -known):
                return
            entries = np.delete(entries, before.at, axis=0)
        self._terminals[label.terminal_id] = remember(entries, known, int(label.fraud), ident, _SPAN, TERMINAL_CAPACITY)

    def compute(self, event: Payment, state: bytes | None) -> Computed:
        """The payment's row and the customer's state with it.

        Raises ``MalformedEvent`` where the state holds another payment under the same transaction id.
        """
        time, cents, ident = seconds(event.event_time), round(event.amount * 100), identity(event.transaction_id)
        entries = decode(state)
        before = find(entries, ident)
        if before.at >= 0 and (before.time, before.value) != (time, cents):
            raise MalformedEvent("conflicting-duplicate", f"payment {event.transaction_id}: seen before with another time or amount")
        row = [event.amount, *_calendar(event.event_time), *self._customer(entries, time, ident, event.amount)]
        row += self._terminal(event.terminal_id, time)
        row.append(SCHEMA.code("merchant_category", event.merchant_category))
        after = entries if before.at >= 0 else remember(entries, time, cents, ident, _SPAN, CAPACITY)
        return Computed(row, after.tobytes(), before.at >= 0)

    def _customer(self, entries: Entries, time: int, ident: int, amount: float) -> list[float]:
        last = latest(entries, time, ident, 0)
        if last == NEVER:
            return [MISSING] * (3 * len(DAYS) + 1)
        summarise(entries, time, ident, _SPANS, self._window)
        row: list[float] = []
        for count, cents, _, _ in self._window.tolist():
            mean = cents / count / 100 if count else MISSING
            row += (count, mean, amount / mean if mean else MISSING)
        return [*row, (time - last) / _HOUR]

    def _terminal(self, terminal_id: str, time: int) -> list[float]:
        entries = self._terminals.get(terminal_id)
        if entries is None or latest(entries, time, _LAST_ID, 0) == NEVER:
            return [MISSING] * (2 * len(DAYS) + 1)
        summarise(entries, time, _LAST_ID, _SPANS, self._window)
        row: list[float] = []
        for count, frauds, _, _ in self._window.tolist():
            row += (count, frauds / count if count else MISSING)
        last_fraud = latest(entries, time, _LAST_ID, 1)
        return [*row, (time - last_fraud) / DAY if last_fraud != NEVER else MISSING]


def _calendar(moment: datetime) -> tuple[float, float, float]:
    hour = moment.hour
    return float(hour), float(hour < 6), float(moment.weekday() >= 5)


def phrase(name: str, value: float, label: str | None = None) -> str:
    """A feature's value in words, as an analyst would say it."""
    window = name.rsplit("_", 1)[-1].removesuffix("d")
    if math.isnan(value):
        return f"nothing known yet: {name.replace('_', ' ')}"
    for prefix, text in _PHRASES.items():
        if name.startswith(prefix):
            return text.format(v=value, days=window, label=label)
    return f"{name.replace('_', ' ')} is {label or format(value, 'g')}"


_PHRASES = {
    "amount_to_mean": "{v:.1f} times the customer's mean amount of the last {days} days",
    "amount": "amount of {v:.2f}",
    "hours_since_last": "{v:.1f} hours after the customer's last payment",
    "customer_count": "{v:.0f} payments by the customer in {days} days",
    "customer_mean": "the customer's mean amount in {days} days is {v:.2f}",
    "terminal_fraud_rate": "{v:.0%} known frauds at this terminal in {days} days",
    "terminal_count": "{v:.0f} payments at this terminal with a known outcome in {days} days",
    "terminal_days_since_fraud": "a fraud at this terminal became known {v:.1f} days ago",
    "merchant_category": "merchant category {label}",
    "hour": "at {v:.0f} o'clock UTC",
}
