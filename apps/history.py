"""A topic's past, in order of event time, with one message of each partition in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from apps.errors import BrokerError
from apps.kafka import consumer_config
from apps.labels import parse_keyed
from apps.partitions import watermarks
from apps.settings import Settings
from domain.contract import MalformedEvent

_FETCH, _PATIENCE = 2_000, 30.0  # messages; seconds without a message of which there must be more


class Past(NamedTuple):
    """One well-formed message: when it counts, what it says, and when Kafka appended it (UTC milliseconds)."""

    at: datetime
    value: Any
    broker_ms: int


def read(settings: Settings, topics: dict[str, Callable[[bytes], Any]], *, what: str) -> Iterator[Past]:
    """Every well-formed message of these topics up to their ends now, in order of event time; a partition's events keep their order.

    An event counts from the latest event time before it in its partition on, as for whoever reads along; a label from its own.
    Malformed ones and those under another's key are left out: they have their dead letters. Raises ``BrokerError``.
    """
    consumers: list[Consumer] = []
    try:
        streams = []
        for topic, parse in topics.items():
            look = Consumer(consumer_config(settings, f"polyscore-{what}"))
            consumers.append(look)
            for partition, (low, high) in watermarks(look, topic).items():
                if high > low:
                    consumer = Consumer(consumer_config(settings, f"polyscore-{what}", **{"enable.partition.eof": True}))
                    consumers.append(consumer)
                    consumer.assign([TopicPartition(topic, partition, low)])
                    streams.append(_partition(consumer, parse, high))
        yield from heapq.merge(*streams, key=lambda past: past.at)
    finally:
        for consumer in consumers:
            consumer.close()


def _partition(consumer: Consumer, parse: Callable[[bytes], Any], end: int) -> Iterator[Past]:
    """Events as they came, labels as a scorer learns them: one with a wild clock waits for its time, and holds back no other."""
    latest = before = datetime.min.replace(tzinfo=UTC)
    held: list[tuple[datetime, int, Any, int]] = []  # labels, by their time
    for message in messages(consumer, end):
        try:
            value = parse_keyed(parse, message.value(), message.key())
        except MalformedEvent:
            continue
        at, broker_ms = value.event_time, max(message.timestamp()[1], 0)
        if hasattr(value, "decides"):
            latest = max(latest, at)
            yield Past(latest, value, broker_ms)
            continue
        heapq.heappush(held, (at, message.offset(), value, broker_ms))
        reached, before = min(before, at), at  # of the last two: one clock may be wild
        while held and held[0][0] <= reached:
            at, _, label, broker_ms = heapq.heappop(held)
            latest = max(latest, at)
            yield Past(latest, label, broker_ms)
    for at, _, label, broker_ms in sorted(held):
        yield Past(max(latest, at), label, broker_ms)


def messages(consumer: Consumer, end: int) -> Iterator[Any]:
    """Up to offset ``end``, or the partition's end: what lies between may be the end markers of transactions."""
    while True:
        first = consumer.poll(_PATIENCE)  # `consume` with a timeout would wait for all of them
        if first is None:
            raise BrokerError(f"Kafka gave no message within {_PATIENCE:.0f} s; is it up?")
        for message in (first, *consumer.consume(_FETCH, timeout=0)):
            error = message.error()
            if error is None:
                if message.offset() >= end:
                    return
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            elif error.fatal():
                raise BrokerError(f"reading {message.topic()} failed: {error.str()}")
