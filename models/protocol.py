"""How a model is judged: forward in time with a wait for the labels, then rolled on; or by key, each key whole on one side.

The protocol in time is the Fraud Detection Handbook's (chapter 5, prequential validation); where the domain says so, keys known as
positive by a test day are left out of it, since nothing is left to find there: a compromised card is blocked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.learning import Learning, Window
from models.dataset import Dataset
from models.errors import DataError

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Row indices to train and to test on, and the first test day (days since the data's first; None: parted by key)."""

    train: Index
    test: Index
    first_test_day: int | None = None


def parts(data: Dataset, learning: Learning) -> list[Fold]:
    """The folds of a domain's protocol. Raises ``DataError`` where the data is too little for them."""
    if learning.window is None:
        return list(by_key(data, learning.folds))
    return list(folds(data, learning.window, evenly(data, learning.window, learning.folds), learning.leave_out_found))


def folds(data: Dataset, window: Window, starts: list[int], leave_out_found: bool) -> Iterator[Fold]:
    """One fold a start (the first training day). Raises ``DataError`` where a window holds one answer only, or none."""
    day = data.day
    for start in starts:
        train = np.flatnonzero(data.labelled & (day >= start) & (day < start + window.train))
        test = _test(data, day, train, start, window) if leave_out_found else _tested(data, day, start, window)
        if min(len(np.unique(data.y[rows])) for rows in (train, test)) < 2:
            raise DataError(f"days {start} to {start + window.span} hold nothing to learn from or to find; give more days")
        yield Fold(train, test, start + window.train + window.delay)


def _tested(data: Dataset, day: Index, start: int, window: Window) -> Index:
    first = start + window.train + window.delay
    return np.flatnonzero(data.labelled & (day >= first) & (day < first + window.test))


def _test(data: Dataset, day: Index, train: Index, start: int, window: Window) -> Index:
    known = set(data.key[train][data.y[train] == 1])
    kept = []
    for i in range(window.test):
        known |= set(data.key[(day == start + window.train + i - 1) & (data.y == 1)])
        today = np.flatnonzero((day == start + window.train + window.delay + i) & data.labelled)
        kept.append(today[~np.isin(data.key[today], list(known))])
    return np.concatenate(kept)


def by_key(data: Dataset, count_of_folds: int, seed: int = 7) -> Iterator[Fold]:
    """Keys dealt out by lot: each is tested once, by a model that saw nothing of it. Raises ``DataError`` for too few keys."""
    rows = np.flatnonzero(data.labelled)
    names, place = np.unique(data.key[rows], return_inverse=True)
    if len(names) < 2 * count_of_folds:
        raise DataError(f"labels of {len(names)} keys are too few to judge a model on; at least {2 * count_of_folds} are needed")
    fold = np.random.default_rng(seed).permutation(len(names))[place] % count_of_folds
    for k in range(count_of_folds):
        yield Fold(rows[fold != k], rows[fold == k])


def evenly(data: Dataset, window: Window, number: int, first: int = 0) -> list[int]:
    """``number`` starts of windows, the last of which ends with the last full day of labels, spread evenly from day ``first`` on."""
    last = int(data.day[data.labelled].max(initial=-1)) + 1 - window.span
    if last < first:
        raise DataError(f"the data spans too few days; {first + window.span} are needed")
    return sorted({round(s) for s in np.linspace(first, last, number)})
