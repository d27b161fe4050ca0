"""The terms of a domain's policy in words, and from what a person typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from apps.errors import InputError
from domain.contract import Domain
from domain.terms import in_full


def instead(domain: Domain, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """What changes, as ``analyst 9 instead of 5, offer 0.4 instead of 0.3``."""
    old, new = in_full(domain.terms, before), in_full(domain.terms, after)
    return ", ".join(f"{name} {new[name]:g} instead of {old[name]:g}" for name in new if new[name] != old[name])


def in_words(given: Mapping[str, float]) -> str:
    """``analyst 9, offer 0.4``; empty for the defaults."""
    return ", ".join(f"{name} {value:g}" for name, value in given.items())


def typed(words: Iterable[str]) -> dict[str, float]:
    """Numbers by name, of words like ``analyst=9``. Raises ``InputError``."""
    found = {}
    for word in words:
        name, _, number = word.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise InputError(f"{word!r} sets no term; write NAME=NUMBER") from None
    return found
