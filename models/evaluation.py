"""Judges the training recipe on recorded payments: train 7 days, wait 7 for the labels, test 7, rolled forward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from domain.contract import Domain, Emission
from models import report
from models.dataset import Progress, replay, silent
from models.protocol import Window, evenly
from models.train import RECIPE, one_by_one

WINDOW = Window(train=7, delay=7, test=7)
WARM_UP_DAYS = 34  # the features look back 30 days, at labels that are 7 days late: nearly full before the first training day
FOLDS = 4


def evaluate(domain: Domain, emissions: Iterable[Emission], progress: Progress = silent) -> dict[str, Any]:
    """The report over ``FOLDS`` windows after the warm-up. Raises ``DataError`` for history that is too short or without frauds."""
    data = replay(domain, emissions, progress)
    starts = evenly(data, WINDOW, FOLDS, WARM_UP_DAYS)
    steps = one_by_one("judging folds", len(starts), progress)
    found = report.cross_validate(data, domain.schema, WINDOW, starts, RECIPE, steps)
    steps("done")
    return found
