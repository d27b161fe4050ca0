"""Which categories of *The Complete Journey* go together: the product groups of whoever wants to sell what belongs to a basket.

Of the categories that may be offered and that are in at least ``SHARE`` of the visits, the ``MOST`` with the closest companion: with the
highest lift over another one, how many times as often as by chance both are in one basket. It is measured on visits to learn from alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np

from domain.cross_sell.ranking import Mask
from domain.learning import Matrix
from models import complete_journey
from models.complete_journey_groups import Grouping, group_of
from models.errors import DataError

SHARE: Final = 0.015
MOST: Final = 20


def categories(paths: list[Path]) -> Grouping:
    """A group a category, of all that may be offered."""
    return Grouping(tuple(sorted({name for product in complete_journey.products(paths) if (name := _category(*product))})), _category)


def companions(names: tuple[str, ...], brought: Mask) -> Grouping:
    """The categories with the closest companions. ``brought`` (visits, names): what was bought on the visits to learn from.

    Raises ``DataError`` where no two categories are bought often enough.
    """
    often = np.flatnonzero(brought.mean(axis=0) >= SHARE) if len(brought) else np.zeros(0, dtype=np.int64)
    if len(often) < 2:
        raise DataError("the recording holds no visits to learn from; are its products and transactions of one recording?")
    closest = lifts(brought[:, often]).max(axis=1)
    return Grouping(tuple(names[often[i]] for i in np.argsort(-closest, kind="stable")[:MOST]), _category)


def lifts(brought: Mask) -> Matrix:
    """(names, names) P(both) / (P(one) P(the other)) over visits; 0 of a category with itself. Each is on some visit."""
    counts = brought.astype(np.float64)
    both, alone = counts.T @ counts, counts.sum(axis=0)
    found = both * len(counts) / np.outer(alone, alone)
    np.fill_diagonal(found, 0.0)
    return np.asarray(found)


def _category(department: str | None, category: str | None) -> str | None:
    """A category as a plain name, where it may be offered."""
    return re.sub(r"\W+", "_", category.lower()).strip("_") if category and group_of(department, category) else None
