"""End-to-end latency at a fixed rate: from the moment a payment is sent to the moment a `read_committed` reader sees its answer."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray

from apps.kafka import consumer_config, producer_config
from apps.partitions import watermarks
from apps.settings import Settings
from apps.topics import SOURCE_US
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]
PERCENTILES = (50, 95, 99, 99.9)


def measure(
    settings: Settings, source: list[tuple[bytes, bytes]], *, rate: float, seconds: float, answers: str, settle: float = 3.0
) -> dict[str, float]:
    """Send (key, value) pairs at ``rate`` per second; the latencies in milliseconds of what comes back on ``answers``.

    The first ``settle`` seconds are sent but not counted. A missing answer counts as an infinite latency.
    """
    sent: dict[bytes, float] = {}
    producer = Producer(producer_config(settings, linger_ms=0.5))
    consumer = _at_the_end(settings, answers)
    seen: dict[bytes, float] = {}
    done = threading.Event()
    reader = threading.Thread(target=_read, args=(consumer, seen, done), daemon=True)
    reader.start()
    began = time.perf_counter()
    for i in range(min(len(source), int(rate * (seconds + settle)))):
        due = began + i / rate
        while (wait := due - time.perf_counter()) > 0:
            producer.poll(min(wait, 0.001))
        key, value = source[i]
        sent[_id(value)] = time.perf_counter() if i >= rate * settle else float("nan")
        header = str(time.time_ns() // 1000).encode()
        producer.produce(FRAUD.events_topic, value, key, headers=[(SOURCE_US, header)])
    producer.flush(30)
    _wait(sent, seen)
    done.set()
    reader.join()
    return _summary(np.array([(seen.get(i, np.inf) - at) * 1000 for i, at in sent.items() if not np.isnan(at)]))


def _summary(latencies: NDArray[np.float64]) -> dict[str, float]:
    result = {f"p{p:g}_ms": float(np.percentile(latencies, p)) for p in PERCENTILES}
    return {**result, "count": len(latencies), "missing": int(np.isinf(latencies).sum())}


def _id(value: bytes) -> bytes:
    """The transaction id, which stands first in a payment and second in a decision."""
    at = value.index(b'_id":"') + 6
    return value[at : value.index(b'"', at)]


def _at_the_end(settings: Settings, topic: str) -> Consumer:
    consumer = Consumer(consumer_config(settings, "polyscore-bench-latency", **{"fetch.wait.max.ms": 100}))
    consumer.assign([TopicPartition(topic, p, end) for p, (_, end) in watermarks(consumer, topic).items()])
    consumer.poll(1.0)
    return consumer


def _read(consumer: Consumer, seen: dict[bytes, float], done: threading.Event) -> None:
    while not done.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            seen.setdefault(_id(message.value()), time.perf_counter())
    consumer.close()


def _wait(sent: dict[bytes, float], seen: dict[bytes, float]) -> None:
    give_up = time.perf_counter() + 30
    while len(seen) < len(sent) and time.perf_counter() < give_up:
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
