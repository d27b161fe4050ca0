"""What a challenger would have done: its decisions on the very feature vectors and facts that the champion's decisions carry. Pure."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, Final

from domain.contract import Domain
from domain.decision import Decision
from domain.terms import TermsError
from exports.errors import ServerUnavailable
from models.decide import Model

KEYS: Final = 100_000  # of which a policy's memory is kept; the one heard of longest ago goes first


class Shadow:
    """One challenger beside the champion, judged by the terms that the champion's own decision was made by.

    Where the policy remembers, its memory of a key is the challenger's own: what follows from an order that it would have
    opened, follows. The process begins without one, so a challenger may open what the champion had opened before it came.
    """

    def __init__(self, domain: Domain, model: Model) -> None:
        self._domain, self.model = domain, model  # the domain by the terms of the decision before
        self._memory: OrderedDict[str, bytes] = OrderedDict()

    def decide(self, made: Decision, decided_us: int) -> dict[str, Any] | None:
        """The fields of the decision in the challenger's place; None where it could not have answered, or decided it for real."""
        if made.model_version == self.model.version or len(made.features) != len(self._domain.schema):
            return None
        row = [math.nan if value is None else value for value in made.features]
        try:
            scores = self.model.scorer.score(row)
        except ServerUnavailable:
            return None
        try:
            self._domain = self._domain.with_terms(made.terms)
        except TermsError:  # of another version of this code
            return None
        verdict = self._domain.policy.judge(scores.values, made, made.facts, self._memory.get(made.key))
        if verdict.memory is not None:
            self._remember(made.key, verdict.memory)
        own = {
            "action": verdict.action,
            "alert": verdict.alert,
            "score": verdict.score,
            "threshold": verdict.threshold,
            "raw": list(scores.raw),
            "context": {**made.context, **verdict.notes},
            "reasons": [],
            "model_version": self.model.version,
            "format": self.model.format,
            "source_us": None,  # nobody waited for it
            "decided_us": decided_us,
        }
        return {**made.model_dump(mode="json"), **own}

    def _remember(self, key: str, memory: bytes) -> None:
        self._memory[key] = memory
        self._memory.move_to_end(key)
        if len(self._memory) > KEYS:
            self._memory.popitem(last=False)
