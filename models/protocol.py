"""How a model is judged forward in time: train, wait until the labels of the training days are known, test; then roll on.

The protocol is the Fraud Detection Handbook's (chapter 5, prequential validation): customers known as compromised by a test
day are left out of it, since their cards are blocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.dataset import Dataset
from models.errors import DataError

DAY = 86_400.0


@dataclass(frozen=True)
class Window:
    """Lengths in days: trained on, waited for labels, tested on."""

    train: int = 7
    delay: int = 7
    test: int = 7

    @property
    def span(self) -> int:
        return self.train + self.delay + self.test


@dataclass(frozen=True)
class Fold:
    """Row indices to train and to test on, and the first test day (days since the data's first)."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    first_test_day: int


def days(data: Dataset) -> NDArray[np.int64]:
    """(n,) whole days since the first row's midnight (UTC)."""
    first = np.floor(data.time[0] / DAY)
    return np.asarray(np.floor(data.time / DAY) - first, dtype=np.int64)


def folds(data: Dataset, window: Window, starts: list[int]) -> Iterator[Fold]:
    """One fold a start (the first training day). Raises ``DataError`` where a window holds no fraud to learn or to find."""
    day = days(data)
    labelled = ~np.isnan(data.y)
    for start in starts:
        train = np.flatnonzero(labelled & (day >= start) & (day < start + window.train))
        test = _test(data, day, train, start, window)
        if not data.y[train].any() or not data.y[test].any():
            raise DataError(f"days {start} to {start + window.span} hold no fraud to learn from or to find; give more days")
        yield Fold(train, test, start + window.train + window.delay)


def _test(data: Dataset, day: NDArray[np.int64], train: NDArray[np.int64], start: int, window: Window) -> NDArray[np.int64]:
    known = set(data.key[train][data.y[train] == 1])
    kept = []
    for i in range(window.test):
        known |= set(data.key[(day == start + window.train + i - 1) & (data.y == 1)])
        today = np.flatnonzero((day == start + window.train + window.delay + i) & ~np.isnan(data.y))
        kept.append(today[~np.isin(data.key[today], list(known))])
    return np.concatenate(kept)


def evenly(data: Dataset, window: Window, count: int, first: int = 0) -> list[int]:
    """``count`` starts of windows, the last of which ends with the last full day of labels, spread evenly from day ``first`` on."""
    last = int(days(data)[~np.isnan(data.y)].max(initial=-1)) + 1 - window.span
    if last < first:
        raise DataError(f"the data spans too few days; {first + window.span} are needed")
    return sorted({round(s) for s in np.linspace(first, last, count)})
