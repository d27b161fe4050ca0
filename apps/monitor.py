"""The monitor: sees decisions as any ``read_committed`` reader does and publishes what it measured on ``metrics``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Event

import orjson
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Producer
from pydantic import ValidationError

from apps.kafka import explained, producer_config
from apps.lag import Watch
from apps.logs import logger
from apps.partitions import KafkaSource, Message, Partition
from apps.settings import Settings
from apps.sla import KIND, Seen, Windows
from apps.tables import SlaWindow
from apps.topics import METRICS
from domain.decision import Decision
from domain.registry import DOMAINS

_PATIENCE = 0.1  # seconds until a waiting monitor looks whether it should stop
_log = logger(__name__)


def now_us() -> int:
    """UTC microseconds since the epoch."""
    return time.time_ns() // 1000


class Monitor:
    """Decisions in, windows out. ``clock``: UTC microseconds."""

    def __init__(self, clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self.windows = Windows({domain.name: domain.deadline_ms for domain in DOMAINS.values()}, clock())
        self.unreadable = 0

    def see(self, messages: Iterable[Message]) -> None:
        """Count decisions that have just become visible. One that cannot be read is the sink's to report."""
        visible_us = self._clock()
        for message in messages:
            try:
                decision = Decision.model_validate_json(message.value() or b"")
            except ValidationError:
                self.unreadable += 1
                continue
            d = decision
            self.windows.add(Seen(d.domain, d.model_version, d.format, d.action, d.source_us, d.decided_us, visible_us))

    def close(self, lag: dict[str, int]) -> list[tuple[str, bytes]]:
        """The windows up to now as messages: (key, value)."""
        return [(window.domain, encode(window)) for window in self.windows.close(self._clock(), lag)]


def encode(window: SlaWindow) -> bytes:
    """A window as it travels on ``metrics``."""
    return orjson.dumps({"kind": KIND, **window.model_dump()})


def run(settings: Settings, *, window_s: float = 2.0, stop: Event) -> None:
    """Measure and publish until ``stop``, from now on. Raises ``BrokerError`` where Kafka cannot be reached at the start.

    The windows end some milliseconds after their time when a batch is just being counted; each says its true bounds.
    """
    topics = [domain.decisions_topic for domain in DOMAINS.values()]
    source = KafkaSource(settings, "polyscore-monitor", topics, prompt=True)  # it measures when a reader has them
    watch = Watch(settings, DOMAINS, window_s, stop)
    producer = Producer(producer_config(settings))
    monitor = Monitor()
    try:
        with explained(settings):
            watch.ask()
            watch.start()
            _measure(source, watch, monitor, producer, window_s, stop)
    finally:
        source.close()
        producer.flush(5)
    if monitor.unreadable:
        _log.warning("decisions could not be read; the sink keeps them among the dead letters", count=monitor.unreadable)


def _measure(source: KafkaSource, watch: Watch, monitor: Monitor, producer: Producer, window_s: float, stop: Event) -> None:
    assigned: frozenset[Partition] = frozenset()
    while not stop.is_set():
        assigned = _follow(source, assigned, watch.partitions)
        end = time.monotonic() + window_s
        while (left := end - time.monotonic()) > 0 and not stop.is_set():
            monitor.see(source.wait(min(left, _PATIENCE)))
        _publish(producer, monitor.close(watch.lag))


def _follow(source: KafkaSource, assigned: frozenset[Partition], there: frozenset[Partition]) -> frozenset[Partition]:
    """Read new partitions too, from their beginning; at the start, and where a topic was made anew, all from their end."""
    if not assigned or source.stale:
        source.assign(dict.fromkeys(there, OFFSET_END))
        source.stale = False
        return there
    if there - assigned:
        source.add(dict.fromkeys(there - assigned, OFFSET_BEGINNING))
    return assigned | there


def _publish(producer: Producer, windows: Iterable[tuple[str, bytes]]) -> None:
    for key, value in windows:
        try:
            producer.produce(METRICS, key=key.encode(), value=value)
        except BufferError:
            _log.warning("Kafka takes no more metrics; a window is lost")
    producer.poll(0)
