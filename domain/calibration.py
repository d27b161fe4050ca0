"""Does a score mean what it says? All arrays are (n,)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def calibration_bins(y: Array, score: Array, bins: int = 10) -> list[dict[str, float]]:
    """Reliability: mean score and mean label (a share of positives, or a quantity) in bins of equal size by score.

    Rows of one score share their labels' mean, so that it does not matter in which order they stand where a bin ends among them.
    """
    order = np.argsort(score, kind="stable")
    scores = score[order]
    parts = [part for part in np.array_split(np.arange(len(y)), bins) if len(part)]
    first = np.flatnonzero(np.diff(scores, prepend=np.nan) != 0)
    size = np.diff(first, append=len(y))
    observed = np.repeat(np.add.reduceat(y[order], first) / size, size) if len(y) else y
    return [{"score": float(scores[p].mean()), "observed": float(observed[p].mean()), "count": len(p)} for p in parts]


def calibration_error(y: Array, score: Array) -> float:
    """Expected calibration error (Guo et al., ICML 2017), over bins of equal size where theirs are of equal width."""
    bins = calibration_bins(y, score)
    return sum(b["count"] * abs(b["score"] - b["observed"]) for b in bins) / len(y)
