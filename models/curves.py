"""The curves of a model that says yes or no. Scores are probabilities; all arrays are (n,) over the tested rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

Array = NDArray[np.float64]
CURVE_POINTS = 200


def curves(y: Array, score: Array, points: int = CURVE_POINTS) -> dict[str, list[list[float]]]:
    """Precision-recall and ROC points, thinned to at most ``points`` for a plot: lists of [x, y]."""
    precision, recall, _ = precision_recall_curve(y, score)
    false_positive, true_positive, _ = roc_curve(y, score)
    return {"precision_recall": _thin(recall, precision, points), "roc": _thin(false_positive, true_positive, points)}


def _thin(x: Array, y: Array, points: int) -> list[list[float]]:
    """Points evenly spaced along the line, so that its steep parts keep theirs."""
    along = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    chosen = np.unique(np.searchsorted(along, np.linspace(0, along[-1], points)).clip(0, len(x) - 1))
    return [[float(x[i]), float(y[i])] for i in chosen]
