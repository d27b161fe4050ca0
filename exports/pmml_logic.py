"""Predicates of PMML as formulas over tests of one field each, true, false or unknown for what is known of a row.

What is known is a ``State``: of a number an interval, of a label those that it may still be, of both whether they may be missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exports.errors import ArtifactError


class Numbers(NamedTuple):
    """Of a number: it is above ``low`` (None: anything) and at most ``high``, if it is ``present``; and it may be ``missing``."""

    low: float | None = None
    high: float = math.inf
    present: bool = True
    missing: bool = True


class Labels(NamedTuple):
    """Of a label: its code is among these, or it is one that nobody listed (``unseen``), or it is ``missing``."""

    codes: frozenset[int]
    unseen: bool
    missing: bool

    @property
    def present(self) -> bool:
        return self.unseen or bool(self.codes)


Known = Numbers | Labels


class State:
    """What is known of each feature: ``every`` from the outset, and what tests have told since, the latest first.

    A chain, not a dictionary: as many states as a tree is deep are kept at once.
    """

    def __init__(self, every: Mapping[int, Known], told: tuple[int, Known] | None = None, before: State | None = None) -> None:
        self._every, self._told, self._before = every, told, before
        self.length: int = 0 if before is None else before.length + 1

    def knowing(self, feature: int, known: Known) -> State:
        """The state in which this, too, is known."""
        return State(self._every, (feature, known), self)

    def __getitem__(self, feature: int) -> Known:
        here: State | None = self
        while here is not None:
            if here._told is not None and here._told[0] == feature:
                return here._told[1]
            here = here._before
        return self._every[feature]


class AtMost(NamedTuple):
    """Is the number at most the threshold? Unknown if it is missing."""

    feature: int
    threshold: float


class OneOf(NamedTuple):
    """Is the label one of these codes? Unknown if it is missing."""

    feature: int
    codes: frozenset[int]


class Missing(NamedTuple):
    """Is the value missing? Never unknown."""

    feature: int


class Constant(NamedTuple):
    value: bool


class Not(NamedTuple):
    of: Formula


class Every(NamedTuple):
    """False if one is false, else unknown if one is unknown."""

    of: tuple[Formula, ...]


class Some(NamedTuple):
    """True if one is true, else unknown if one is unknown."""

    of: tuple[Formula, ...]


class Surrogate(NamedTuple):
    """The first one that is not unknown."""

    of: tuple[Formula, ...]


Test = AtMost | OneOf | Missing
Formula = Test | Constant | Not | Every | Some | Surrogate
Truth = bool | None  # None: unknown


class Budget:
    """How much work a document may ask for: what would take more is refused, with the element at which it ran out."""

    def __init__(self, steps: int, refuse: Callable[[], ArtifactError]) -> None:
        self._left, self._refuse = steps, refuse

    def spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise self._refuse()


def evaluate(formula: Formula, state: State, budget: Budget) -> Truth | Test:
    """What the formula is in this state, or the first test that has to be made before anyone can tell."""
    budget.spend(1 + state.length // 64)
    if isinstance(formula, AtMost | OneOf | Missing):
        return _tested(formula, state[formula.feature], budget)
    if isinstance(formula, Constant):
        return formula.value
    if isinstance(formula, Not):
        found = evaluate(formula.of, state, budget)
        return not found if isinstance(found, bool) else found
    return _compound(formula, state, budget)


def _compound(formula: Every | Some | Surrogate, state: State, budget: Budget) -> Truth | Test:
    unknown = False
    for part in formula.of:
        found = evaluate(part, state, budget)
        if found is None:
            unknown = True
        elif not isinstance(found, bool) or isinstance(formula, Surrogate) or found is isinstance(formula, Some):
            return found
    return None if unknown or isinstance(formula, Surrogate) else isinstance(formula, Every)


def _tested(test: Test, known: Known, budget: Budget) -> Truth | Test:
    """The test's answer where the state leaves one, else the test."""
    answers = [answer for answer, left in zip((True, False, None), outcomes(test, known, budget), strict=True) if left is not None]
    return answers[0] if len(answers) == 1 else test


def outcomes(test: Test, known: Known, budget: Budget) -> tuple[Known | None, Known | None, Known | None]:
    """What is known of the feature once the test is true, false or unknown; None where it cannot be that."""
    if isinstance(test, Missing):
        return _only_missing(known), _only_present(known, budget), None
    true: Known | None = None
    false: Known | None = None
    if isinstance(test, AtMost) and isinstance(known, Numbers) and known.present:
        low, high = known.low, known.high
        true = Numbers(low, min(high, test.threshold), missing=False) if low is None or low < test.threshold else None
        false = (
            Numbers(max(low, test.threshold) if low is not None else test.threshold, high, missing=False) if high > test.threshold else None
        )
    elif isinstance(test, OneOf) and isinstance(known, Labels):
        budget.spend(len(known.codes) // 64)
        inside, outside = known.codes & test.codes, known.codes - test.codes
        true = Labels(inside, unseen=False, missing=False) if inside else None
        false = Labels(outside, known.unseen, missing=False) if outside or known.unseen else None
    return true, false, _only_missing(known)


def _only_missing(known: Known) -> Known | None:
    if not known.missing:
        return None
    return Numbers(present=False) if isinstance(known, Numbers) else Labels(frozenset(), unseen=False, missing=True)


def _only_present(known: Known, budget: Budget) -> Known | None:
    budget.spend()
    return known._replace(missing=False) if known.present else None
