"""One decision as a pure function: event and keyed state in; features, score, action and reasons out.

The stream and the tests come through here; training replays the same ``features.compute``. No Kafka, no clock, no files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Event, Features
from exports.errors import ServerUnavailable
from exports.scorer import Scorer, Scores

Contributions = Callable[[Sequence[float]], NDArray[np.float64]]
REASONS = 3
FALLBACK = "fallback"  # the format on a decision that no model had a part in
_UNEXPLAINED = "the model's server did not answer in time; judged by the average"


@dataclass(frozen=True)
class Model:
    """What decides: a scorer, what explains it, and the names that go on every decision.

    ``average``: the model's mean answer (outputs,), which stands in where a server that has the model does not answer.
    """

    version: str
    format: str
    scorer: Scorer
    contributions: Contributions
    average: tuple[float, ...] = ()


class Decided(NamedTuple):
    """The fields of a ``Decision`` that do not need a clock, and the state after it.

    No fields: the event decides nothing. ``memory`` is the policy's new one (None: as it was); ``repeated``: the event was known.
    """

    fields: dict[str, Any]
    state: bytes
    memory: bytes | None
    repeated: bool


def decide(domain: Domain, features: Features, model: Model, event: Event, state: bytes | None, memory: bytes | None = None) -> Decided:
    """Decide one event; ``memory`` is what the policy keeps of the key. Raises ``MalformedEvent`` where it contradicts the state."""
    computed = features.compute(event, state)
    if not computed.row:
        return Decided({}, computed.state, None, computed.repeated)
    scores, model_format = _scored(model, computed.row)
    verdict = domain.policy.judge(scores.values, event, computed.facts, memory)
    reasons = _reasons(domain, model, computed.row, model_format, verdict.output) if verdict.alert else []
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
        "context": {**event.context, **verdict.notes} if verdict.notes else event.context,
        "facts": computed.facts,
        "reasons": reasons,
        "model_version": model.version,
        "format": model_format,
    }
    if domain.in_force:
        fields["terms"] = dict(domain.in_force)
    return Decided(fields, computed.state, verdict.memory, computed.repeated)


def _scored(model: Model, row: Sequence[float]) -> tuple[Scores, str]:
    """The scores, and what gave them: a payment cannot wait until a server is back, so the average decides then."""
    try:
        return model.scorer.score(row), model.format
    except ServerUnavailable:
        return Scores((), model.average), FALLBACK


def _reasons(domain: Domain, model: Model, row: Sequence[float], model_format: str, output: int) -> list[str]:
    return [_UNEXPLAINED] if model_format == FALLBACK else explain(domain, model, row, output)


def explain(domain: Domain, model: Model, row: Sequence[float], output: int = 0) -> list[str]:
    """The features that pushed the output towards what was done, strongest first, in words (TreeSHAP, LightGBM's ``pred_contrib``)."""
    pushes = model.contributions(row)[output] * (-1 if domain.alerts_when_low else 1)
    strongest = np.argsort(-pushes, kind="stable")[:REASONS]
    return [_in_words(domain, int(i), row[i]) for i in strongest if pushes[i] > 0]


def _in_words(domain: Domain, index: int, value: float) -> str:
    feature = domain.schema.features[index]
    listed = feature.labelled and not math.isnan(value) and value >= 0
    return domain.phrase(feature.name, value, feature.categories[int(value)] if listed else None)
