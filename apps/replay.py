"""Sends recorded or simulated history through the same topics as live events, speeded up and exactly repeatable.

Labels of a stretch of event time are acknowledged before its events are sent, and every event carries the label offsets
that existed by then (``labels-until``): the scorer sees what it would have seen at that time, however fast this runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from threading import Event as Flag
from typing import Any

from confluent_kafka import Consumer, Producer
from pydantic import BaseModel

from apps.errors import BrokerError
from apps.kafka import consumer_config, produce, producer_config
from apps.labels import LABELS_UNTIL
from apps.partitions import watermarks
from apps.settings import Settings
from apps.topics import SOURCE_US
from domain.contract import Domain, Emission

STRETCH = timedelta(hours=4)
_MOST = 2_000  # emissions in a stretch
# Seconds that Kafka gets to acknowledge what is under way: one that was killed comes back within the first, on a slow machine too.
_PATIENCE, _ASKED_TO_STOP = 180.0, 10.0


Pace = Callable[[Emission], float]  # an event -> seconds after the start at which it is due


def at_rate(events_per_second: float) -> Pace:
    """Events evenly spaced, whatever their event times."""
    number = count()
    return lambda emission: next(number) / events_per_second


def at_speed(factor: float) -> Pace:
    """Event time passes ``factor`` times as fast as real time."""
    began: datetime | None = None

    def due(emission: Emission) -> float:
        nonlocal began
        began = began or emission.at
        return (emission.at - began).total_seconds() / factor

    return due


@dataclass
class Sent:
    """How many messages of each kind Kafka acknowledged, and the time it took."""

    events: int = 0
    labels: int = 0
    seconds: float = 0.0


class Replay:
    """Sends emissions, in the order given, stretch by stretch."""

    def __init__(self, settings: Settings, domain: Domain) -> None:
        self._domain = domain
        self._producer = Producer(producer_config(settings, linger_ms=5.0))
        self._label_ends = _label_ends(settings, domain)
        self._failed = 0
        self.sent = Sent()

    def send(self, emissions: Iterable[Emission], *, pace: Pace | None, stop: Flag, progress: Callable[[Sent, datetime], None]) -> Sent:
        """Send everything at a pace or, without one, as fast as Kafka takes it.

        At a pace, events carry the time of sending, so that their latency counts. Raises ``BrokerError`` if Kafka
        refuses a message for good.
        """
        began = time.monotonic()
        for stretch in stretches(emissions):
            self._send_labels(stretch, stop)
            for emission in stretch:
                if emission.stream == "labels":
                    continue
                if pace is not None and stop.wait(max(0.0, pace(emission) - (time.monotonic() - began))):
                    break
                self._send_event(emission, live=pace is not None)
            self.sent.seconds = time.monotonic() - began
            progress(self.sent, stretch[-1].at)
            if stop.is_set():
                break
        self._flush(stop)
        self.sent.seconds = time.monotonic() - began
        return self.sent

    def _send_labels(self, stretch: list[Emission], stop: Flag) -> None:
        labels = [e for e in stretch if e.stream == "labels"]
        for emission in labels:
            self._produce(self._domain.labels_topic, emission, [], self._label_sent)
        if labels:
            self._flush(stop)

    def _label_sent(self, error: Any, message: Any) -> None:
        self._acknowledged(error, message)
        if error is None:
            partition = message.partition()
            self._label_ends[partition] = max(self._label_ends[partition], message.offset() + 1)
            self.sent.labels += 1

    def _send_event(self, emission: Emission, *, live: bool) -> None:
        stamp = ",".join(str(self._label_ends[p]) for p in sorted(self._label_ends)).encode()
        headers = [(LABELS_UNTIL, stamp)]
        if live:
            headers.append((SOURCE_US, str(time.time_ns() // 1000).encode()))
        self._produce(self._domain.topic(emission.stream), emission, headers, self._acknowledged)
        self.sent.events += 1

    def _produce(self, topic: str, emission: Emission, headers: list[tuple[str, bytes]], on_delivery: Callable[..., None]) -> None:
        produce(self._producer, topic, serialise(emission.value), emission.key.encode(), headers=headers, on_delivery=on_delivery)

    def _acknowledged(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failed += 1

    def _flush(self, stop: Flag) -> None:
        give_up = time.monotonic() + _PATIENCE
        while (left := self._producer.flush(1.0)) and time.monotonic() < give_up:
            if stop.is_set():
                give_up = min(give_up, time.monotonic() + _ASKED_TO_STOP)
        if left or self._failed:
            lost = left + self._failed
            raise BrokerError(f"{lost} messages were not acknowledged by Kafka; is it up? Run the replay again: repeats change nothing")


def serialise(value: Any) -> bytes:
    """An event's JSON; raw bytes pass as they are."""
    return value if isinstance(value, bytes) else value.model_dump_json().encode() if isinstance(value, BaseModel) else bytes(value)


def stretches(emissions: Iterable[Emission]) -> Iterator[list[Emission]]:
    """Cut a sequence in order of time into lists of at most ``STRETCH`` and at most ``_MOST`` emissions."""
    current: list[Emission] = []
    for emission in emissions:
        if current and (emission.at - current[0].at >= STRETCH or len(current) >= _MOST):
            yield current
            current = []
        current.append(emission)
    if current:
        yield current


def _label_ends(settings: Settings, domain: Domain) -> dict[int, int]:
    """The end offset of every label partition, as it stands now."""
    consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-replay"))
    try:
        return {partition: end for partition, (_, end) in watermarks(consumer, domain.labels_topic).items()}
    finally:
        consumer.close()
