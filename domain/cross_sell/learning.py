"""How a cross-sell model is made, and what it is judged by: whether the group that is bought next stands on top."""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.cross_sell.features import SCHEMA
from domain.cross_sell.groups import COUNT, GROUPS
from domain.cross_sell.ranking import Mask, per_row
from domain.learning import Learning, Matrix, Metrics, Recipe, Rows, Window

_BASKETS: Final = [SCHEMA.names.index(f"{g}_baskets_12w") for g in GROUPS]
_SINCE: Final = [SCHEMA.names.index(f"{g}_baskets_since") for g in GROUPS]
_SMALLEST: Final = 1e-6  # a probability below it counts as this in the log loss

# A round is a tree a group: few rounds of small trees keep every export small. One thread: a fit shares the machine with a stream.
RECIPE = Recipe(
    rounds=60,
    params={
        "objective": "multiclass",
        "num_class": COUNT,
        "num_leaves": 7,
        "learning_rate": 0.1,
        "min_data_in_leaf": 50,
        "feature_fraction": 0.3,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 20.0,
        "max_bin": 63,
        "deterministic": True,
        "force_col_wise": True,  # a tree looks at some columns only: the same trees in less time
        "num_threads": 1,
        "verbose": -1,
        "seed": 7,
    },
)


def judge(rows: Rows, scores: Matrix) -> Metrics:
    """hit@1, hit@3 and NDCG@5 over the groups not in the basket, and the log loss. ``scores`` (n, groups) are probabilities."""
    chosen = rows.y.astype(np.int64)
    found = {name: float(values.mean()) for name, values in per_row(_relevant(rows), scores, allowed(rows.x)).items()}
    likely = np.maximum(scores[np.arange(len(chosen)), chosen], _SMALLEST)
    return {**found, "log_loss": float(-np.log(likely).mean())}


def baselines(train: Rows, test: Rows) -> dict[str, Metrics]:
    """What sells best everywhere; and what the household bought most often in 12 weeks, ties as they sell."""
    share = popularity(train.y)
    return {
        "popularity": judge(test, np.tile(share, (len(test.y), 1))),
        "household favourite": judge(test, favourite(test.x, share)),
    }


def popularity(y: Matrix) -> Matrix:
    """(groups,) the share of each group among what was bought next."""
    counts = np.bincount(y.astype(np.int64), minlength=COUNT) + 1.0
    return np.asarray(counts / counts.sum())


def favourite(x: Matrix, share: Matrix) -> Matrix:
    """(n, groups) each household's own shares, leaning on everybody's while it is little known."""
    counts = x[:, _BASKETS] + share
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def allowed(x: Matrix) -> Mask:
    """(n, groups) which groups are not in the basket."""
    return np.asarray(x[:, _SINCE] != 0)


def _relevant(rows: Rows) -> Mask:
    return np.asarray(rows.y[:, None] == np.arange(COUNT))


LEARNING = Learning(
    recipe=RECIPE,
    judge=judge,
    baselines=baselines,
    headline="hit@1",
    shown={"hit@1": "hit@1", "hit@3": "hit@3", "ndcg@5": "NDCG@5", "log_loss": "log loss"},
    history_days=42,
    window=Window(train=21, delay=8, test=5),
    folds=2,
)
