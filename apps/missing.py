"""How people write that a number is missing, beside leaving its cell blank: one list, for training, scoring and sending rows alike.

Only a column of numbers is read by it. Among labels each of these texts is a label like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import pyarrow.compute as pc

MARKERS: Final = ("NA", "N/A", "NaN", "+NaN", "-NaN", "null", "None", "?", "-")  # in capitals or not
_PATTERN: Final = f"^(?i:{'|'.join(map(re.escape, MARKERS))})$"
_MARKER: Final = re.compile(_PATTERN)


def is_marker(text: str) -> bool:
    return bool(_MARKER.match(text.strip()))


def marked(cells: Any) -> Any:
    """Which cells (a pyarrow array of strings) say so: a pyarrow array of booleans."""
    return pc.match_substring_regex(pc.utf8_trim_whitespace(cells), _PATTERN)


def said(counts: Mapping[str, int]) -> str:
    """How many cells of which texts, in words: ``40 cells of NA and ?``."""
    *others, last = sorted(counts, key=lambda text: (-counts[text], text))
    total = sum(counts.values())
    return f"{total:,} cell{'s' if total > 1 else ''} of {', '.join(others)}{' and ' if others else ''}{last}"
