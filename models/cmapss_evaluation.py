"""Judges the maintenance recipe on C-MAPSS: across engines of a train file, or by the official test and RUL files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.contract import Domain
from domain.learning import Matrix, Metrics, Rows
from domain.maintenance.learning import AGE, linear
from domain.maintenance.lives import CAP
from domain.maintenance.rul_metrics import cuts, lives, nasa_score, rmse
from models import cmapss, protocol, report
from models.dataset import Dataset, Progress, counted, replay, silent
from models.errors import DataError
from models.train import one_by_one

if TYPE_CHECKING:
    from models.recorded import Question

FOLDS: Final = 5
REPETITIONS: Final = 200  # of the lot that cuts every engine's life


def evaluate(domain: Domain, question: Question, progress: Progress = silent) -> dict[str, Any]:
    """Across engines, or on the test file where one was given. Raises ``DataError`` naming file and line."""
    if question.split == "time":
        raise DataError("--split time: every engine of C-MAPSS is observed from its first cycle on; its data is parted by engine (key)")
    if (question.test is None) != (question.answers is None):
        raise DataError("--test and --rul go together: the test file's engines are cut off, and the RUL file says what they had left")
    engines = None if question.test is None or question.answers is None else cmapss.tested(question.test, question.answers)
    total = cmapss.count(question.data)
    data = replay(domain, counted(cmapss.emissions(question.data), f"reading {domain.events_name}", total, progress), progress)
    return across_engines(domain, data, progress) if engines is None else official(domain, data, engines, progress)


def across_engines(domain: Domain, data: Dataset, progress: Progress = silent) -> dict[str, Any]:
    """Every engine estimated by a model that saw nothing of it, at one random cycle of its life; mean and spread over ``REPETITIONS``.

    Errors in cycles, against the remaining life capped at 125; the NASA score is the sum over the engines.
    """
    folds = list(protocol.by_key(data, FOLDS))
    steps = one_by_one("judging folds", len(folds), progress)
    names = ("model", "mean", "linear model")
    estimates = {name: np.full(len(data), np.nan) for name in names}
    for number, fold in enumerate(folds, 1):
        steps(f"fold {number} of {len(folds)}")
        for name, found in _estimates(domain, data.chosen(fold.train), data.chosen(fold.test)).items():
            estimates[name][fold.test] = found
    steps("done")
    rows = data.chosen(np.flatnonzero(data.labelled))
    judged = {name: _judged(rows, found[data.labelled]) for name, found in estimates.items()}
    return {
        "protocol": {"method": "by engine, each whole on one side; one random cut a life", "folds": FOLDS, "repetitions": REPETITIONS},
        "engines": len(np.unique(rows.key)),
        "rows": len(rows.y),
        "metrics": judged.pop("model"),
        "baselines": judged,
        "headline": "rmse",
        "lower_is_better": True,
    }


def _estimates(domain: Domain, train: Rows, test: Rows) -> dict[str, Matrix]:
    booster = report.fit(domain.learning().recipe, train, domain.schema)
    return {
        "model": report.answers({"": booster}, test.x)[:, 0],
        "mean": np.full(len(test.y), train.y.mean()),
        "linear model": linear(train, test),
    }


def _judged(rows: Rows, estimate: Matrix) -> dict[str, dict[str, float]]:
    found = lives(rows.key, rows.x[:, AGE])
    chosen = [cuts(found, rows.key, repetition) for repetition in range(REPETITIONS)]
    return report.spread([_errors(rows.y[c], estimate[c]) for c in chosen])


def _errors(y: Matrix, estimate: Matrix) -> Metrics:
    return {"rmse": rmse(y, estimate), "mae": float(np.abs(y - estimate).mean()), "nasa_score": nasa_score(y, estimate)}


def official(domain: Domain, data: Dataset, engines: list[cmapss.Engine], progress: Progress = silent) -> dict[str, Any]:
    """The official protocol: one estimate an engine of the test file, at its last cycle there.

    ``rmse``, ``mae`` and ``nasa_score`` are against the RUL file's values capped at 125, as studies of the set report them and as the model
    learns; those ending in ``_uncapped`` against the values as they stand. ``early_coverage``: how often the early bound held.
    ``estimates`` are those of the single engines.
    """
    learning = domain.learning()
    steps = one_by_one("training and testing", 2, progress)
    steps("the models")
    train = data.chosen(np.flatnonzero(data.labelled))
    boosters = {name: report.fit(recipe, train, domain.schema) for name, recipe in report.recipes(learning).items()}
    steps("the test file's engines")
    last = _last(replay(domain, cmapss.told(engines)))
    answers = report.answers(boosters, last.x)
    left = {engine.name: float(engine.left) for engine in engines}
    y = np.array([left[name] for name in last.key])
    capped = np.minimum(y, CAP)
    steps("done")
    return {
        "engines": len(y),
        **_errors(capped, answers[:, 0]),
        **{f"{name}_uncapped": value for name, value in _errors(y, answers[:, 0]).items()},
        "early_coverage": float((y >= answers[:, 1]).mean()),
        "rmse_of_mean": rmse(capped, np.full(len(y), train.y.mean())),
        "rmse_of_linear_model": rmse(capped, linear(train, last)),
        "estimates": dict(zip(last.key.tolist(), answers[:, 0].tolist(), strict=True)),
    }


def _last(data: Dataset) -> Rows:
    """The newest row of every engine."""
    newest = {name: i for i, name in enumerate(data.key)}
    return data.chosen(np.array(sorted(newest.values()), dtype=np.int64))
