"""What a fraud model is judged by. Scores are probabilities; all arrays are (n,) over the tested payments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score, roc_curve

Array = NDArray[np.float64]
TOP = 100
CURVE_POINTS = 200


def judge(y: Array, score: Array, key: NDArray[np.str_], day: NDArray[np.int64]) -> dict[str, float]:
    """AUC, average precision, card precision@100 with its ceiling, Brier score and expected calibration error."""
    precision, ceiling = card_precision(y, score, key, day)
    return {
        "auc": float(roc_auc_score(y, score)),
        "average_precision": float(average_precision_score(y, score)),
        "card_precision_at_100": precision,
        "card_precision_ceiling": ceiling,
        "card_precision_share": precision / ceiling if ceiling else float("nan"),
        "brier": float(brier_score_loss(y, score)),
        "calibration_error": calibration_error(y, score),
    }


def card_precision(y: Array, score: Array, key: NDArray[np.str_], day: NDArray[np.int64], top: int = TOP) -> tuple[float, float]:
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


def calibration_bins(y: Array, score: Array, bins: int = 10) -> list[dict[str, float]]:
    """Reliability: mean score and share of frauds in bins of equal size by score."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [{"score": float(score[p].mean()), "fraud": float(y[p].mean()), "count": len(p)} for p in parts]


def calibration_error(y: Array, score: Array) -> float:
    """Expected calibration error over bins of equal size (Guo et al., ICML 2017)."""
    bins = calibration_bins(y, score)
    return sum(b["count"] * abs(b["score"] - b["fraud"]) for b in bins) / len(y)


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


def best_single_rule(x: Array, y: Array, names: tuple[str, ...]) -> tuple[str, float]:
    """The feature that, alone and taken either way, ranks best: its name and its average precision. Missing ranks last."""
    found = {}
    for i, name in enumerate(names):
        for sign, text in ((1.0, "high"), (-1.0, "low")):
            ranked = np.where(np.isnan(x[:, i]), -np.inf, sign * x[:, i])
            found[f"{text} {name}"] = float(average_precision_score(y, np.nan_to_num(ranked, neginf=-1e300)))
    best = max(found, key=lambda name: found[name])
    return best, found[best]
