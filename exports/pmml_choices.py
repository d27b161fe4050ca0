"""From three answers to two: what follows from tests that are true, false or unknown, as splits of an ensemble.

A split sends a missing value to one of its sides, and a label that nobody listed with it: where the three ways part, more splits do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from exports.ensemble import Split
from exports.pmml_logic import AtMost, Budget, Known, Labels, Missing, Numbers, OneOf, State, Test, outcomes

DEEPEST: Final = 250  # tests in a row at one node: they are walked by recursion
_UNSEEN: Final = -0.5  # a prepared row has -1 for a label that nobody listed


class End(NamedTuple):
    """Where the tests lead: whatever the asker understands by it. Equal ends are one."""

    at: Hashable


class Branch(NamedTuple):
    """A split, and what follows on its left and right."""

    split: Split
    left: Choice
    right: Choice


Choice = End | Branch
Ask = Callable[[State], End | Test]


def explore(ask: Ask, state: State, budget: Budget, depth: int = 0) -> Choice:
    """The splits that answer what ``ask`` wants to know, in the order in which it wants to know it."""
    asked = ask(state)
    if isinstance(asked, End):
        return asked
    if depth >= DEEPEST:
        budget.spend(math.inf)  # type: ignore[arg-type]  # more than anyone has
    known = state[asked.feature]
    after = [left and explore(ask, state.knowing(asked.feature, left), budget, depth + 1) for left in outcomes(asked, known, budget)]
    return _branched(asked, known, *after)


def _branched(test: Test, known: Known, true: Choice | None, false: Choice | None, unknown: Choice | None) -> Choice:
    """One choice out of three, each of which may be impossible."""
    if isinstance(test, Missing):
        true, unknown = None, true
    if isinstance(known, Labels):
        codes = test.codes & known.codes if isinstance(test, OneOf) else frozenset[int]()
        return _by_label(test.feature, known, codes, true, false, unknown)
    if not isinstance(test, AtMost) or true is None or false is None:
        present = false if true is None else true
        return _branch(Split(test.feature, math.inf), present, unknown)
    if unknown is None or unknown in (true, false):
        return _branch(Split(test.feature, test.threshold, default_left=unknown == true != false), true, false)
    return _branch(Split(test.feature, math.inf), _branch(Split(test.feature, test.threshold), true, false), unknown)


def _branch(split: Split, left: Choice | None, right: Choice | None) -> Choice:
    if left is None or right is None or left == right:
        found = right if left is None else left
        assert found is not None, "a state in which nothing is possible"
        return found
    return Branch(split, left, right)


def _by_label(
    feature: int, known: Labels, codes: frozenset[int], true: Choice | None, false: Choice | None, unknown: Choice | None
) -> Choice:
    """Codes can go left; missing and unseen go right, so that the unseen are told from the missing first where they must be."""
    others = known.codes - codes
    if known.unseen and unknown is not None and unknown != false:
        seen = known._replace(unseen=False)
        return _branch(Split(feature, _UNSEEN), false, _by_label(feature, seen, codes, true, false if others else None, unknown))
    right = unknown if unknown is not None else false
    inside = true if true != right else None
    outside = false if false != right and others else None
    if inside is not None and outside is not None:
        inner = _branch(_of_codes(feature, codes), inside, outside)
        return _branch(_of_codes(feature, known.codes), inner, right) if right is not None else inner
    if inside is not None:
        return _branch(_of_codes(feature, codes), inside, right)
    return _branch(_of_codes(feature, others), outside, right)


def _of_codes(feature: int, codes: frozenset[int]) -> Split:
    return Split(feature, 0.0, codes=tuple(sorted(codes)))


def sides(split: Split, state: State, budget: Budget) -> tuple[State | None, State | None]:
    """What is known left and right of a split; None of a side that nothing comes to."""
    known = state[split.feature]
    if isinstance(known, Numbers):
        true, false, _ = outcomes(AtMost(split.feature, split.threshold), known, budget)
        left, right = (
            _with_missing(part, default and known.missing)
            for part, default in ((true, split.default_left), (false, not split.default_left))
        )
    elif split.codes is None:
        left, right = Labels(frozenset(), unseen=known.unseen, missing=False), known._replace(unseen=False)
    else:
        budget.spend(len(known.codes) // 64)
        left = Labels(known.codes & frozenset(split.codes), unseen=False, missing=False)
        right = known._replace(codes=known.codes - frozenset(split.codes))
    found = [state.knowing(split.feature, side) if side.present or side.missing else None for side in (left, right)]
    return found[0], found[1]


def _with_missing(part: Known | None, missing: bool) -> Known:
    return part._replace(missing=missing) if part is not None else Numbers(present=False, missing=missing)
