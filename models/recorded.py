"""Recorded data of the domains: what reads it, and what judges a model on it. A domain without a line here has its simulator only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from domain.contract import Domain, Emission
from models import cmapss, cmapss_evaluation, complete_journey, complete_journey_evaluation, handbook, handbook_evaluation
from models.dataset import Progress
from models.errors import DataError


@dataclass(frozen=True)
class Question:
    """What `polyscore evaluate` was asked: the files, and how to part them.

    ``test`` and ``answers``: files of their own to be judged on.
    """

    data: list[Path]
    split: Literal["time", "key"] | None = None  # None: as the domain's benchmark does
    test: Path | None = None
    answers: Path | None = None

    def plain(self, domain: Domain) -> None:
        """Raises ``DataError`` where something was asked that this domain's data has not."""
        if self.split or self.test or self.answers:
            raise DataError(f"--split, --test and --rul: the recorded data of {domain.name} is parted by time, and has no files to test on")


@dataclass(frozen=True)
class Recording:
    """``count``: events in the files; ``emissions``: events and labels in order of time; ``evaluate``: a report as plain JSON values.

    All raise ``DataError`` naming the file.
    """

    files: str  # what they are, for the help
    count: Callable[[list[Path]], int]
    emissions: Callable[[list[Path]], Iterator[Emission]]
    evaluate: Callable[[Domain, Question, Progress], dict[str, Any]]


RECORDINGS: Mapping[str, Recording] = {
    "fraud": Recording("parquet files of the Fraud Detection Handbook", handbook.count, handbook.emissions, handbook_evaluation.evaluate),
    "maintenance": Recording("train files of NASA's C-MAPSS", cmapss.count, cmapss.emissions, cmapss_evaluation.evaluate),
    "cross_sell": Recording(
        "the folder of dunnhumby's The Complete Journey",
        complete_journey.count,
        complete_journey.emissions,
        complete_journey_evaluation.evaluate,
    ),
}


def recording(domain: Domain) -> Recording:
    """What reads the domain's recorded data. Raises ``DataError`` where nothing does."""
    if domain.name not in RECORDINGS:
        raise DataError(f"no recorded data of {domain.name} can be read: a reader of it is a line in models/recorded.py")
    return RECORDINGS[domain.name]
