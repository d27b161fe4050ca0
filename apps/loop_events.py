"""What happens to a domain's model, told on ``metrics``: a refusal, a promotion, a drift, a retraining. People read it in the dashboard."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from confluent_kafka import Producer

from apps.monitor import now_us
from apps.tables import LoopEvent
from apps.topics import METRICS

KIND = "loop-event"  # the "kind" of these messages on ``metrics``
What = Literal[
    "refused", "swapped", "drift", "drift-over", "retraining", "registered", "gate", "promoted", "rolled-back", "challenged", "archived",
    "terms",  # somebody set them
    "terms-taken",  # by a scorer
]  # fmt: skip


def event(domain: str, what: What, version: str, text: str, **details: Any) -> LoopEvent:
    """An event of now. ``version`` is the model's that it is about, or empty."""
    return LoopEvent(domain=domain, at_us=now_us(), what=what, version=version, text=text, details=details)


def tell(producer: Producer, happened: LoopEvent) -> None:
    """Hand the event to Kafka; the caller flushes."""
    producer.produce(METRICS, key=happened.domain.encode(), value=orjson.dumps({"kind": KIND, **happened.model_dump()}))
    producer.poll(0)
