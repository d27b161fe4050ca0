"""The features of a machine's cycle, the slow and obvious way from all cycles of its part's life: explicit weights, nothing kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from domain.maintenance.events import Telemetry

NAN = math.nan
SPANS = (10, 30, 80)
EARLY = 20
Reading = list[float]


def row(life: Sequence[Telemetry], installed: int) -> list[float]:
    """The row of the last cycle of ``life``, which begins after the cycle ``installed``."""
    settings = [_numbers(e.settings) for e in life]
    sensors = [_numbers(e.sensors) for e in life]
    regimes = _regimes(settings)
    whole = [s for s in settings if not np.isnan(s).any()]
    means = [_weighted([s[i] for s in whole], 30) for i in range(3)]
    lines = [_differences([s[i] for s in sensors], regimes) for i in range(21)]
    found = [float(life[-1].cycle - installed), *settings[-1], *means]
    for span in SPANS:
        far = [_weighted(d, span) / _spread(d, 80) for d, _ in lines if len(d) >= 5 and _spread(d, 80) > 0]
        found += [math.sqrt(sum(f * f for f in far) / len(far)), sum(map(abs, far)) / len(far)] if far else [NAN, NAN]
    for differences, level in lines:
        found += _sensor(differences, level)
    return found


def _numbers(values: Sequence[float | None]) -> Reading:
    return [NAN if v is None else float(np.float32(v)) for v in values]


def _regimes(settings: list[Reading]) -> list[int]:
    centres: list[Reading] = []
    found: list[int] = []
    for s in settings:
        if np.isnan(s).any():
            found.append(found[-1] if found else 0)
            continue
        far = [max(abs(a - b) / w for a, b, w in zip(s, c, (4.0, 0.1, 8.0), strict=True)) for c in centres]
        if (not far or min(far) > 1) and len(centres) < 6:
            centres.append(s)
            far.append(0.0)
        found.append(int(np.argmin(far)))
    return found


def _differences(values: Reading, regimes: list[int]) -> tuple[Reading, float]:
    """The differences to early life, cycle by cycle, and early life's level in the last cycle's regime."""
    early: dict[int, Reading] = {}
    found: Reading = []
    for x, g in zip(values, regimes, strict=True):
        if math.isnan(x):
            continue
        known = early.setdefault(g, [])
        if len(known) < EARLY:
            known.append(x - (_weighted(found, 10) if len(found) >= EARLY else 0.0))
        found.append(x - sum(known) / len(known))
    now = early.get(regimes[-1])
    return found, sum(now) / len(now) if now else NAN


def _weights(n: int, span: int) -> Reading:
    """Of n values, the newest last."""
    return [(1 - 2 / (span + 1)) ** (n - 1 - i) for i in range(n)]


def _weighted(values: Reading, span: int) -> float:
    weights = _weights(len(values), span)
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights) if values else NAN


def _spread(values: Reading, span: int) -> float:
    return math.sqrt(_weighted([(b - a) ** 2 / 2 for a, b in pairwise(values)], span))


def _age(n: int, span: int) -> float:
    weights = _weights(n, span)
    return sum(w * (n - 1 - i) for i, w in enumerate(weights)) / sum(weights)


def _sensor(differences: Reading, level: float) -> Reading:
    n = len(differences)
    if n == 0:
        return [NAN] * 6
    short, middle, long = (_weighted(differences, span) for span in SPANS)
    if n < 5:
        return [level + short, short, NAN, NAN, NAN, NAN]
    ages = [_age(n, span) for span in SPANS]
    slopes = [(short - middle) / (ages[1] - ages[0]), (middle - long) / (ages[2] - ages[1])]
    return [level + short, short, *slopes, _spread(differences, 30), _spread(differences, 80)]
