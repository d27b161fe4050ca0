"""Labelled decisions judged again by other terms: what would have been done, and what that would have been worth. Pure.

The model's answers stay what they were. A policy that remembers begins at the window's start without a memory, whatever terms it is
judged by: what was open before that is opened anew. So two terms are compared with each other, not with what was done in its time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from domain.contract import Domain
from domain.decision import Decision
from domain.terms import in_full
from models.answers import answers, outputs
from models.worth import sums


@dataclass(frozen=True)
class Labelled:
    """Decisions in order of event time, the model's answer to each, what became of each (nan: nobody knows), and the labels that say so."""

    domain: Domain
    decisions: Sequence[Decision]
    scores: Sequence[Sequence[float]]
    y: Sequence[float]
    labels: Sequence[Any]
    left_out: int  # that no model had a part in

    @property
    def known(self) -> int:
        """How many have a label."""
        return sum(not math.isnan(value) for value in self.y)

    @property
    def days(self) -> float:
        """How long the window is; a minute at least."""
        return max((self.decisions[-1].event_time - self.decisions[0].event_time).total_seconds() / 86_400, 1 / 1_440)

    def newest(self, number: int) -> Labelled:
        """The last of them."""
        cut = max(0, len(self.decisions) - number)
        return Labelled(self.domain, self.decisions[cut:], self.scores[cut:], self.y[cut:], self.labels, self.left_out)


@dataclass(frozen=True)
class Judgement:
    """What would have been done by some terms: actions by day, and the ledger's sums.

    ``precision``: of the alerts that have a label, those that were right; ``recall``: of what there was to find, what was found. None where
    the domain's labels say no such thing, or too little.
    """

    actions: Mapping[tuple[date, str], int]
    alerts: int
    precision: float | None
    recall: float | None
    sums: Mapping[str, float]
    otherwise: int  # decisions that were another action in their time

    def of(self, action: str) -> int:
        return sum(count for (_, name), count in self.actions.items() if name == action)


@dataclass(frozen=True)
class Point:
    """One number of a term, and what comes of it."""

    value: float
    alerts_a_day: float
    sums: Mapping[str, float]


def gather(domain: Domain, decisions: Sequence[Decision], labels: Sequence[Any]) -> Labelled | None:
    """What can be judged again of these decisions; None where nothing can."""
    width = outputs(domain)
    found = sorted((d for d in decisions if len(d.raw) == width), key=lambda d: (d.event_time, d.decision_id))
    if not found:
        return None
    target = domain.targets(labels)
    scores = answers(domain, np.array([d.raw for d in found], np.float64)).tolist()
    return Labelled(domain, found, scores, [target(d) for d in found], labels, len(decisions) - len(found))


def judged(window: Labelled, terms: Mapping[str, float]) -> Judgement:
    """Every decision of the window by these terms. Raises ``TermsError``."""
    domain = window.domain.with_terms(terms)
    anew: list[Decision] = []
    memory: dict[str, bytes] = {}
    actions: Counter[tuple[date, str]] = Counter()
    right = Rightness(domain.objective)
    otherwise = 0
    for made, scores, y in zip(window.decisions, window.scores, window.y, strict=True):
        verdict = domain.policy.judge(scores, made, made.facts, memory.get(made.key))
        if verdict.memory is not None:
            memory[made.key] = verdict.memory
        actions[made.event_time.date(), verdict.action] += 1
        otherwise += verdict.action != made.action
        right.see(verdict.alert, verdict.output, y)
        said = {"action": verdict.action, "alert": verdict.alert, "score": verdict.score, "threshold": verdict.threshold}
        anew.append(made.model_copy(update={**said, "context": {**made.context, **verdict.notes}}))
    since = window.decisions[0].event_time
    told = [label for label in window.labels if label.event_time >= since]  # what happened before was nobody's to prevent here
    return Judgement(actions, right.alerts, right.precision, right.recall, sums(domain, anew, told), otherwise)


class Rightness:
    """How many alerts were right, where a label is a yes or no, or names what was offered."""

    def __init__(self, objective: str) -> None:
        self._objective = objective
        self.alerts = self._labelled = self._right = self._positive = 0

    def see(self, alert: bool, output: int, y: float) -> None:
        """A verdict, and what became of it."""
        self.alerts += alert
        if math.isnan(y):
            return
        hit = y == 1 if self._objective == "binary" else y == output
        self._positive += self._objective == "binary" and y == 1
        self._labelled += alert
        self._right += alert and hit

    @property
    def precision(self) -> float | None:
        return self._right / self._labelled if self._labelled and self._objective != "regression" else None

    @property
    def recall(self) -> float | None:
        return self._right / self._positive if self._positive else None


def curve(window: Labelled, terms: Mapping[str, float], name: str, points: int = 11) -> list[Point]:
    """What comes of one term over its whole range, the other terms as they are given; its default is among them."""
    term = next(t for t in window.domain.terms if t.name == name)
    values = {term.default, *np.linspace(term.low, term.high, points).tolist()}
    found = []
    for value in sorted({float(round(v)) if term.whole else v for v in values}):
        judgement = judged(window, {**in_full(window.domain.terms, terms), name: value})
        found.append(Point(value, judgement.alerts / window.days, judgement.sums))
    return found
