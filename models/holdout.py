"""The newest labelled rows, kept back from a candidate, on which it must show that it is better than the champion.

They are parted in time for every domain, since what changed, changed in time. Rows that stand or fall together (the life of a machine's
part) stay on one side: a unit that ended in the last days is kept back, one that ended before is learned from. Whole keys by lot would
do less: a champion was trained on all keys that there were, so every lot would hold keys that it has seen.

Between the two sides no days are left out, as they are where a recipe is judged: they would only make the promoted model older. Nor are
keys that are known as positive by then (``Learning.leave_out_found``): both models are asked what the stream was asked, which is what the
measures of quality are of; and of a week without them a handful of positives would remain, from which nothing can be told.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from domain.learning import Learning
from models.dataset import Dataset
from models.days import busy_days
from models.errors import DataError
from models.protocol import Fold, Index

FEWEST_KEYS = 10  # whose rows are kept back: less is too little to draw from
DAYS = 7  # kept back where a domain has no window of its own


def days_of(learning: Learning) -> int:
    """How many days are kept back if nobody says it."""
    return DAYS if learning.window is None else learning.window.test


def part(data: Dataset, learning: Learning, days: int, after: float = -math.inf) -> Fold:
    """What a candidate learns from, and what it and the champion are judged on: the units that ended in the last ``days`` days with labels.

    ``after`` (seconds): the champion learned from rows up to then, so units that began before are not judged on. Raises ``DataError``
    where either side is too small.
    """
    rows = np.flatnonzero(data.labelled & (data.day <= _complete(data, learning)))
    if not len(rows):
        raise DataError("no labels have come yet whose days are complete; wait for more")
    begun, ended = _spans(data, learning, rows)
    first = int(data.day[rows].max()) - days + 1
    test = rows[(ended >= first) & (begun > after)]
    train = rows[(ended < first) & (data.day[rows] >= first - _train_days(learning))]
    if not (ended < first).any():
        kept = f"all {len(rows):,} labelled rows are of the newest {days} days, which are kept to judge on"
        raise DataError(f"{kept}: none is left to learn from; wait for more days, or keep fewer with --holdout-days")
    _demand(data, train, test, after)
    return Fold(train, test, first)


def _complete(data: Dataset, learning: Learning) -> int:
    """The last day whose labels have all had the time to come. Labels of alerts come sooner: later days hold little but alerts."""
    last = busy_days(Counter(data.day.tolist()))[-1]
    return last - (learning.window.delay if learning.window else 0)


def _train_days(learning: Learning) -> float:
    return learning.window.train if learning.window else math.inf


def _spans(data: Dataset, learning: Learning, rows: Index) -> tuple[NDArray[np.float64], Index]:
    """Of each row its unit's first moment (seconds) and its last day; a unit is a row by itself where the domain names none."""
    if learning.unit is None:
        return data.time[rows], data.day[rows]
    unit = learning.unit(data.chosen(rows))
    begun, ended = np.full(unit.max() + 1, np.inf), np.zeros(unit.max() + 1, dtype=np.int64)
    np.minimum.at(begun, unit, data.time[rows])
    np.maximum.at(ended, unit, data.day[rows])
    return begun[unit], ended[unit]


def _demand(data: Dataset, train: Index, test: Index, after: float) -> None:
    keys = len(np.unique(data.key[test]))
    since = "" if math.isinf(after) else f" since the champion's last, of {datetime.fromtimestamp(after, UTC):%Y-%m-%d %H:%M}"
    if keys < FEWEST_KEYS:
        raise DataError(f"labels of {keys} keys to judge on{since} are too few; {FEWEST_KEYS} are needed: wait for more")
    for name, rows in (("learn from", train), ("judge on", test)):
        if len(np.unique(data.y[rows])) < 2:
            raise DataError(f"the {len(rows):,} labelled rows to {name} hold one answer only, or none{since}; wait for more labels")
