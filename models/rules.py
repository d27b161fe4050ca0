"""When a domain's model is to be trained again, and when a promotion is to be taken back: stated rules over what was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from domain.contract import Domain
from models.registry import Standing

FEWEST: Final = 20  # labelled decisions of a day: of fewer its measure says nothing


@dataclass(frozen=True)
class Rules:
    """The triggers; None switches one off. Labels are counted as they arrive, repeats and all."""

    labels: int | None = None  # new labels since the last training
    every_s: float | None = None  # seconds of wall-clock time since it
    drift: bool = True  # an alarm, until a promotion answers it
    retry_labels: int = 5_000  # new labels between two trainings for one alarm: the first has seen little of what is new
    worse_days: int = 3  # days in a row on which a promoted model must be worse than the one before it
    worse_by: float = 0.05  # and by which share of that one's measure


class Step(NamedTuple):
    """What is to be done now, and why."""

    what: Literal["retrain", "rollback"]
    why: str


class Watch:
    """One domain's watch, told what happened in the topics' order; a restart that is told the same says the same."""

    def __init__(self, domain: Domain, rules: Rules) -> None:
        self._learning, self._rules = domain.learning(), rules
        self._standing: Standing | None = None
        self._drift: dict[str, tuple[int, str]] = {}  # the time of the last alarm and what it says, by version
        self._trained_us, self._trained_labels = 0, 0  # the last training's begin, and the labels that there were
        self._days: dict[str, dict[date, float]] = {}  # the headline measure, by version and day

    def stands(self, standing: Standing) -> None:
        """Who decides from now on."""
        self._standing = standing

    def drifted(self, version: str, at_us: int, text: str) -> None:
        """What a version is asked has moved from what it learned from, or (without a ``text``) does so no longer.

        The latest alarm says how by now; one that is told again, with the time that it had, changes nothing. Another champion answers it.
        """
        self._drift[version] = max((at_us, text), self._drift.get(version, (0, "")), key=lambda told: told[0])

    def trained(self, at_us: int, labels: int) -> None:
        """A training began, when there were so many labels."""
        self._trained_us, self._trained_labels = at_us, labels

    def measured(self, day: date, version: str, labelled: int, metrics: Mapping[str, float]) -> None:
        """A day's window of a version, of decisions made for real or in the champion's place; a later one of the day replaces it."""
        value = metrics.get(self._learning.headline)
        if value is not None and labelled >= FEWEST:
            self._days.setdefault(version, {})[day] = value

    def next(self, now_us: int, labels: int, *, back: bool = True) -> Step | None:
        """What is due at ``now_us`` (UTC microseconds), when there are so many labels; nothing while no model decides.

        ``back``: whether a promotion may be taken back.
        """
        if self._standing is None:
            return None
        _, drift = self._drift.get(self._standing.champion, (0, ""))
        rollback = self._rollback(self._standing) if back else None
        return rollback or self._retrain(now_us, labels - self._trained_labels, drift)

    def _retrain(self, now_us: int, new: int, drift: str) -> Step | None:
        r = self._rules
        if r.drift and drift and new >= r.retry_labels:
            return Step("retrain", drift)
        if r.labels and new >= r.labels:
            return Step("retrain", f"{new:,} new labels")
        if r.every_s and now_us - self._trained_us >= r.every_s * 1e6:
            return Step("retrain", f"every {r.every_s:g} s")
        return None

    def _rollback(self, standing: Standing) -> Step | None:
        """The champion is worse than the one before it on the latest days that both were measured on."""
        if not standing.former:
            return None
        ours, theirs = (self._days.get(version, {}) for version in (standing.champion, standing.former[0]))
        both = sorted(set(ours) & set(theirs))[-self._rules.worse_days :]
        sign = 1.0 if self._learning.lower_is_better else -1.0
        behind = [sign * (ours[day] - theirs[day]) / max(abs(theirs[day]), 1e-12) for day in both]
        if len(both) < self._rules.worse_days or min(behind) < self._rules.worse_by:
            return None
        measure = self._learning.headline.replace("_", " ")
        days = f"{both[0]} to {both[-1]}"
        mean = [sum(of[day] for day in both) / len(both) for of in (ours, theirs)]
        return Step("rollback", f"{measure} {mean[0]:.4f} where {standing.former[0]} had {mean[1]:.4f}, {days}")
