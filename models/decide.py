"""One decision as a pure function: event and keyed state in; features, score, action and reasons out.

The stream, the batch job, the replay for training, the recomputation for an audit and the tests all come through here.
No Kafka, no clock, no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Event, Features
from exports.scorer import Scorer

Contributions = Callable[[Sequence[float]], NDArray[np.float64]]
REASONS = 3


@dataclass(frozen=True)
class Model:
    """What decides: a scorer, what explains it, and the names that go on every decision."""

    version: str
    format: str
    scorer: Scorer
    contributions: Contributions


class Decided(NamedTuple):
    """The fields of a ``Decision`` that do not need a clock, the state after it, and whether the event was a repetition."""

    fields: dict[str, Any]
    state: bytes
    repeated: bool


def decide(domain: Domain, features: Features, model: Model, event: Event, state: bytes | None) -> Decided:
    """Decide one event. Raises ``MalformedEvent`` where the event contradicts the state."""
    computed = features.compute(event, state)
    scores = model.scorer.score(computed.row)
    verdict = domain.policy.judge(scores.values, event)
    reasons = explain(domain, model, computed.row) if verdict.alert else []
    fields = {
        "domain": domain.name,
        "decision_id": event.id,
        "key": event.key,
        "event_time": event.event_time,
        "action": verdict.action,
        "alert": verdict.alert,
        "score": verdict.score,
        "threshold": verdict.threshold,
        "raw": scores.raw,
        "features": computed.row,
        "context": event.context,
        "reasons": reasons,
        "model_version": model.version,
        "format": model.format,
    }
    return Decided(fields, computed.state, computed.repeated)


def explain(domain: Domain, model: Model, row: Sequence[float]) -> list[str]:
    """The features that pushed the score up most, in words (TreeSHAP values, LightGBM's ``pred_contrib``)."""
    pushes = model.contributions(row)
    strongest = np.argsort(-pushes, kind="stable")[:REASONS]
    return [_in_words(domain, int(i), row[i]) for i in strongest if pushes[i] > 0]


def _in_words(domain: Domain, index: int, value: float) -> str:
    feature = domain.schema.features[index]
    listed = feature.kind == "categorical" and not math.isnan(value) and value >= 0
    return domain.phrase(feature.name, value, feature.categories[int(value)] if listed else None)
