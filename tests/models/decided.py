"""Decisions of a whole simulated world, with a model that is a plain function of the row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from domain.contract import Domain, Emission
from domain.decision import Decision
from exports.scorer import Scores
from models.answers import answers, outputs
from models.decide import Model, decide


class Plain:
    """Raw scores that grow with some features and fall with others; in a regression they stay among the cycles that a part lasts."""

    def __init__(self, domain: Domain) -> None:
        self.schema, self._domain = domain.schema, domain
        self._weights = np.random.default_rng(1).normal(0, 1 / math.sqrt(len(domain.schema)), (len(domain.schema), outputs(domain)))

    def score(self, row: Sequence[float | None]) -> Scores:
        (raw,) = self.raw_batch(np.array([row], np.float64))
        return Scores(tuple(raw.tolist()), tuple(answers(self._domain, raw[None, :])[0].tolist()))

    def raw_batch(self, rows: Any) -> Any:
        raw = np.sign(rows) * np.log1p(np.abs(rows))
        raw = np.nan_to_num(raw) @ self._weights
        return 10 + 20 * raw if self._domain.objective == "regression" else raw - 4 if raw.shape[1] == 1 else raw

    def score_batch(self, rows: Any) -> Any:
        return answers(self._domain, self.raw_batch(rows))


def decided(domain: Domain, emissions: Iterable[Emission], version: str = "v1") -> list[Decision]:
    """What a stream decides that takes these messages as they come, labels among them."""
    features, states, memories = domain.features(), dict[str, bytes](), dict[str, bytes]()
    model = Model(version, "native", Plain(domain), lambda row: np.zeros((outputs(domain), len(domain.schema))))
    found = []
    for number, emission in enumerate(emissions):
        if emission.stream == "labels":
            features.learn(emission.value)
            continue
        event = emission.value
        made = decide(domain, features, model, event, states.get(event.key), memories.get(event.key))
        if not made.repeated:
            states[event.key] = made.state
            if made.memory is not None:
                memories[event.key] = made.memory
        if made.fields:
            found.append(Decision(**made.fields, source_us=None, broker_us=number, decided_us=number))
    return found
