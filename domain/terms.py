"""The numbers that a policy decides by: which of them may be changed while it is at work, within which bounds, and what they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class TermsError(ValueError):
    """A number that a policy cannot decide by. The message names it and says what is allowed."""


class Term(NamedTuple):
    """One number of a policy. ``step``: what is worth trying at a time; a ``whole`` one counts something."""

    name: str
    default: float
    low: float
    high: float
    step: float
    unit: str
    meaning: str  # one sentence
    whole: bool = False


def changed(terms: Sequence[Term], given: Mapping[str, float]) -> dict[str, float]:
    """The given numbers that are not the defaults, in the order of the terms. Raises ``TermsError`` for what is no term, or no such number.

    >>> changed([Term("lead", 20.0, 1.0, 200.0, 1.0, "cycles", "How long a part takes.")], {"lead": 25})
    {'lead': 25.0}
    """
    unknown = sorted(set(given) - {term.name for term in terms})
    if unknown:
        raise TermsError(f"there is no term {unknown[0]!r}; there are: {', '.join(term.name for term in terms) or 'none'}")
    for term in terms:
        _check(term, given.get(term.name, term.default))
    return {term.name: float(given[term.name]) for term in terms if given.get(term.name, term.default) != term.default}


def in_full(terms: Sequence[Term], given: Mapping[str, float]) -> dict[str, float]:
    """Every term's number: the given one, or its default."""
    return {term.name: float(given.get(term.name, term.default)) for term in terms}


def _check(term: Term, value: float) -> None:
    allowed = f"{term.low:g} to {term.high:g} {term.unit}".rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TermsError(f"{term.name} is {value!r}; a number from {allowed} is allowed")
    if not term.low <= value <= term.high:
        raise TermsError(f"{term.name} is {value:g}; allowed is {allowed}")
    if term.whole and value != int(value):
        raise TermsError(f"{term.name} is {value:g}; allowed is a whole number, {allowed}")
