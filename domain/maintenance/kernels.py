"""What a machine's past comes down to, compiled: sums of bounded size, moved on cycle by cycle, and the row that they give.

The sums are one float64 array (``SIZE``,): a head, one line a sensor, one block an operating regime. A reading counts as its
difference to the machine's own early life *in the same regime*, so that a change of load is no wear.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.maintenance.events import SENSORS, SETTINGS

Sums = NDArray[np.float64]
Reading = NDArray[np.float32]  # (SETTINGS + SENSORS,), nan where a sensor dropped out
SPANS: Final = (10, 30, 80)  # of the exponentially weighted means, in cycles: the newest has the weight 2 / (span + 1)
WEIGHTS: Final = tuple(2 / (span + 1) for span in SPANS)
SHORT, MIDDLE, LONG = range(3)
EARLY: Final = 20  # cycles of a regime that make its early life
REGIMES: Final = 6  # told apart; another counts to the nearest
WIDTHS: Final = (4.0, 0.1, 8.0)  # how far apart the settings of one regime may be
ENOUGH: Final = 5  # readings before a slope says anything
FOLDED, ARRIVED = 0, 1  # of the head, for ``domain.maintenance.state``
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


@njit(cache=True)
def replace(sums: Sums, cycle: int) -> None:
    """A new part begins its life after ``cycle``: what the old one looked like is forgotten."""
    sums[_LIFE:] = 0.0
    sums[INSTALLED] = cycle


@njit(cache=True)
def observe(sums: Sums, reading: Reading) -> None:
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


@njit(cache=True)
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


@njit(cache=True)
def _settings(sums: Sums, reading: Reading) -> None:
    for i in range(SETTINGS):
        if math.isnan(reading[i]):
            return
    sums[_SETTINGS + SETTINGS] += 1
    for i in range(SETTINGS):
        sums[_SETTINGS + i] += WEIGHTS[MIDDLE] * (reading[i] - sums[_SETTINGS + i])


@njit(cache=True)
def _early(early: Sums, i: int, x: float, line: Sums) -> None:
    """The running mean of a regime's first readings. A regime met later in life is levelled by the wear known until then."""
    if early[i] < EARLY:
        worn = _mean(line, SHORT) if line[COUNT] >= EARLY else 0.0
        early[i] += 1
        early[SENSORS + i] += (x - worn - early[SENSORS + i]) / early[i]


@njit(cache=True)
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


@njit(cache=True)
def _left(weight: float, n: float) -> float:
    """What weight the nought that a mean began with still has after ``n`` readings."""
    return float((1 - weight) ** n)


@njit(cache=True)
def _mean(line: Sums, h: int) -> float:
    return float(line[DRIFT + h] / (1 - _left(WEIGHTS[h], line[COUNT])))


@njit(cache=True)
def _spread(line: Sums, h: int) -> float:
    """The noise's standard deviation over the span ``h`` (middle or long); needs two readings."""
    return math.sqrt(line[NOISE + h - MIDDLE] / (1 - _left(WEIGHTS[h], line[COUNT] - 1)))


@njit(cache=True)
def _age(weight: float, n: float) -> float:
    """How many readings ago, in the mean, a weighted mean over ``n`` readings looks."""
    left = _left(weight, n)
    return (1 - weight) / weight - n * left / (1 - left)


@njit(cache=True)
def fill(sums: Sums, reading: Reading, cycle: int, row: Sums) -> None:
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


@njit(cache=True)
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


@njit(cache=True)
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
