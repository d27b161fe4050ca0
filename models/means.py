"""A mean that is watched for changes, one value a key and week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from river.drift import ADWIN

WEEK: Final = 7  # days
LEAST: Final = 30  # values behind a change, until their mean says something: ADWIN begins anew there
Sums = dict[int, tuple[float, int]]  # by key: a sum, and of how many


class Mean:
    """ADWIN (Bifet and Gavaldà, SDM 2007) on one value a key and week: its mean. A seventh of the keys has its turn each day.

    ADWIN takes values for independent draws. Rows of a key are not, and hours and weekdays have a rhythm; weeks of keys have neither.
    """

    def __init__(self, delta: float) -> None:
        self._adwin: Any = ADWIN(delta=delta)  # type: ignore[no-untyped-call]
        self._before: tuple[int, float] | None = None  # the day of a change, and the mean up to it

    def told(self, day: int, days: Iterable[Sums]) -> tuple[float, float] | None:
        """Add a week that ends on ``day``; the mean before and now for a week after a change, as ADWIN forgets what was before it."""
        sums: Sums = {}
        for found in days:
            for key, (total, count) in found.items():
                if key % WEEK == day % WEEK:
                    told = sums.get(key, (0.0, 0))
                    sums[key] = (told[0] + total, told[1] + count)
        for key in sorted(sums):
            before = float(self._adwin.estimation)
            self._adwin.update(sums[key][0] / sums[key][1])
            if self._adwin.drift_detected and (self._before is None or day - self._before[0] > WEEK):
                self._before = (day, before)
        if self._before is None or day - self._before[0] > WEEK or self._adwin.width < LEAST:
            return None
        return self._before[1], float(self._adwin.estimation)


def by_key(keys: Sequence[int], values: Iterable[float]) -> Sums:
    found: Sums = {}
    for key, value in zip(keys, values, strict=True):
        total, count = found.get(key, (0.0, 0))
        found[key] = (total + float(value), count + 1)
    return found
