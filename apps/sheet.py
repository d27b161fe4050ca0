"""Cells of a CSV that people open in a spreadsheet: card numbers masked, and no text that it would run as a formula."""

from __future__ import annotations

from domain.cards import masked_value

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of one


def harmless(value: object) -> object:
    """A cell: numbers as they are; a text that begins like a formula behind an apostrophe, which a spreadsheet takes for "text"."""
    shown = masked_value(value)
    return f"'{shown}" if isinstance(shown, str) and shown.startswith(_FORMULA) else shown
