"""The recipe for a table: find the rounds on rows set aside, judge over folds, fit on all rows, bundle."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from domain.calibration import calibration_bins
from models import bundle_writing
from models.curves import curves
from models.dataset import Progress, silent
from models.drift import Baseline
from models.report import FOLD_POINTS, importance, spread
from models.table import Index, Matrix, Table
from models.table_learning import HEADLINES, LOW_IS_GOOD, SHOWN
from models.table_metrics import baseline, judge
from models.table_splits import Protocol, inner, method, splits
from models.train import one_by_one

MOST_ROUNDS, PATIENCE = 1000, 50
WIDE = 20  # columns, from which on each tree sees only some of them
MANY = 50_000  # rows, from which on more than one thread pays
AVERAGED = 100_000  # rows that the average answer is taken over


def parameters(table: Table, seed: int) -> dict[str, Any]:
    """LightGBM's parameters for this table: cautious, as most tables are small."""
    wide = len(table.schema) >= WIDE
    found: dict[str, Any] = {
        "objective": table.objective,
        "num_leaves": 7 if wide and len(table) < MANY else 15,
        "learning_rate": 0.03,
        "min_data_in_leaf": 20 if len(table) >= 1000 else 5,
        "feature_fraction": 0.4 if wide else 1.0,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0 if wide else 1.0,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": min(4, os.cpu_count() or 1) if len(table) >= MANY else 1,
        "verbose": -1,
        "seed": seed,
    }
    return {**found, "num_class": len(table.classes)} if table.objective == "multiclass" else found


def train(table: Table, protocol: Protocol, source: str, folder: Path, progress: Progress = silent) -> Path:
    """Judge, fit on every row, and write a bundle below ``folder``; returns its path.

    Raises ``DataError`` for a table that cannot be parted, ``BundleError`` where the bundle cannot be written.
    """
    params = parameters(table, protocol.seed)
    parts = splits(table, protocol)
    steps = one_by_one("training models", len(parts) + 1, progress)
    data = _dataset(table, params)
    folds, tested, rounds = [], [], []
    for number, (learn, test) in enumerate(parts, 1):
        steps(f"fold {number} of {len(parts)}")
        rounds.append(_rounds(table, data, learn, protocol, params))
        booster = lgb.train(params, data.subset(np.sort(learn).tolist()), num_boost_round=rounds[-1])
        answers = np.asarray(booster.predict(table.x[test]))
        folds.append(_fold(table, learn, test, answers))
        tested.append((table.y[test], answers))
    steps("the final model")
    chosen = max(1, round(float(np.median(rounds))))
    booster = lgb.train(params, data, num_boost_round=chosen)
    judged = _report(table, protocol, folds, tested)
    judged["importance"] = importance(booster, table.schema.names)
    steps("written below")
    some = table.evenly(AVERAGED)
    answers = np.asarray(booster.predict(table.x[some])).reshape(len(some), -1)
    trained = bundle_writing.Trained(
        domain=table.name,
        objective=table.objective,
        booster=booster,
        schema=table.schema,
        average=answers.mean(axis=0).tolist(),
        report=judged,
        params={**params, "rounds": chosen, "rounds_of_folds": rounds},
        data={"source": source, **_facts(table, tested)},
        baseline=Baseline.of(table.x[some], answers, table.schema).to_json(),
    )
    return bundle_writing.write(trained, folder, datetime.now(UTC))


def _facts(table: Table, tested: list[tuple[Matrix, Matrix]]) -> dict[str, Any]:
    """What the manifest says of the table; with two classes also from which probability on a stream flags a row."""
    found = {"rows": len(table), "label": table.label, "classes": list(table.classes), "dropped": table.dropped}
    if table.objective != "binary":
        return found
    y, answers = (np.concatenate([pair[i] for pair in tested]) for i in (0, 1))
    return {**found, "threshold": as_often(y, answers)}


def as_often(y: Matrix, answers: Matrix) -> float:
    """The threshold at which as many of ``answers`` (n,) are flagged as ``y`` (n,) has positives; of equal answers, a few more.

    Over the rows that were tested: to those that it learned from a model gives answers that are too sure of themselves.
    """
    return float(np.sort(answers)[::-1][max(1, int(y.sum())) - 1])


def _dataset(table: Table, params: dict[str, Any]) -> lgb.Dataset:
    """All rows, put into bins once: folds take their rows of it, so that the table is never copied.

    Features are named by their places, as LightGBM refuses brackets and commas in names; every artifact carries the real names.
    """
    names = [f"Column_{i}" for i in range(len(table.schema))]
    data = lgb.Dataset(table.x, table.y, feature_name=names, categorical_feature=list(table.schema.categorical_indices), params=params)
    return data.construct()


def _rounds(table: Table, data: lgb.Dataset, train: Index, protocol: Protocol, params: dict[str, Any]) -> int:
    """How many rounds do best on a part of the training rows. The rows that are judged are not looked at."""
    learn, test = inner(table, train, protocol)
    stop = lgb.early_stopping(PATIENCE, verbose=False)
    valid = data.subset(np.sort(test).tolist())
    booster = lgb.train(params, data.subset(np.sort(learn).tolist()), MOST_ROUNDS, valid_sets=[valid], callbacks=[stop])
    return max(1, booster.best_iteration)


def _fold(table: Table, learn: Index, test: Index, answers: Matrix) -> dict[str, Any]:
    y = table.y[test]
    found: dict[str, Any] = {
        "trained": len(learn),
        "tested": len(test),
        "metrics": judge(table, y, answers),
        "baseline": baseline(table, table.y[learn], y),
    }
    if table.objective == "binary":
        found |= {"curves": curves(y, answers, FOLD_POINTS), "calibration": calibration_bins(y, answers)}
    return found


def _report(table: Table, protocol: Protocol, folds: list[dict[str, Any]], tested: list[tuple[Matrix, Matrix]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "protocol": {"method": method(table, protocol), "folds": len(folds), "seed": protocol.seed},
        "folds": folds,
        "metrics": spread([fold["metrics"] for fold in folds]),
        "baselines": {"the same answer always": spread([fold["baseline"] for fold in folds])},
        "headline": HEADLINES[table.objective],
        "lower_is_better": HEADLINES[table.objective] in LOW_IS_GOOD,
        "shown": SHOWN[table.objective],
    }
    if table.objective == "binary":
        y, answers = (np.concatenate([pair[i] for pair in tested]) for i in (0, 1))
        found |= {"curves": curves(y, answers), "calibration": calibration_bins(y, answers), "positive": repr(table.classes[1])}
    return found
