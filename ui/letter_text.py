"""A dead letter's message as text: decoded as far as it goes, JSON set out in lines, card numbers masked; and back from there."""

from __future__ import annotations

import json
from typing import NamedTuple

from domain.cards import masked, unmasked

MOST_SHOWN = 20_000  # characters; a longer message is shown up to there, and cannot be corrected here


class Shown(NamedTuple):
    """What people see of a message. ``whole``: nothing of it was cut, replaced or is unreadable, so that it can be corrected."""

    text: str
    language: str | None
    whole: bool


def shown(original: bytes) -> Shown:
    """A message as people may see it."""
    text, language = _set_out(original.decode("utf-8", "replace"))
    text = masked(text)
    whole = len(text) <= MOST_SHOWN and _is_text(original)
    return Shown(text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "\n...", language, whole)


def corrected(edited: str, original: bytes) -> bytes:
    """The message that an edited text stands for: the original one where nothing was changed.

    Raises ``ValueError`` where the mask of a card number may stand for two.
    """
    if edited == shown(original).text:
        return original
    return unmasked(edited, original.decode("utf-8", "replace")).encode()


def _is_text(original: bytes) -> bool:
    try:
        return "\x00" not in original.decode()
    except UnicodeDecodeError:
        return False


def _set_out(text: str) -> tuple[str, str | None]:
    """JSON in lines, with its kind; what is no strict JSON, or would be changed by that, as it is."""
    try:
        found = json.loads(text, parse_constant=_refuse)
        lines = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        lines.encode()
    except (ValueError, RecursionError):
        return text, None
    return (lines, "json") if json.loads(lines) == found else (text, "json")


def _refuse(constant: str) -> None:
    raise ValueError(constant)
