"""How a model of the remaining life is made, and what it is judged by: one look at each part, at a moment taken by lot."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.learning import Learning, Matrix, Metrics, Recipe, Rows
from domain.maintenance.features import SCHEMA
from domain.maintenance.lives import CAP
from domain.maintenance.policy import Costs
from domain.maintenance.rul_metrics import cuts, lives, nasa_score, rmse

CUTS: Final = 20  # repetitions: one cut of each life by lot is little to judge by
AGE: Final = SCHEMA.names.index("age")
PENALTY: Final = 10.0  # of the linear model, on inputs of unit variance

# Chosen by cross-validation over engines on C-MAPSS FD001 (models/cmapss_evaluation.py). One thread: a fit takes seconds, and shares the
# machine with a stream. LightGBM itself leaves out columns that never change.
PARAMS: Final[dict[str, Any]] = {
    "learning_rate": 0.05,
    "feature_fraction": 0.4,
    "bagging_fraction": 0.3,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_col_wise": True,  # a tree looks at some columns only: the same trees in less time
    "num_threads": 1,
    "verbose": -1,
    "seed": 7,
}
RECIPE = Recipe({"objective": "regression", "num_leaves": 16, "min_data_in_leaf": 50, **PARAMS}, rounds=150)
# Rows of one life are alike, so a leaf of few rows is a leaf of few lives: a low quantile in it is too high. In a simulated world where
# 95 % were asked for, leaves of 50 rows gave bounds that held for 84 % of the rows near the lead time, leaves of 400 for 91 %.
EARLY = Recipe({"objective": "quantile", "alpha": round(Costs().chance, 4), "num_leaves": 8, "min_data_in_leaf": 400, **PARAMS}, rounds=100)


def judge(rows: Rows, scores: Matrix) -> Metrics:
    """Errors in cycles over cuts of lives and over all rows, the NASA score a life, and how often the early bound holds.

    ``scores`` (n, 1 or 2): the estimate, and the early bound where there is one. ``early_coverage_near`` looks only at bounds within twice
    the lead time, where orders hang on them.
    """
    estimate = scores[:, 0]
    found = lives(rows.key, rows.x[:, AGE])
    cut = [cuts(found, rows.key, repetition) for repetition in range(CUTS)]
    metrics = {
        "rmse": float(np.mean([rmse(rows.y[c], estimate[c]) for c in cut])),
        "mae": float(np.mean([np.abs(rows.y[c] - estimate[c]).mean() for c in cut])),
        "nasa_score": float(np.mean([nasa_score(rows.y[c], estimate[c]) for c in cut])) / len(found),
        "rmse_all_rows": rmse(rows.y, estimate),
        "mae_all_rows": float(np.abs(rows.y - estimate).mean()),
    }
    return metrics | (_coverage(rows.y, scores[:, 1]) if scores.shape[1] > 1 else {})


def _coverage(y: Matrix, bound: Matrix) -> Metrics:
    held, near = y >= bound, bound < 2 * Costs().lead
    return {
        "early_coverage": float(held.mean()),
        "early_coverage_near": float(held[near].mean()) if near.any() else 1.0,
        "early_margin_near": float((y - bound)[near].mean()) if near.any() else 0.0,
    }


def baselines(train: Rows, test: Rows) -> dict[str, Metrics]:
    """The mean of the training rows, and a ridge regression on all features."""
    mean = np.full((len(test.y), 1), train.y.mean())
    return {"mean": judge(test, mean), "linear model": judge(test, linear(train, test)[:, None])}


def linear(train: Rows, test: Rows) -> Matrix:
    """(n,) estimates of a ridge regression, between 0 and ``CAP``; a missing value is the column's mean, what never changes is left out."""
    centre = np.nan_to_num(np.nanmean(train.x, axis=0))
    filled = [np.where(np.isnan(rows.x), centre, rows.x) - centre for rows in (train, test)]
    scale = filled[0].std(axis=0)
    varies = scale > 1e-9 * np.maximum(np.abs(centre), 1.0)
    known, asked = (f[:, varies] / scale[varies] for f in filled)
    gram = known.T @ known + PENALTY * np.eye(known.shape[1])
    weights = np.linalg.solve(gram, known.T @ (train.y - train.y.mean()))
    return np.asarray(np.clip(train.y.mean() + asked @ weights, 0.0, CAP))


def rmse_of_a_cut(rows: Rows, scores: Matrix) -> float:
    """The root of the mean squared error over lives, each of which counts once, by its mean over all its cycles.

    Of the RMSE over cuts by lot this is the square's expectation, so a little more than its mean: with few lives some percent.
    """
    squared = (scores[:, 0] - rows.y) ** 2
    return float(np.sqrt(np.mean([squared[life].mean() for life in lives(rows.key, rows.x[:, AGE])])))


def life_of(rows: Rows) -> NDArray[np.int64]:
    """(n,) the number of each row's life: of a part, from when it was fitted."""
    found = np.zeros(len(rows.y), dtype=np.int64)
    for number, life in enumerate(lives(rows.key, rows.x[:, AGE])):
        found[life] = number
    return found


LEARNING = Learning(
    recipe=RECIPE,
    judge=judge,
    baselines=baselines,
    headline="rmse",
    lower_is_better=True,
    shown={
        "rmse": "RMSE, cycles",
        "mae": "mean error, cycles",
        "nasa_score": "NASA score a life",
        "early_coverage_near": "early bound holds",
    },
    history_days=30,
    window=None,
    beside={"early": EARLY},
    unit=life_of,
    measure=rmse_of_a_cut,
)
