"""What one payment's time goes into, measured part by part in one process, without Kafka. Microseconds, mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from apps import loading
from apps.settings import Settings
from domain.contract import Emission
from domain.registry import DOMAINS
from exports.formats import FORMATS
from models.decide import decide, explain

FRAUD = DOMAINS["fraud"]
PARSE, POLICY, SERIALISE = "parse a payment", "policy", "serialise a decision"  # what the frame does too


def parts(settings: Settings, bundle: Path, history: list[Emission], model_format: str) -> dict[str, float]:
    """Parse, label, features, score (in every format), policy, the decision as a whole (in one), reasons, serialisation."""
    events = [e.value for e in history if e.stream == "events"]
    labels = [e.value for e in history if e.stream == "labels"]
    raw = [e.model_dump_json().encode() for e in events]
    features, state, rows = FRAUD.features(), dict[str, bytes](), []
    found = {PARSE: _mean(FRAUD.parse_event, raw), "learn a label": _mean(features.learn, labels)}

    def compute(event: Any) -> None:
        computed = features.compute(event, state.get(event.key))
        state[event.key] = computed.state
        rows.append(computed.row)

    found["features"] = _mean(compute, events)
    for name in FORMATS:
        found[f"score, {name}"] = _mean(loading.load(settings, FRAUD, bundle, name).scorer.score, rows)
    found[POLICY] = _mean(lambda event: FRAUD.policy.judge((0.001,), event), events)
    model, after, alerts = loading.load(settings, FRAUD, bundle, model_format), dict[str, bytes](), list[list[float]]()

    def whole(event: Any) -> None:
        decided = decide(FRAUD, features, model, event, after.get(event.key))
        after[event.key] = decided.state
        if decided.fields["alert"]:
            alerts.append(decided.fields["features"])

    found[f"features, score, policy and reasons: the decision as a whole, {model_format}"] = _mean(whole, events)
    found["reasons of an alert"] = _mean(lambda row: explain(FRAUD, model, row), alerts[:2000])
    found["reasons, shared out over all payments"] = found["reasons of an alert"] * len(alerts) / len(events)
    fields = decide(FRAUD, features, model, events[0], None).fields
    found[SERIALISE] = _mean(lambda _: orjson.dumps(fields), events)
    return found


def _mean(function: Callable[[Any], Any], items: list[Any]) -> float:
    if not items:
        return 0.0
    for item in items[:100]:
        function(item)
    began = time.perf_counter()
    for item in items:
        function(item)
    return (time.perf_counter() - began) / len(items) * 1e6
