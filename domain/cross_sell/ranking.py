"""How well groups are ranked: is what was bought on top? All arrays are (n, groups), the answers (n,)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.learning import Matrix

Mask = NDArray[np.bool_]
TOP = 5


def per_row(relevant: Mask, scores: Matrix, allowed: Mask) -> dict[str, Matrix]:
    """hit@1, hit@3 and NDCG@5 of every row, over the groups that are allowed; ``relevant`` says which of them were bought.

    A hit: one of the first k was bought. NDCG with a gain of one for each (Järvelin and Kekäläinen, TOIS 2002). Ties go to the
    group that is listed first.
    """
    order = np.argsort(-np.where(allowed, scores, -np.inf), axis=1, kind="stable")[:, :TOP]
    found = np.take_along_axis(relevant & allowed, order, axis=1)
    discount = 1 / np.log2(np.arange(TOP) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum((relevant & allowed).sum(axis=1), TOP)]
    gained = (found * discount).sum(axis=1)
    return {
        "hit@1": found[:, 0].astype(np.float64),
        "hit@3": found[:, :3].any(axis=1).astype(np.float64),
        "ndcg@5": np.divide(gained, ideal, out=np.zeros_like(gained), where=ideal > 0),
    }
