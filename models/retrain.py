"""A candidate from recalled decisions: it learns from what lies before the rows that it and the champion are judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from domain.contract import Domain
from domain.learning import Learning, Rows, Window
from models import holdout, protocol
from models.bundle import Bundle
from models.dataset import Dataset, Progress, silent
from models.errors import DataError
from models.report import Boosters, fitted
from models.train import Origin, train_on


@dataclass(frozen=True)
class Days:
    """How many days a candidate learns from and is judged on; None: the domain's own."""

    train: int | None = None
    holdout: int | None = None


def part(domain: Domain, data: Dataset, champion: Bundle | None, days: Days) -> protocol.Fold:
    """What a candidate learns from, and what both are judged on. Raises ``DataError`` where that is too little."""
    learning = _learning(domain, days)
    return holdout.part(data, learning, days.holdout or holdout.days_of(learning), _until(champion))


def train(
    domain: Domain,
    data: Dataset,
    fold: protocol.Fold,
    origin: Origin,
    folder: Path,
    *,
    days: Days,
    fit: Callable[[Domain, Rows], Boosters] = fitted,
    progress: Progress = silent,
) -> Path:
    """Fit a candidate to one side of ``fold`` and write its bundle below ``folder``; returns its path.

    Its report is the domain's protocol on the days before those kept back, or on ``fold`` itself where these are too few.
    """
    learning, parts = _judged(data, fold, _learning(domain, days), days)
    kept_back = {"rows": len(fold.test), **_span(data, fold.test)}
    lineage = origin._replace(data={**origin.data, "held_out": kept_back})
    return train_on(replace(domain, learning=lambda: learning), data, fold.train, parts, lineage, folder, fit=fit, progress=progress)


def _learning(domain: Domain, days: Days) -> Learning:
    learning = domain.learning()
    if days.train is None:
        return learning
    if learning.window is None:
        raise DataError(f"a model of {domain.name} learns from whole lives, whenever they were; leave out the days to learn from")
    return replace(learning, window=replace(learning.window, train=days.train))


def _judged(data: Dataset, fold: protocol.Fold, learning: Learning, days: Days) -> tuple[Learning, list[protocol.Fold]]:
    """The learning and the folds of the report. Rows keep their places: what lies behind those learned from has no label here."""
    y = np.full(len(data), np.nan)
    before = data.time <= data.time[fold.train[-1]]
    before[fold.test] = False
    y[before] = data.y[before]
    try:
        return learning, protocol.parts(replace(data, y=y), learning)
    except DataError:
        window = learning.window and Window(learning.window.train, 0, days.holdout or holdout.days_of(learning))
        return replace(learning, window=window), [fold]


def _until(champion: Bundle | None) -> float:
    """The last moment that the champion learned from (seconds)."""
    if champion is None or "to" not in champion.manifest["data"]:
        return -np.inf
    return datetime.fromisoformat(champion.manifest["data"]["to"]).timestamp()


def _span(data: Dataset, rows: protocol.Index) -> dict[str, str]:
    first, last = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in (data.time[rows].min(), data.time[rows].max()))
    return {"from": first, "to": last}
