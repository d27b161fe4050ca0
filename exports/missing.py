"""LightGBM's rules for missing values and near-zeros, settled into a plain comparison once, when a model is read.

LightGBM's predictor takes |x| <= 1e-35f for zero before any tree sees it; a split then treats missing as zero (type None),
zero and missing alike (type Zero) or missing alone (type NaN). The plain comparison gives the same answer for every double.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np

from exports.ensemble import Split

ZERO: Final = float(np.float32(1e-35))  # LightGBM's kZeroThreshold: a float compared with doubles
_BELOW_ZERO: Final = math.nextafter(-ZERO, -math.inf)
MissingType = Literal["none", "zero", "nan"]


def settle(feature: int, threshold: float, missing: MissingType, default_left: bool) -> Split:
    """The canonical split for LightGBM's (threshold, missing type, default side)."""
    if missing == "zero":
        return _zero_is_missing(feature, threshold, default_left)
    left = default_left if missing == "nan" else threshold >= 0.0
    return Split(feature, _around_zero(threshold), left)


def _around_zero(threshold: float) -> float:
    """The threshold for values that were not set to zero: the band around zero lies wholly on zero's side of it."""
    if -ZERO <= threshold <= ZERO:
        return ZERO if threshold >= 0.0 else _BELOW_ZERO
    return threshold


def _zero_is_missing(feature: int, threshold: float, default_left: bool) -> Split:
    """One comparison where the band around zero touches the default side; else the split keeps ``zero_missing``."""
    if default_left and threshold >= -ZERO:
        return Split(feature, max(threshold, ZERO), True)
    if not default_left and threshold < ZERO:
        return Split(feature, min(threshold, _BELOW_ZERO), False)
    return Split(feature, threshold, default_left, zero_missing=True)
