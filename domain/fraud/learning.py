"""How a fraud model is made, and what it is judged by: the Fraud Detection Handbook's measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from domain.calibration import calibration_error
from domain.fraud.features import SCHEMA
from domain.learning import Learning, Matrix, Metrics, Recipe, Rows, Window

TOP = 100

# Boosting by drop-out (DART) ranked as well and was worse calibrated: where it drops the first tree late, the average goes with it, and
# in 2 of 6 small worlds nearly every payment came out as a fraud. One thread: a fit takes seconds, and shares the machine with a stream.
RECIPE = Recipe(
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
        "force_col_wise": True,  # a tree looks at some columns only: the same trees in less time
        "num_threads": 1,
        "verbose": -1,
        "seed": 7,
    },
)


def judge(rows: Rows, scores: Matrix) -> Metrics:
    """AUC, average precision, card precision@100 with its ceiling, Brier score and expected calibration error.

    ``scores`` (n, 1) are probabilities.
    """
    y, score = rows.y, scores[:, 0]
    precision, ceiling = card_precision(y, score, rows.key, rows.day)
    return {
        "auc": float(roc_auc_score(y, score)),
        "average_precision": float(average_precision_score(y, score)),
        "card_precision_at_100": precision,
        "card_precision_ceiling": ceiling,
        "card_precision_share": precision / ceiling if ceiling else float("nan"),
        "brier": float(brier_score_loss(y, score)),
        "calibration_error": calibration_error(y, score),
    }


def card_precision(y: Matrix, score: Matrix, key: NDArray[np.str_], day: NDArray[np.int64], top: int = TOP) -> tuple[float, float]:
    """Card precision@``top`` and its ceiling, both means over days (Handbook, chapter 4.5).

    Each day the ``top`` cards with the highest score are checked; a card found compromised is not counted again.
    """
    found: set[str] = set()
    shares, ceilings = [], []
    for today in np.unique(day):
        of_day = (day == today) & ~np.isin(key, list(found))
        cards, index = np.unique(key[of_day], return_inverse=True)
        best, fraud = np.full(len(cards), -np.inf), np.zeros(len(cards))
        np.maximum.at(best, index, score[of_day])
        np.maximum.at(fraud, index, y[of_day])
        checked = np.argsort(-best, kind="stable")[:top]
        hits = cards[checked][fraud[checked] == 1]
        shares.append(len(hits) / top)
        ceilings.append(min(float(fraud.sum()), top) / top)
        found |= set(hits.tolist())
    return float(np.mean(shares)), float(np.mean(ceilings))


def baselines(train: Rows, test: Rows) -> dict[str, Metrics]:
    """The best single rule, chosen with the tested rows' own answers: no rule of one feature does better."""
    _, precision = best_single_rule(test.x, test.y, SCHEMA.names)
    return {"best single rule": {"average_precision": precision}}


def best_single_rule(x: Matrix, y: Matrix, names: tuple[str, ...]) -> tuple[str, float]:
    """The feature that, alone and taken either way, ranks best: its name and its average precision. Missing ranks last."""
    found = {}
    for i, name in enumerate(names):
        for sign, text in ((1.0, "high"), (-1.0, "low")):
            ranked = np.where(np.isnan(x[:, i]), -np.inf, sign * x[:, i])
            found[f"{text} {name}"] = float(average_precision_score(y, np.nan_to_num(ranked, neginf=-1e300)))
    best = max(found, key=lambda name: found[name])
    return best, found[best]


LEARNING = Learning(
    recipe=RECIPE,
    judge=judge,
    baselines=baselines,
    headline="average_precision",
    shown={
        "auc": "AUC",
        "average_precision": "average precision",
        "card_precision_share": "card precision@100 / ceiling",
        "calibration_error": "calibration error",
    },
    history_days=60,
    window=Window(train=14),
    leave_out_found=True,
    measure=lambda rows, scores: float(average_precision_score(rows.y, scores[:, 0])),
)
