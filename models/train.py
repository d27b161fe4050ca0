"""The training recipe: replay, judge forward in time, fit on the latest labelled window, bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np

from domain.contract import Domain, Emission
from models import bundle, report
from models.dataset import Dataset, Progress, replay, silent
from models.protocol import Window, days, evenly

FOLDS = 4
# Boosting by drop-out (DART) ranked as well and was worse calibrated: where it drops the first tree late, the average goes with it, and
# in 2 of 6 small worlds nearly every payment came out as a fraud. One thread: a fit takes seconds, and shares the machine with a stream.
RECIPE = report.Recipe(
    rounds=300,
    params={
        "objective": "binary",
        "num_leaves": 7,
        "learning_rate": 0.03,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
        "seed": 7,
    },
)


def train(
    domain: Domain, emissions: Iterable[Emission], source: str, folder: Path, *, window: Window | None = None, progress: Progress = silent
) -> Path:
    """Train on history and write a bundle below ``folder``; returns its path.

    The final model learns from the latest ``window.train`` labelled days (all but the last ``window.delay`` of the
    history, whose labels are not complete). Raises ``DataError`` for history that is too short or without frauds.
    """
    window = window or Window(train=14)
    data = replay(domain, emissions, progress)
    starts = evenly(data, window, FOLDS)
    steps = one_by_one("training models", len(starts) + 1, progress)
    judged = report.cross_validate(data, domain.schema, window, starts, RECIPE, steps)
    steps("the final model")
    latest, span = _latest(data, window)
    booster = RECIPE.fit(latest, domain.schema)
    judged["importance"] = report.importance(booster)
    made = {"source": source, "rows": len(latest), **span, "label_delay_days": window.delay}
    steps("written below")
    params = {**RECIPE.params, "rounds": RECIPE.rounds}
    average = np.asarray(booster.predict(latest.x)).reshape(len(latest), -1).mean(axis=0).tolist()
    trained = bundle.Trained(domain.name, domain.objective, booster, domain.schema, average, judged, params, made)
    return bundle.write(trained, folder, datetime.now(UTC))


def one_by_one(what: str, total: int, progress: Progress) -> Callable[[str], None]:
    """Tells ``progress`` of things that are named one by one, each when it begins: with the n-th, n - 1 are done."""
    begun = count()
    return lambda name: progress(what, next(begun), total)


def _latest(data: Dataset, window: Window) -> tuple[Dataset, dict[str, str]]:
    day = days(data)
    last = day[-1] - window.delay
    rows = data.rows(np.flatnonzero((day > last - window.train) & (day <= last) & ~np.isnan(data.y)))
    first, end = (datetime.fromtimestamp(rows.time[i], UTC).isoformat() for i in (0, -1))
    return rows, {"from": first, "to": end}
