"""What no portable format carries yet, refused in one place and by name."""

from __future__ import annotations

import numpy as np

from exports.ensemble import Ensemble
from exports.errors import UnsupportedModel


def check_portable(ensemble: Ensemble, form: str) -> None:
    """Raises ``UnsupportedModel`` for splits that take zero for missing, and for infinite leaves.

    A threshold of +inf asks whether a value is there at all, which formats have words for; it must send missing right.
    """
    if ensemble.zero_missing.any():
        raise UnsupportedModel(f"a split takes zero for missing (zero_as_missing=true), which {form} is not written with: export as native")
    there = (ensemble.threshold == np.inf) & (ensemble.feature >= 0) & ~ensemble.default_left
    if not (np.isfinite(ensemble.threshold) | there).all():
        raise UnsupportedModel(f"a threshold or a leaf is infinite, which {form} has no number for: export as native")
