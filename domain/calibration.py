"""Does a score mean what it says? All arrays are (n,)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def calibration_bins(y: Array, score: Array, bins: int = 10) -> list[dict[str, float]]:
    """Reliability: mean score and mean label (a share of positives, or a quantity) in bins of equal size by score."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [{"score": float(score[p].mean()), "observed": float(y[p].mean()), "count": len(p)} for p in parts]


def calibration_error(y: Array, score: Array) -> float:
    """Expected calibration error over bins of equal size (Guo et al., ICML 2017)."""
    bins = calibration_bins(y, score)
    return sum(b["count"] * abs(b["score"] - b["observed"]) for b in bins) / len(y)
