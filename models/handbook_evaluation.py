"""Judges the fraud recipe on recorded payments: train 7 days, wait 7 for the labels, test 7, rolled forward."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from domain.contract import Domain
from domain.learning import Window
from models import handbook, protocol, report
from models.dataset import Progress, counted, replay, silent
from models.train import one_by_one

if TYPE_CHECKING:
    from models.recorded import Question

WINDOW = Window(train=7, delay=7, test=7)
WARM_UP_DAYS = 34  # the features look back 30 days, at labels that are 7 days late: nearly full before the first training day
FOLDS = 4


def evaluate(domain: Domain, question: Question, progress: Progress = silent) -> dict[str, Any]:
    """The report over ``FOLDS`` windows after the warm-up. Raises ``DataError`` for history that is too short or without frauds."""
    question.plain(domain)
    total = handbook.count(question.data)
    emissions = counted(handbook.emissions(question.data), f"reading {domain.events_name}", total, progress)
    learning, data = replace(domain.learning(), window=WINDOW), replay(domain, emissions, progress)
    starts = protocol.evenly(data, WINDOW, FOLDS, WARM_UP_DAYS)
    parts = list(protocol.folds(data, WINDOW, starts, learning.leave_out_found))
    steps = one_by_one("judging folds", len(parts), progress)
    found = report.cross_validate(replace(domain, learning=lambda: learning), data, parts, steps)
    steps("done")
    return found
