"""The features of a payment, computed the slow and obvious way from all payments and labels: no state, no windows kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from domain.fraud.events import Label, Payment
from domain.fraud.features import CATEGORIES
from domain.history import identity

NAN = math.nan
DAYS = (1, 7, 30)


def row(payment: Payment, payments: Sequence[Payment], labels: Sequence[Label]) -> list[float]:
    """The row of ``payment`` given every payment of its customer and every label of its terminal, in any order."""
    now = _second(payment.event_time)
    earlier = sorted({(_second(p.event_time), identity(p.transaction_id), round(p.amount * 100)) for p in payments if p.id != payment.id})
    earlier = [e for e in earlier if e[0] < now]
    known = sorted((at, verdict) for at, verdict in _known(labels).values() if at <= now)
    calendar = [payment.amount, float(now.hour), float(now.hour < 6), float(now.weekday() >= 5)]
    category = NAN if payment.merchant_category is None else -1.0
    if payment.merchant_category in CATEGORIES:
        category = float(CATEGORIES.index(payment.merchant_category))
    return [
        *calendar,
        *_customer(now, round(payment.amount * 100), earlier),
        *_terminal(now, _in_order(labels, now), bool(known)),
        category,
    ]


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _known(labels: Sequence[Label]) -> dict[str, tuple[datetime, bool]]:
    """When each payment's outcome counts: a chargeback overrules an all-clear, else the earliest label; from the full hour after."""
    found: dict[str, tuple[datetime, bool]] = {}
    for label in labels:
        at = max(_second(label.event_time), _second(label.payment_time) + timedelta(days=7))
        hour = at.replace(minute=0, second=0)
        at = hour if hour == at else hour + timedelta(hours=1)
        before = found.get(label.transaction_id)
        if before is None or (label.fraud, -at.timestamp()) > (before[1], -before[0].timestamp()):
            found[label.transaction_id] = (at, label.fraud)
    return found


def _in_order(labels: Sequence[Label], now: datetime) -> list[tuple[float, bool]]:
    """(age in days, fraud) of what is known by now, newest first."""
    found = [(at, identity(name), fraud) for name, (at, fraud) in _known(labels).items() if at <= now]
    return [((now - at).total_seconds() / 86_400, fraud) for at, _, fraud in sorted(found, reverse=True)]


def _customer(now: datetime, cents: int, earlier: list[tuple[datetime, int, int]]) -> list[float]:
    if not earlier:
        return [NAN] * 14
    found: list[float] = []
    for days in DAYS:
        window = [c for at, _, c in earlier if now - at < timedelta(days=days)]
        mean = sum(window) / len(window) / 100 if window else NAN
        found += [float(len(window)), mean, cents / 100 / mean if window and mean > 0 else NAN]
    found.append((now - earlier[-1][0]).total_seconds() / 3600)
    month = [(now - at, c) for at, _, c in earlier if now - at < timedelta(days=30)]
    return found + _leak(cents, month)


def _leak(cents: int, month: list[tuple[timedelta, int]]) -> list[float]:
    if not month:
        return [NAN] * 4
    usual = float(median(c for _, c in month))
    for _ in range(3):
        kept = [c for _, c in month if c <= 2.6 * usual]
        usual = sum(kept) / len(kept) if kept else 0.0
    if usual <= 0:
        return [NAN] * 4
    evidence, far, since = 0.0, 0.0, NAN
    for age, c in reversed(month):
        if age >= timedelta(days=14):
            break
        times = c / usual
        ratio = 0.5 * ((times - 1) / 0.5) ** 2 - 0.5 * ((times - 5) / 2.5) ** 2 - math.log(5.0)
        evidence += math.log((2 + math.exp(min(ratio, 8.0))) / 3)
        far += times > 4.0
        since = age.total_seconds() / 86_400 if times > 2.6 else since
    return [cents / usual, evidence, far, since]


def _terminal(now: datetime, known: list[tuple[float, bool]], any_known: bool) -> list[float]:
    if not any_known:
        return [NAN] * 11
    found: list[float] = []
    for days in DAYS:
        window = [fraud for age, fraud in known if age < days]
        found += [float(len(window)), sum(window) / len(window) if window else NAN]
    recent = [(age, fraud) for age, fraud in known if age < 31]
    frauds = [i for i, (_, fraud) in enumerate(recent) if fraud]
    if not frauds:
        return found + [NAN] * 5
    newest = frauds[0]
    end = next((i for i in range(newest, len(recent)) if not recent[i][1]), len(recent))
    first, clear = recent[end - 1][0] + 7, (recent[end][0] if end < len(recent) else 31.0) + 7
    chance = 1.0 if clear <= 28 else (28 - min(first, 28)) / max(clear - first, 1e-3)
    return [*found, recent[newest][0], float(newest), float(end - newest), recent[end - 1][0], 0.0 if newest else chance]
