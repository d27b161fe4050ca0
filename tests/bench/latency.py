"""End-to-end latency at a fixed rate: from the moment a payment is due to the moment a `read_committed` reader sees its answer.

What a late sender adds is told as latency: counted from when it sent, a payment that waits behind others would look quick.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from apps.kafka import consumer_config, producer_config
from apps.partitions import watermarks
from apps.settings import Settings
from apps.topics import SOURCE_US
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]
PERCENTILES = (50, 95, 99, 99.9)
REHEARSAL = 50  # payments sent before any is counted: enough to reach every partition
SETTLE = 3.0  # seconds sent at the rate before any is counted
_PATIENCE = 300.0  # seconds until whoever should answer has started and has worked off what is in the topic


class Sent(NamedTuple):
    """When each payment that counts was due and when it was sent, in seconds of one clock."""

    due: dict[bytes, float]
    at: list[float]

    def figures(self) -> dict[str, float]:
        """The rate that was reached, in payments per second, and by how much the latest was late, in milliseconds."""
        late = [at - due for at, due in zip(self.at, self.due.values(), strict=True)]
        return {"sent_per_second": (len(self.at) - 1) / (self.at[-1] - self.at[0]), "latest_ms": max(late) * 1000}


class Answer(NamedTuple):
    """When an answer was seen, by the clock that measures and by the clock on the wall (microseconds), and what it said."""

    at: float
    wall_us: int
    value: bytes


def needed(rate: float, seconds: float) -> int:
    """How many payments one measurement takes."""
    return REHEARSAL + int(rate * (seconds + SETTLE))


def measure(settings: Settings, source: list[tuple[bytes, bytes]], *, rate: float, answers: str) -> dict[str, float | None]:
    """Send (key, value) pairs at ``rate`` per second; the latencies in milliseconds of what comes back on ``answers``.

    The first payments are sent until they are answered, the next ``SETTLE`` seconds are sent but not counted. A missing
    answer counts as an infinite latency.
    """
    producer = Producer(producer_config(settings, linger_ms=0.5))
    consumer = _at_the_end(settings, answers)
    seen: dict[bytes, Answer] = {}
    done = threading.Event()
    reader = threading.Thread(target=_read, args=(consumer, seen, done), daemon=True)
    reader.start()
    try:
        _rehearse(producer, source[:REHEARSAL], seen)
        sent = _send(producer, source[REHEARSAL:], rate, {_id(value) for _, value in source[:REHEARSAL]})
        _wait(sent.due, seen)
    finally:
        done.set()
        reader.join()
    return {**summary(sent.due, seen), **sent.figures()}


def _rehearse(producer: Producer, source: list[tuple[bytes, bytes]], seen: dict[bytes, Answer]) -> None:
    give_up = time.perf_counter() + _PATIENCE
    while not all(_id(value) in seen for _, value in source):
        if time.perf_counter() > give_up:
            raise RuntimeError(f"nobody answered within {_PATIENCE:.0f} s")
        for key, value in source:
            producer.produce(FRAUD.events_topic, value, key)
        producer.flush(30)
        time.sleep(1.0)  # until other processes have started


def _send(producer: Producer, source: list[tuple[bytes, bytes]], rate: float, known: set[bytes]) -> Sent:
    """A payment that comes again does not count: its first answer may have been seen before."""
    sent = Sent({}, [])
    began = time.perf_counter()
    for i, (key, value) in enumerate(source):
        due = began + i / rate
        while (wait := due - time.perf_counter()) > 0:
            producer.poll(min(wait, 0.001))
        if i >= rate * SETTLE and _id(value) not in known:
            sent.due[_id(value)] = due
            sent.at.append(time.perf_counter())
        known.add(_id(value))
        header = str(time.time_ns() // 1000).encode()
        producer.produce(FRAUD.events_topic, value, key, headers=[(SOURCE_US, header)])
    producer.flush(30)
    return sent


def summary(due: Mapping[bytes, float], seen: Mapping[bytes, Answer]) -> dict[str, float | None]:
    """Percentiles of the latency, and for the slowest hundredth the share of it that came after the decision was made.

    The latter is None where the answers are no decisions.
    """
    ids = list(due)
    latencies = np.array([seen[i].at - due[i] if i in seen else np.inf for i in ids]) * 1000
    found = {f"p{p:g}_ms": float(np.percentile(latencies, p, method="higher")) for p in PERCENTILES}
    slowest = [i for i, ms in zip(ids, latencies, strict=True) if found["p99_ms"] <= ms < np.inf]
    share = _after_decision([seen[i] for i in slowest], sum(seen[i].at - due[i] for i in slowest))
    return {**found, "after_decision": share, "count": len(latencies), "missing": int(np.isinf(latencies).sum())}


def _after_decision(answers: Sequence[Answer], latency_s: float) -> float | None:
    decided = [orjson.loads(answer.value).get("decided_us") for answer in answers]
    if not decided or None in decided:
        return None
    return float(sum(a.wall_us - us for a, us in zip(answers, decided, strict=True)) / 1e6 / latency_s)


def _id(value: bytes) -> bytes:
    """The transaction id, which stands first in a payment and second in a decision."""
    at = value.index(b'_id":"') + 6
    return value[at : value.index(b'"', at)]


def _at_the_end(settings: Settings, topic: str) -> Consumer:
    consumer = Consumer(consumer_config(settings, "polyscore-bench-latency", **{"fetch.wait.max.ms": 100}))
    consumer.assign([TopicPartition(topic, p, end) for p, (_, end) in watermarks(consumer, topic).items()])
    consumer.poll(1.0)
    return consumer


def _read(consumer: Consumer, seen: dict[bytes, Answer], done: threading.Event) -> None:
    while not done.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            seen.setdefault(_id(message.value()), Answer(time.perf_counter(), time.time_ns() // 1000, message.value()))
    consumer.close()


def _wait(due: Mapping[bytes, float], seen: Mapping[bytes, Answer]) -> None:
    give_up = time.perf_counter() + 30
    while not due.keys() <= seen.keys() and time.perf_counter() < give_up:
        time.sleep(0.05)


def echo(answers: str) -> None:
    """A bare consume-produce loop with confluent-kafka: the floor that latencies are set against. Runs until killed."""
    settings = Settings()
    consumer = _at_the_end(settings, FRAUD.events_topic)
    producer = Producer(producer_config(settings, linger_ms=0.5))
    while True:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            producer.produce(answers, message.value(), message.key())
        producer.poll(0)


if __name__ == "__main__":
    echo(sys.argv[1])
