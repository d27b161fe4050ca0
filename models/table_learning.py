"""How a table's model is trained again from what a stream decided, and what it is judged by: the measures of its first training."""

from __future__ import annotations

from typing import Final

import numpy as np

from domain.learning import Learning, Matrix, Metrics, Recipe, Rows
from models import table_metrics
from models.table_domain import Facts

HEADLINES: Final = {"binary": "average_precision", "multiclass": "log_loss", "regression": "rmse"}
LOW_IS_GOOD: Final = frozenset({"log_loss", "rmse"})
SHOWN: Final = {
    "binary": {"auc": "AUC", "average_precision": "average precision", "log_loss": "log loss", "calibration_error": "calibration error"},
    "multiclass": {"accuracy": "accuracy", "macro_f1": "macro F1", "log_loss": "log loss"},
    "regression": {"rmse": "RMSE", "mae": "mean absolute error", "r2": "R²"},
}
_NOT_LIGHTGBMS: Final = ("rounds", "rounds_of_folds")


def learning_of(found: Facts) -> Learning:
    """With the parameters and the rounds of the manifest; rows are parted by key, and by lot where each row is its own."""
    params = {name: value for name, value in found.params.items() if name not in _NOT_LIGHTGBMS}
    asked = table_metrics.Asked(found.objective, found.label, found.classes)

    def answered(scores: Matrix) -> Matrix:
        return scores if found.objective == "multiclass" else scores[:, 0]

    def judge(rows: Rows, scores: Matrix) -> Metrics:
        return table_metrics.judge(asked, rows.y, answered(np.asarray(scores)))

    def baselines(train: Rows, test: Rows) -> dict[str, Metrics]:
        return {"the same answer always": table_metrics.baseline(asked, train.y, test.y)}

    headline = HEADLINES[found.objective]
    return Learning(
        recipe=Recipe(params, int(found.params.get("rounds", 100))),
        judge=judge,
        baselines=baselines,
        headline=headline,
        shown=SHOWN[found.objective],
        history_days=1,
        lower_is_better=headline in LOW_IS_GOOD,
    )
