"""From a model's answer to an action, for a table of which nobody said what its mistakes cost: a threshold, or nothing but the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.contract import NOTHING, Judged, Severity, Verdict

PASS, FLAG, SCORED = "pass", "flag", "scored"
BINARY: Final[Mapping[str, Severity]] = {PASS: "calm", FLAG: "act"}
OTHERWISE: Final[Mapping[str, Severity]] = {SCORED: "calm"}


@dataclass(frozen=True)
class RowPolicy:
    """``threshold``: the probability of the second class from which on a row is flagged. Without two classes a row is only scored."""

    label: str
    classes: tuple[str, ...] = ()  # none: the model answers with a quantity
    threshold: float = 0.5

    remembers = False

    @property
    def noted(self) -> str:
        """Under which name the class that is answered stands in a decision's context."""
        return f"predicted {self.label}"

    def judge(self, scores: Sequence[float], event: Judged, facts: Mapping[str, Any] = NOTHING, memory: bytes | None = None) -> Verdict:
        """Of several classes the likeliest is noted; the score is its probability, and the threshold that of the one behind it."""
        if len(self.classes) > 2:
            order = sorted(range(len(scores)), key=lambda k: (-scores[k], k))
            best, second = order[:2]
            return Verdict(SCORED, False, scores[best], scores[second], notes={self.noted: self.classes[best]}, output=best)
        if not self.classes:
            return Verdict(SCORED, False, scores[0], 0.0)
        flagged = scores[0] >= self.threshold
        return Verdict(FLAG if flagged else PASS, flagged, scores[0], self.threshold)


def simple_phrase(name: str, value: float, label: str | None) -> str:
    """A reason in words: ``amount is 51``."""
    return f"{name} is missing" if math.isnan(value) else f"{name} is {label}" if label else f"{name} is {value:g}"


def phrase_of(categorical: frozenset[str]) -> Callable[[str, float, str | None], str]:
    """A table's ``Domain.phrase``; a label that the model never saw has a code and no name."""

    def phrase(name: str, value: float, label: str | None = None) -> str:
        if name in categorical and label is None and not math.isnan(value):
            return f"{name} is a label that the model does not know"
        return simple_phrase(name, value, label)

    return phrase
