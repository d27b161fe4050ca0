"""What one payment's time goes into, measured part by part in one process, without Kafka. Microseconds, mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from apps import scorer
from apps.settings import Settings
from domain.contract import Emission
from domain.registry import DOMAINS
from models.decide import decide

FRAUD = DOMAINS["fraud"]


def parts(settings: Settings, bundle: Path, history: list[Emission]) -> dict[str, float]:
    """Parse, label, features, score (per format), policy, the rest of the decision, and its serialisation."""
    events = [e.value for e in history if e.stream == "events"]
    labels = [e.value for e in history if e.stream == "labels"]
    raw = [e.model_dump_json().encode() for e in events]
    features, state, rows = FRAUD.features(), dict[str, bytes](), []
    found = {"parse a payment": _mean(FRAUD.parse_event, raw), "learn a label": _mean(features.learn, labels) if labels else 0.0}

    def compute(event: Any) -> None:
        computed = features.compute(event, state.get(event.key))
        state[event.key] = computed.state
        rows.append(computed.row)

    found["features"] = _mean(compute, events)
    for model_format in ("native", "pmml", "pfa"):
        model = scorer.load(settings, FRAUD, bundle, model_format)
        found[f"score, {model_format}"] = _mean(model.scorer.score, rows)
    found["policy"] = _mean(lambda event: FRAUD.policy.judge((0.001,), event), events)
    whole = _mean(lambda event: decide(FRAUD, features, model, event, state.get(event.key)), events)
    found["the decision as a whole"] = whole
    fields = decide(FRAUD, features, model, events[0], None).fields
    found["serialise a decision"] = _mean(lambda _: orjson.dumps(fields), events)
    return found


def _mean(function: Callable[[Any], Any], items: list[Any]) -> float:
    for item in items[:100]:
        function(item)
    began = time.perf_counter()
    for item in items:
        function(item)
    return (time.perf_counter() - began) / len(items) * 1e6
