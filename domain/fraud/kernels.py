"""A payment's features from two histories, compiled: the customer's payments and what became known of the terminal.

Every function fills a stretch of the row and leaves NaN where there is no history. ``features.SCHEMA`` names the stretches.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.history import DAY, Entries, before, find, remember, time_of, value_of, without

Row = NDArray[np.float64]
DAYS: Final = (1, 7, 30)
CUSTOMER: Final = 4  # where the customer's features begin in the row
TERMINAL: Final = CUSTOMER + 3 * len(DAYS) + 5
LENGTH: Final = TERMINAL + 2 * len(DAYS) + 5  # less the category, which comes last
LATENESS: Final = DAY  # a payment up to this much late still finds every window complete
SPAN: Final = DAYS[-1] * DAY + LATENESS
CAPACITY: Final = 256  # of a customer's payments; a busier customer's windows hold the newest 256
UNUSUAL, FAR = 2.6, 4.0  # times the customer's usual amount
LEAK_DAYS: Final = 14  # how long a leaked card is used (Handbook, scenario 3)
COMPROMISED_DAYS: Final = 28.0  # how long a compromised terminal is (scenario 2)
LABEL_DELAY: Final = 7 * DAY
TERMINAL_CAPACITY: Final = 2048  # of a terminal's labels; a busier terminal's windows hold the newest 2,048
# Labels are kept for five months beyond the longest window: so far may one partition of a backlog run ahead of another.
# (After kills within a backlog of five months, unequally filled partitions were seen 71 days apart.)
TERMINAL_SPAN: Final = 182 * DAY
_HOUR: Final = 3600
_SHORT, _MIDDLE, _LONG = DAYS
_FIRST_ID = -(2**63)
NEW, REPEATED, CONFLICT = 0, 1, 2


@compiled
def observe(customer: Entries, terminal: Entries, time: int, cents: int, ident: int, row: Row) -> tuple[Entries, int]:
    """Fill the row of a payment at ``time``, less its amount; returns the customer's history with it, and if it was there before.

    ``CONFLICT``: the same id stands there with another time or amount; the row says nothing then.
    """
    row[:] = math.nan
    at = find(customer, ident)
    if at >= 0 and (time_of(customer[at, 0]) != time or value_of(customer[at, 0]) != cents):
        return customer, CONFLICT
    _calendar(time, row)
    _customer(customer, before(customer, time, _FIRST_ID), time, cents, row)  # payments of the same second do not see each other
    _terminal(terminal, time, row)
    if at >= 0:
        return customer, REPEATED
    return remember(customer, time, cents, ident, SPAN, CAPACITY), NEW


@compiled
def learn(terminal: Entries, label_time: int, payment_time: int, fraud: bool, ident: int) -> Entries:
    """The terminal's history with what a label says of the payment ``ident``; a chargeback overrules, the earlier label counts."""
    known = -(-max(label_time, payment_time + LABEL_DELAY) // _HOUR) * _HOUR
    at = find(terminal, ident)
    if at >= 0:
        was_fraud, was_known = value_of(terminal[at, 0]) > 0, time_of(terminal[at, 0])
        if was_fraud > fraud or (was_fraud == fraud and was_known <= known):
            return terminal
        terminal = without(terminal, at)
    return remember(terminal, known, int(fraud), ident, TERMINAL_SPAN, TERMINAL_CAPACITY)


@compiled
def _calendar(time: int, row: Row) -> None:
    hour = time // 3600 % 24
    row[1] = hour
    row[2] = 1.0 if hour < 6 else 0.0
    row[3] = 1.0 if time // DAY % 7 < 2 else 0.0  # 1 January 2000 was a Saturday


@compiled
def _windows(entries: Entries, end: int, time: int, sums: Row) -> int:
    """Counts in ``sums[0]``, sums of values in ``sums[1]``, by window, of the entries before ``end``; returns where the longest begins."""
    first = end
    while first > 0 and time - time_of(entries[first - 1, 0]) < _LONG * DAY:
        first -= 1
        age, value = time - time_of(entries[first, 0]), value_of(entries[first, 0])
        sums[0, 2] += 1
        sums[1, 2] += value
        if age < _MIDDLE * DAY:
            sums[0, 1] += 1
            sums[1, 1] += value
        if age < _SHORT * DAY:
            sums[0, 0] += 1
            sums[1, 0] += value
    return first


@compiled
def _customer(entries: Entries, end: int, time: int, cents: int, row: Row) -> None:
    """Windows over the payments before this one, and how usual it is among them."""
    if end == 0:
        return
    sums = np.zeros((2, 3))
    first = _windows(entries, end, time, sums)
    for w in range(3):
        at = CUSTOMER + 3 * w
        row[at] = sums[0, w]
        if sums[0, w] > 0:
            row[at + 1] = sums[1, w] / sums[0, w] / 100
            if sums[1, w] > 0:
                row[at + 2] = cents / 100 / row[at + 1]
    at = CUSTOMER + 9
    row[at] = (time - time_of(entries[end - 1, 0])) / 3600
    usual = _usual(entries[first:end])
    if usual > 0:
        row[at + 1] = cents / usual
        _leak(entries[first:end], time, usual, row[at + 2 :])


@compiled
def _usual(entries: Entries) -> float:
    """The customer's usual amount in cents: the mean of what is at most ``UNUSUAL`` times itself, found from the median on."""
    n = entries.shape[0]
    if n == 0:
        return 0.0
    values = np.empty(n)
    for i in range(n):
        values[i] = value_of(entries[i, 0])
    usual = float(np.median(values))
    for _ in range(3):
        total, count = 0.0, 0
        for value in values:
            if value <= UNUSUAL * usual:
                total += value
                count += 1
        usual = total / count if count > 0 else 0.0
    return usual


@compiled
def _leak(entries: Entries, time: int, usual: float, row: Row) -> None:
    """What the last ``LEAK_DAYS`` say of a leaked card: evidence, payments far from usual, days since the first unusual one.

    Evidence is the log likelihood ratio of a leak (a third of the payments are five times as large) against none, with
    amounts normal about the usual one, standard deviation a half of it (Handbook, chapter 3).
    """
    evidence, far = 0.0, 0.0
    for i in range(entries.shape[0] - 1, -1, -1):
        age = time - time_of(entries[i, 0])
        if age >= LEAK_DAYS * DAY:
            break
        times = value_of(entries[i, 0]) / usual
        ratio = 0.5 * ((times - 1) / 0.5) ** 2 - 0.5 * ((times - 5) / 2.5) ** 2 - math.log(5.0)
        evidence += math.log((2 + math.exp(min(ratio, 8.0))) / 3)
        far += times > FAR
        if times > UNUSUAL:
            row[2] = age / DAY
    row[0] = evidence
    row[1] = far


@compiled
def _terminal(entries: Entries, time: int, row: Row) -> None:
    """Windows over what became known before ``time``, and the newest run of frauds in it."""
    known = before(entries, time + 1, _FIRST_ID)
    if known == 0:
        return
    sums = np.zeros((2, 3))
    _windows(entries, known, time, sums)
    for w in range(3):
        row[TERMINAL + 2 * w] = sums[0, w]
        if sums[0, w] > 0:
            row[TERMINAL + 2 * w + 1] = sums[1, w] / sums[0, w]
    _run(entries, known, time, row[TERMINAL + 6 :])


@compiled
def _run(entries: Entries, known: int, time: int, row: Row) -> None:
    """The newest frauds in a row: since when there was none, clears since, how many, since when, and what that means."""
    clears, run, last, first, ended = 0.0, 0.0, -1.0, 0.0, _LONG + 1.0
    for i in range(known - 1, -1, -1):
        age = (time - time_of(entries[i, 0])) / DAY
        if age >= _LONG + 1:
            break
        if value_of(entries[i, 0]) > 0:
            last = age if last < 0 else last
            run, first = run + 1, age
        elif last < 0:
            clears += 1
        else:
            ended = age
            break
    if last >= 0:
        row[0] = last
        row[1] = clears
        row[2] = run
        row[3] = first
        row[4] = 0.0 if clears > 0 else _still_compromised(first, ended)


@compiled
def _still_compromised(run_age: float, ended: float) -> float:
    """The chance that ``COMPROMISED_DAYS`` are not over, for a beginning anywhere between the run's first fraud and the clear before it."""
    first, clear = run_age + LABEL_DELAY / DAY, ended + LABEL_DELAY / DAY
    if clear <= COMPROMISED_DAYS:
        return 1.0
    return (COMPROMISED_DAYS - min(first, COMPROMISED_DAYS)) / max(clear - first, 1e-3)
