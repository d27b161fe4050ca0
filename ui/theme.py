"""The colours, once: of severities as text, light and dark, and of what charts draw, which must be seen on both.

No colour stands alone: each severity has a mark beside it, and every action is written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import streamlit as st

from domain.contract import Severity

Theme = Literal["light", "dark"]
# The page's, and of what stands out from it; ``apps.dashboard`` tells them to Streamlit.
BACKGROUNDS: Final[Mapping[Theme, tuple[str, str]]] = {"light": ("#ffffff", "#f8f8f7"), "dark": ("#171614", "#2d2b27")}
TEXT: Final[Mapping[Theme, Mapping[Severity, str]]] = {
    "light": {"calm": "#2a7548", "watch": "#8f5a00", "act": "#b5331f"},
    "dark": {"calm": "#6fcf97", "watch": "#f2b84b", "act": "#ff8a75"},
}
QUIET_TEXT: Final[Mapping[Theme, str]] = {"light": "#5f6570", "dark": "#a3a9b3"}  # of an action without a severity
MARKS: Final[Mapping[Severity, str]] = {"calm": "\u25cb", "watch": "\u25d0", "act": "\u25cf"}  # an empty, a half and a full circle

# Lines, bars and points.
CALM, WATCH, ACT = "#4c9f70", "#b5831c", "#c8503c"
INK, QUIET = "#2f7f9b", "#8a8f98"
TROUBLE: Final = ACT
MARK: Final = ("#ffffff", TEXT["light"]["act"])  # of what is in trouble: its words, and what they stand on, in either theme
EDGE: Final = "rgba(128, 128, 128, 0.28)"  # around what belongs together
LATENCY: Final[Mapping[str, str]] = {"p50": "#4a97b0", "p95": "#2f6f8b", "p99": "#8e5bb5", "p99.9": "#c25a95"}
CHOSEN: Final = "#8e5bb5"  # of what a person tries, beside what is
MANY: Final = (INK, WATCH, CHOSEN, CALM, QUIET, "#b5657a", "#5d6db3", "#8a7955")  # told from each other


def theme() -> Theme:
    """Which of the two the viewer has."""
    return "dark" if st.context.theme.type == "dark" else "light"


def text(severity: Severity | None) -> str:
    """The colour of words about something of that severity."""
    return QUIET_TEXT[theme()] if severity is None else TEXT[theme()][severity]
