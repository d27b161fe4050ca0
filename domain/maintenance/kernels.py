"""What a machine's past comes down to, compiled: sums of bounded size, moved on cycle by cycle, and the row that they give.

The sums are one float64 array (``SIZE``,): a head, one line a sensor, one block an operating regime. A reading counts as its
difference to the machine's own early life *in the same regime*, so that a change of load is no wear. ``take`` keeps the newest cycles as
well, for those that come late or again (``domain.maintenance.state``). All of it stands in one file because numba's cache on disk does not
notice a change of a function that another file compiled in.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.maintenance.events import SENSORS, SETTINGS

Sums = NDArray[np.float64]
Reading = NDArray[np.float32]  # (SETTINGS + SENSORS,), nan where a sensor dropped out
Entries = NDArray[np.int32]  # (n, WORDS): place, number of arrival, then the reading's float32 bits; sorted by place
SPANS: Final = (10, 30, 80)  # of the exponentially weighted means, in cycles: the newest has the weight 2 / (span + 1)
WEIGHTS: Final = tuple(2 / (span + 1) for span in SPANS)
SHORT, MIDDLE, LONG = range(3)
EARLY: Final = 20  # cycles of a regime that make its early life
REGIMES: Final = 6  # told apart; another counts to the nearest
WIDTHS: Final = (4.0, 0.1, 8.0)  # how far apart the settings of one regime may be
ENOUGH: Final = 5  # readings before a slope says anything
FOLDED, ARRIVED = 0, 1  # the head: the newest place that is in the sums for good, and how many messages have arrived
INSTALLED, FOUND, CURRENT = 2, 3, 4  # the cycle the part was installed after, the regimes found, the newest one
_LIFE: Final = INSTALLED  # what is forgotten with a part begins here
COUNT, LAST, NOISE, DRIFT = 0, 1, 2, 4  # of a line: readings, newest difference, mean squares of its changes, weighted means
_HEAD: Final = 5
_LINE: Final = DRIFT + len(SPANS)
_SETTINGS: Final = _HEAD + SENSORS * _LINE  # weighted means of the settings, and of how many cycles
_REGIME: Final = _SETTINGS + SETTINGS + 1
_BLOCK: Final = SETTINGS + 2 * SENSORS  # of a regime: its centre, then counts and means of its early life
SIZE: Final = _REGIME + REGIMES * _BLOCK
HEALTH: Final = 1 + 2 * SETTINGS  # where the row's stretches begin
FIRST: Final = HEALTH + 2 * len(SPANS)
PER_SENSOR: Final = 6
LENGTH: Final = FIRST + SENSORS * PER_SENSOR
KEPT: Final = 64  # a scorer that was killed reads again what it had not committed: this many cycles of one machine may be among that
WORDS: Final = 2 + SETTINGS + SENSORS
NEW, REPEATED, OLD, CONFLICT = 0, 1, 2, 3


@compiled
def take(past: Sums, newest: Sums, entries: Entries, place: int, reading: Reading, row: Sums) -> tuple[Sums, Sums, Entries, int, int]:
    """``state.take``: the sums of the past, the newest ones, the entries between them, what the message was, and its part's cycle."""
    if place <= past[FOLDED]:
        then = past.copy()
        _move(then, place, reading)
        _fill(then, reading, place // 2, row)
        return past, newest, entries, OLD, int(then[INSTALLED])
    at, n = _where(entries, place), entries.shape[0]
    if at < n and entries[at, 0] == place:
        status = REPEATED if _same(_reading(entries, at), reading) else CONFLICT
        return past, newest, entries, status, int(_recall(past, entries, at, row)[INSTALLED])
    grown, before = _inserted(entries, at, place, int(past[ARRIVED]), reading), past.copy()
    if at == n:  # the common way: what comes next goes on from where the last one stood
        then = newest.copy()
        _move(then, place, reading)
        _fill(then, reading, place // 2, row)
        after = then
    else:
        then, after = _recall(past, grown, at, row), _all(past, grown)
    before[ARRIVED] += 1
    if n == KEPT:
        _move(before, grown[0, 0], _reading(grown, 0))
        before[FOLDED] = grown[0, 0]
        grown = grown[1:]
    return before, after, grown, NEW, int(then[INSTALLED])


@compiled
def _where(entries: Entries, place: int) -> int:
    at: int = entries.shape[0]
    while at > 0 and entries[at - 1, 0] >= place:
        at -= 1
    return at


@compiled
def _recall(past: Sums, entries: Entries, at: int, row: Sums) -> Sums:
    """Fill the row of the entry ``at`` from what came before it in life and had arrived when it did; returns the sums then."""
    then = past.copy()
    for i in range(at + 1):
        if entries[i, 1] <= entries[at, 1]:
            _move(then, entries[i, 0], _reading(entries, i))
    _fill(then, _reading(entries, at), entries[at, 0] // 2, row)
    return then


@compiled
def _all(past: Sums, entries: Entries) -> Sums:
    then = past.copy()
    for i in range(entries.shape[0]):
        _move(then, entries[i, 0], _reading(entries, i))
    return then


@compiled
def _move(sums: Sums, place: int, reading: Reading) -> None:
    if place % 2:
        _replace(sums, place // 2)
    else:
        _observe(sums, reading)


@compiled
def _reading(entries: Entries, at: int) -> Reading:
    return entries[at, 2:].view(np.float32)


@compiled
def _same(a: Reading, b: Reading) -> bool:
    same = True
    for i in range(a.shape[0]):
        same &= a[i] == b[i] or (np.isnan(a[i]) and np.isnan(b[i]))
    return same


@compiled
def _inserted(entries: Entries, at: int, place: int, arrival: int, reading: Reading) -> Entries:
    n = entries.shape[0]
    grown = np.empty((n + 1, WORDS), np.int32)
    grown[:at] = entries[:at]
    grown[at, 0], grown[at, 1] = place, arrival
    grown[at, 2:] = reading.view(np.int32)
    grown[at + 1 :] = entries[at:]
    return grown


@compiled
def _replace(sums: Sums, cycle: int) -> None:
    """A new part begins its life after ``cycle``: what the old one looked like is forgotten."""
    sums[_LIFE:] = 0.0
    sums[INSTALLED] = cycle


@compiled
def _observe(sums: Sums, reading: Reading) -> None:
    """One more cycle. A sensor that dropped out keeps its line as it was."""
    regime = _regime(sums, reading)
    sums[CURRENT] = regime
    _settings(sums, reading)
    early = sums[_REGIME + regime * _BLOCK + SETTINGS : _REGIME + (regime + 1) * _BLOCK]
    for i in range(SENSORS):
        x = float(reading[SETTINGS + i])
        if not math.isnan(x):
            line = sums[_HEAD + i * _LINE : _HEAD + (i + 1) * _LINE]
            _early(early, i, x, line)
            _add(line, x - early[SENSORS + i])


@compiled
def _regime(sums: Sums, reading: Reading) -> int:
    """The regime of the settings: the first within reach, else a new one, else the nearest; the newest where a setting is missing."""
    found, nearest, least = int(sums[FOUND]), 0, math.inf
    for i in range(SETTINGS):
        if math.isnan(reading[i]):
            return int(sums[CURRENT])
    for g in range(found):
        far = 0.0
        for i in range(SETTINGS):
            far = max(far, abs(reading[i] - sums[_REGIME + g * _BLOCK + i]) / WIDTHS[i])
        if far < least:
            nearest, least = g, far
    if least <= 1.0 or found == REGIMES:
        return nearest
    for i in range(SETTINGS):
        sums[_REGIME + found * _BLOCK + i] = reading[i]
    sums[FOUND] = found + 1
    return found


@compiled
def _settings(sums: Sums, reading: Reading) -> None:
    for i in range(SETTINGS):
        if math.isnan(reading[i]):
            return
    sums[_SETTINGS + SETTINGS] += 1
    for i in range(SETTINGS):
        sums[_SETTINGS + i] += WEIGHTS[MIDDLE] * (reading[i] - sums[_SETTINGS + i])


@compiled
def _early(early: Sums, i: int, x: float, line: Sums) -> None:
    """The running mean of a regime's first readings. A regime met later in life is levelled by the wear known until then."""
    if early[i] < EARLY:
        worn = _mean(line, SHORT) if line[COUNT] >= EARLY else 0.0
        early[i] += 1
        early[SENSORS + i] += (x - worn - early[SENSORS + i]) / early[i]


@compiled
def _add(line: Sums, difference: float) -> None:
    """A sensor's next difference to its early life. Half the square of a change is noise: slow wear adds nothing to it."""
    if line[COUNT] > 0:
        noise = (difference - line[LAST]) ** 2 / 2
        line[NOISE] += WEIGHTS[MIDDLE] * (noise - line[NOISE])
        line[NOISE + 1] += WEIGHTS[LONG] * (noise - line[NOISE + 1])
    line[LAST] = difference
    line[COUNT] += 1
    for h in range(len(WEIGHTS)):
        line[DRIFT + h] += WEIGHTS[h] * (difference - line[DRIFT + h])


@compiled
def _left(weight: float, n: float) -> float:
    """What weight the nought that a mean began with still has after ``n`` readings."""
    return float((1 - weight) ** n)


@compiled
def _mean(line: Sums, h: int) -> float:
    return float(line[DRIFT + h] / (1 - _left(WEIGHTS[h], line[COUNT])))


@compiled
def _spread(line: Sums, h: int) -> float:
    """The noise's standard deviation over the span ``h`` (middle or long); needs two readings."""
    return math.sqrt(line[NOISE + h - MIDDLE] / (1 - _left(WEIGHTS[h], line[COUNT] - 1)))


@compiled
def _age(weight: float, n: float) -> float:
    """How many readings ago, in the mean, a weighted mean over ``n`` readings looks."""
    left = _left(weight, n)
    return (1 - weight) / weight - n * left / (1 - left)


@compiled
def _fill(sums: Sums, reading: Reading, cycle: int, row: Sums) -> None:
    """The row (``LENGTH``,) of the cycle that the sums have just taken in; nan where nothing is known."""
    row[:] = math.nan
    if cycle > sums[INSTALLED]:
        row[0] = cycle - sums[INSTALLED]
    row[1 : 1 + SETTINGS] = reading[:SETTINGS]
    n = sums[_SETTINGS + SETTINGS]
    if n > 0:
        row[1 + SETTINGS : HEALTH] = sums[_SETTINGS : _SETTINGS + SETTINGS] / (1 - _left(WEIGHTS[MIDDLE], n))
    early = sums[_REGIME + int(sums[CURRENT]) * _BLOCK + SETTINGS :]
    for i in range(SENSORS):
        line = sums[_HEAD + i * _LINE : _HEAD + (i + 1) * _LINE]
        if line[COUNT] > 0:
            level = early[SENSORS + i] if early[i] > 0 else math.nan
            _sensor(line, level, row[FIRST + i * PER_SENSOR : FIRST + (i + 1) * PER_SENSOR])
    _health(sums, row[HEALTH:FIRST])


@compiled
def _sensor(line: Sums, level: float, row: Sums) -> None:
    """Mean, difference to early life, two slopes a cycle, two spreads."""
    n, means = line[COUNT], (_mean(line, SHORT), _mean(line, MIDDLE), _mean(line, LONG))
    row[0] = level + means[SHORT]
    row[1] = means[SHORT]
    if n >= ENOUGH:
        ages = (_age(WEIGHTS[SHORT], n), _age(WEIGHTS[MIDDLE], n), _age(WEIGHTS[LONG], n))
        row[2] = (means[SHORT] - means[MIDDLE]) / (ages[MIDDLE] - ages[SHORT])
        row[3] = (means[MIDDLE] - means[LONG]) / (ages[LONG] - ages[MIDDLE])
        row[4] = _spread(line, MIDDLE)
        row[5] = _spread(line, LONG)


@compiled
def _health(sums: Sums, row: Sums) -> None:
    """How far the sensors that change at all are from early life, in units of their own noise: root mean square and mean, by span."""
    for h in range(len(SPANS)):
        squares, sizes, found = 0.0, 0.0, 0
        for i in range(SENSORS):
            line = sums[_HEAD + i * _LINE : _HEAD + (i + 1) * _LINE]
            if line[COUNT] >= ENOUGH and line[NOISE + 1] > 0:
                far = _mean(line, h) / _spread(line, LONG)
                squares += far * far
                sizes += abs(far)
                found += 1
        if found > 0:
            row[2 * h] = math.sqrt(squares / found)
            row[2 * h + 1] = sizes / found
