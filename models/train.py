"""From history to a bundle: replay, judge, fit on the latest labelled rows, prove, write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Emission
from domain.learning import Learning, Rows, Window
from models import bundle_writing, protocol, report
from models.dataset import Dataset, Progress, replay, silent
from models.drift import Baseline
from models.errors import DataError


def train(
    domain: Domain, emissions: Iterable[Emission], source: str, folder: Path, *, window: Window | None = None, progress: Progress = silent
) -> Path:
    """Train on history and write a bundle below ``folder``; returns its path.

    The final model learns from all labelled rows; where the domain has a window, from those of its latest ``train`` days
    whose labels are complete. ``window``: in place of the domain's. Raises ``DataError`` for history that is too short.
    """
    learning = domain.learning()
    if window is not None:
        learning = replace(learning, window=window)
    data = replay(domain, emissions, progress)
    parts = protocol.parts(data, learning)
    judged = replace(domain, learning=lambda: learning)
    return train_on(judged, data, _latest(data, learning), parts, Origin({"source": source}), folder, progress=progress)


class Origin(NamedTuple):
    """Where a model comes from: what its manifest says of the data beside their window, and whose place it is to take."""

    data: Mapping[str, Any]
    parent: str | None = None


def train_on(
    domain: Domain,
    data: Dataset,
    latest: protocol.Index,
    parts: list[protocol.Fold],
    origin: Origin,
    folder: Path,
    *,
    fit: Callable[[Domain, Rows], report.Boosters] = report.fitted,
    progress: Progress = silent,
) -> Path:
    """Judge a way to fit (the domain's recipe) on ``parts``, fit to the rows ``latest``, and write a bundle below ``folder``.

    Returns the bundle's path.
    """
    learning = domain.learning()
    steps = one_by_one("training models", len(parts) + 1, progress)
    judged = report.cross_validate(domain, data, parts, steps, fit)
    steps("the final model")
    rows = data.chosen(latest)
    boosters = fit(domain, rows)
    judged["importance"] = report.importance(boosters[""], domain.schema.names)
    steps("written below")
    trained = bundle_writing.Trained(
        domain=domain.name,
        objective=domain.objective,
        booster=boosters[""],
        schema=domain.schema,
        average=report.answers(boosters, rows.x).mean(axis=0).tolist(),
        report=judged,
        params=_params(learning),
        data={**origin.data, "rows": len(latest), **_span(data, latest), **_delay(learning)},
        beside={name: booster for name, booster in boosters.items() if name},
        parent=origin.parent,
        baseline=_baseline(domain, data, latest, boosters),
    )
    return bundle_writing.write(trained, folder, datetime.now(UTC))


def _baseline(domain: Domain, data: Dataset, latest: protocol.Index, boosters: Mapping[str, lgb.Booster]) -> dict[str, Any]:
    """Of all rows of the time that was learned from, labelled or not: what a stream is asked has no labels yet."""
    first, last = data.time[latest[[0, -1]]]
    asked = data.part(np.flatnonzero((data.time >= first) & (data.time <= last)))
    return Baseline.of(asked.x, report.answers(boosters, asked.x), domain.schema, asked.key, asked.day).to_json()


def one_by_one(what: str, total: int, progress: Progress) -> Callable[[str], None]:
    """Tells ``progress`` of things that are named one by one, each when it begins: with the n-th, n - 1 are done."""
    begun = count()
    return lambda name: progress(what, next(begun), total)


def _latest(data: Dataset, learning: Learning) -> NDArray[np.int64]:
    chosen = data.labelled
    if learning.window is not None:
        last = data.day[-1] - learning.window.delay
        chosen = chosen & (data.day > last - learning.window.train) & (data.day <= last)
    if not chosen.any():
        raise DataError("no labelled rows in the days that the model is to learn from; give more days")
    return np.flatnonzero(chosen)


def _params(learning: Learning) -> dict[str, Any]:
    beside = {name: {**recipe.params, "rounds": recipe.rounds} for name, recipe in learning.beside.items()}
    return {**learning.recipe.params, "rounds": learning.recipe.rounds, **({"beside": beside} if beside else {})}


def _span(data: Dataset, rows: NDArray[np.int64]) -> dict[str, str]:
    first, end = (datetime.fromtimestamp(data.time[rows[i]], UTC).isoformat() for i in (0, -1))
    return {"from": first, "to": end}


def _delay(learning: Learning) -> dict[str, int]:
    return {} if learning.window is None else {"label_delay_days": learning.window.delay}
