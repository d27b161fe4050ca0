"""What a table's model is judged by, beside what one says without looking at the row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from domain.calibration import calibration_error
from models.errors import DataError
from models.table import Matrix, Objective, Table


class Asked(NamedTuple):
    """What a model is asked: a table without its rows."""

    objective: Objective
    label: str
    classes: tuple[str, ...]


def judge(table: Table | Asked, y: Matrix, answers: Matrix) -> dict[str, float]:
    """Metrics of ``answers``: (n,) probabilities or quantities, (n, classes) probabilities. Raises ``DataError`` without both labels."""
    if table.objective == "binary":
        if len(np.unique(y)) < 2:
            raise DataError(f"column {table.label!r}: a part of the rows that is judged has one label only; part the rows otherwise")
        return {
            "auc": float(roc_auc_score(y, answers)),
            "average_precision": float(average_precision_score(y, answers)),
            "log_loss": float(log_loss(y, answers)),
            "brier": float(brier_score_loss(y, answers)),
            "calibration_error": calibration_error(y, answers),
        }
    if table.objective == "multiclass":
        best, known = answers.argmax(axis=1), list(range(len(table.classes)))
        sound = answers / answers.sum(axis=1, keepdims=True)
        return {
            "accuracy": float(accuracy_score(y, best)),
            "macro_f1": float(f1_score(y, best, labels=known, average="macro", zero_division=0.0)),
            "log_loss": float(log_loss(y, sound, labels=known)),
        }
    error = y - answers
    return {"rmse": float(np.sqrt((error**2).mean())), "mae": float(np.abs(error).mean()), "r2": r2(y, answers)}


def r2(y: Matrix, answers: Matrix) -> float:
    """The share of the labels' variance that the answers explain; 0 where the labels are all equal."""
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - answers) ** 2).sum()) / spread if spread else 0.0


def baseline(table: Table | Asked, learned: Matrix, y: Matrix) -> dict[str, float]:
    """The metrics of answering every row alike: with the mean, or the shares of the classes, of the training rows."""
    if table.objective == "multiclass":
        shares = (np.bincount(learned.astype(np.int64), minlength=len(table.classes)) + 1e-9) / len(learned)
        return judge(table, y, np.tile(shares, (len(y), 1)))
    return judge(table, y, np.full(len(y), learned.mean()))
