"""How good decisions were, once labels have come: windows of a day of event time and a model version.

A window is a function of the decisions and labels that ``models.days`` holds, whatever their order was. Its measures are of late labels
only; what people said of the alerts that they were shown is a biased sample that comes sooner, and has counts of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Judged
from domain.decision import Decision
from domain.learning import Rows
from models.answers import answers, outputs
from models.days import Days, Row, date_of
from models.worth import added

FEWEST: Final = 20  # labelled decisions: of fewer the measures say nothing
Target = Callable[[Judged], float]


@dataclass(frozen=True)
class Window:
    """A day's decisions by one version, and what is known of them by now.

    ``settled``: the labels' time is over, and what has none is ``never`` labelled; until then it is ``waiting``. ``reviewed`` decisions
    have a person's verdict, which agrees with ``confirmed`` of them. ``share`` of the day's decisions are in the window: less than one
    where there were too many. ``metrics`` are those of ``Learning.judge``, and of the policy's actions; ``worth`` is the ledger's.
    """

    domain: str
    day: date
    model_version: str
    decisions: int
    labelled: int
    waiting: int
    never: int
    reviewed: int
    confirmed: int
    settled: bool
    share: float
    metrics: dict[str, float]
    worth: dict[str, float]


class Quality:
    """The windows of one domain that changed."""

    def __init__(self, days: Days) -> None:
        self._days, self._domain = days, days.domain
        self._given: dict[tuple[int, str], Window] = {}
        self._settled: set[int] = set()
        self._pending: set[int] = set()

    def windows(self, now: int, only: Iterable[int] | None = None) -> list[Window]:
        """What changed since it was last asked for, where event time is at day ``now``; of all days or ``only`` of some."""
        there = set(self._days)
        self._pending |= {*self._days.take_touched(), *(day for day in there - self._settled if self._is_settled(day, now))}
        asked = sorted(self._pending & (there if only is None else set(only)))
        self._pending -= set(asked)
        return [window for day in asked for window in self._changed(day, now)]

    def forget(self) -> None:
        """Let go of the days that are gone."""
        there = set(self._days)
        self._given = {place: window for place, window in self._given.items() if place[0] in there}
        self._settled &= there
        self._pending &= there

    def _is_settled(self, day: int, now: int) -> bool:
        return day + self._days.wait < now

    def _changed(self, day: int, now: int) -> list[Window]:
        settled = self._is_settled(day, now)
        if settled:
            self._settled.add(day)
        found = windows_of(self._domain, day, self._days.rows(day, shadow=True), self._days.labels(day), settled, self._days.share(day))
        new = [window for window in found if self._given.get((day, window.model_version)) != window]
        self._given |= {(day, window.model_version): window for window in new}
        return new


def windows_of(domain: Domain, day: int, rows: Sequence[Row], labels: Sequence[Any], settled: bool, share: float = 1.0) -> list[Window]:
    """A day's windows, one a version, from its decisions in order of event time and the labels that count for them."""
    target, verdict = domain.targets(labels), domain.verdicts(labels) if domain.verdicts else _nothing
    found = []
    for version in sorted({row.version for row in rows}):
        own = [row for row in rows if row.version == version]
        decisions = [row.decision for row in own]
        y, said = (np.array([of(decision) for decision in decisions]) for of in (target, verdict))
        labelled, reviewed = int((~np.isnan(y)).sum()), int((~np.isnan(said)).sum())
        counts = {"waiting": 0 if settled else len(own) - labelled, "never": len(own) - labelled if settled else 0}
        found.append(Window(
            domain=domain.name,
            day=date_of(day),
            model_version=version,
            decisions=len(own),
            labelled=labelled,
            reviewed=reviewed,
            confirmed=int(np.nansum(said)),
            settled=settled,
            share=share,
            metrics=_metrics(domain, own, decisions, y),
            worth={name: value for name, value in sorted(added(domain, decisions, labels).items()) if value},
            **counts,
        ))  # fmt: skip
    return found


def _nothing(event: Judged) -> float:
    return math.nan


def _metrics(domain: Domain, rows: Sequence[Row], decisions: Sequence[Decision], y: NDArray[np.float64]) -> dict[str, float]:
    """The domain's measures, and of a yes or no how right the alerts were; what cannot be computed is left out."""
    width = outputs(domain)
    known = [i for i in range(len(rows)) if not math.isnan(y[i]) and len(rows[i].raw) == width and len(rows[i].x) == len(domain.schema)]
    if len(known) < FEWEST or (domain.objective == "binary" and len(set(y[known])) < 2):
        return {}
    own = [rows[i] for i in known]
    keys = np.array([row.key for row in own])
    judged = Rows(np.stack([row.x for row in own]), y[known], keys, np.zeros(len(own), np.int64))
    found = domain.learning().judge(judged, answers(domain, np.stack([row.raw for row in own])))
    if domain.objective == "binary":
        found = found | _alerts(np.array([decisions[i].alert for i in known]), y[known] == 1)
    return {name: float(value) for name, value in sorted(found.items()) if math.isfinite(value)}


def _alerts(alert: NDArray[np.bool_], positive: NDArray[np.bool_]) -> dict[str, float]:
    """Precision and recall of what the policy did: of any action that calls a person."""
    right = float((alert & positive).sum())
    return {"alert_precision": right / alert.sum() if alert.any() else math.nan, "alert_recall": right / positive.sum()}
