"""How the rows of a table are parted to judge a model: by time, by group, or by lot with a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from models.errors import DataError
from models.table import Index, Table

FOLDS = 5
LARGE = 200_000  # rows, from which on three folds say enough
MINED = 5  # one part in so many of the training rows finds the number of rounds
Split = tuple[Index, Index]  # rows to learn from, and rows to be judged on


@dataclass(frozen=True)
class Protocol:
    """How to part: the last ``test_last`` rows (in order of time, or of the file) against those before; else ``FOLDS`` folds."""

    test_last: int | None = None
    seed: int = 7


def method(table: Table, protocol: Protocol) -> str:
    """What is done, in words for the report."""
    if protocol.test_last is not None:
        return f"the last {protocol.test_last} rows {'by time' if table.time is not None else 'of the file'}, after all before"
    if table.time is not None:
        return "forward in time"
    if table.group is not None:
        return "by group"
    return "shuffled" if table.objective == "regression" else "stratified"


def splits(table: Table, protocol: Protocol) -> list[Split]:
    """The folds. Raises ``DataError`` where there are too few rows, groups or moments, or a class is too rare."""
    order = np.arange(len(table)) if table.time is None else np.argsort(table.time, kind="stable")
    if protocol.test_last is not None:
        return [_last(order, protocol.test_last)]
    folds = 3 if len(table) >= LARGE else FOLDS
    if table.time is not None:
        return _forward(order, table.time, folds)
    if table.group is not None:
        return _by_group(table.group, folds, protocol.seed)
    return _by_lot(table, np.arange(len(table)), folds, protocol.seed)


def inner(table: Table, train: Index, protocol: Protocol) -> Split:
    """The training rows parted once more, in the same manner: to learn from, and to find the number of rounds on."""
    if protocol.test_last is not None or table.time is not None:
        order = train if table.time is None else train[np.argsort(table.time[train], kind="stable")]
        return order[: -len(order) // MINED], order[-len(order) // MINED :]
    if table.group is not None:
        groups = table.group[train]
        learn, test = _by_group(groups, min(MINED, len(np.unique(groups))), protocol.seed)[0]
        return train[learn], train[test]
    rarest = len(train) if table.objective == "regression" else int(np.bincount(table.y[train].astype(np.int64)).min())
    return _by_lot(table, train, max(2, min(MINED, rarest)), protocol.seed)[0]


def _last(order: Index, count: int) -> Split:
    if not 0 < count <= len(order) - 10:
        raise DataError(f"--test-last {count}: the table has {len(order)} rows, of which at least 10 are to learn from")
    return order[:-count], order[-count:]


def _forward(order: Index, time: np.ndarray[tuple[int], np.dtype[np.float64]], folds: int) -> list[Split]:
    """Parts of equal size in order of time; each but the first is judged by what lies before it. One moment is never parted."""
    sorted_time = time[order]
    starts = [int(np.searchsorted(sorted_time, sorted_time[len(order) * (k + 1) // (folds + 1)])) for k in range(folds)]
    if len(set(starts)) < folds or starts[0] == 0:
        raise DataError(f"--time: too few different moments for {folds} folds; use --test-last N, or leave --time out")
    ends = [*starts[1:], len(order)]
    return [(order[:start], order[start:end]) for start, end in zip(starts, ends, strict=True)]


def _by_group(group: Index, folds: int, seed: int) -> list[Split]:
    names, place = np.unique(group, return_inverse=True)
    if len(names) < folds:
        raise DataError(f"--group: {len(names)} groups, at least {folds} are needed")
    fold = np.random.default_rng(seed).permutation(len(names))[place] % folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def _by_lot(table: Table, rows: Index, folds: int, seed: int) -> list[Split]:
    y = table.y[rows]
    if len(rows) < 2 * folds:
        raise DataError(f"{table.name}: {len(rows)} rows are too few to judge a model on; at least {2 * folds} are needed")
    if table.objective == "regression":
        return [(rows[a], rows[b]) for a, b in KFold(folds, shuffle=True, random_state=seed).split(rows)]
    counts = np.bincount(y.astype(np.int64), minlength=len(table.classes))
    if counts.min() < folds:
        rare = table.classes[int(counts.argmin())]
        raise DataError(f"column {table.label!r}: {rare!r} stands in {counts.min()} rows only, at least {folds} are needed")
    return [(rows[a], rows[b]) for a, b in StratifiedKFold(folds, shuffle=True, random_state=seed).split(rows, y)]
