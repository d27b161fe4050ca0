"""A scorer's models: one that is pinned, or those that the topic ``models`` announces, taken while the stream goes on.

What holds of a switch:

- Each event is decided by one version, which its decision names: the scorer takes the models at work once an event, and a switch
  is one assignment between two events. A new model is loaded, checked and warm before that, in a thread beside the stream.
- Standings are applied in the topic's order; of several that wait, the newest alone.
- Partitions may switch at different moments, as their scorers do. None goes back: before its first event after an assignment of
  partitions, a scorer has applied all that was announced by then (``settle``), so all that a scorer before it may have applied.
- An event that is decided again (after a crash, or sent twice) may be decided by a newer version than the first time: the same
  id, upserted. Exactly-once, only one of the two is visible.
- A scorer that has to refuse a version which another could load (its folder is not on that machine) decides by its old one, and
  tells it. It is the one case in which a partition that moves can go back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Event, Thread
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

from apps import loading, loop_events, registry
from apps.errors import BrokerError
from apps.kafka import consumer_config, explained, producer_config
from apps.lineup import Lineup
from apps.loop_events import What
from apps.partitions import partition_ids
from apps.settings import Settings
from apps.topics import MODELS
from domain.contract import Domain
from models.at_work import AtWork
from models.decide import Model
from models.registry import Registry, Standing

_PLACE = (MODELS, 0)
_WAIT, _PATIENCE = 0.1, 60.0  # seconds: for a message, and for the topic's end and a model's loading
_YIELD = 1e-4  # seconds; Python's own 5 ms a turn would be felt by each event that meets a loading model


class Models(Protocol):
    """Where a scorer's models come from."""

    def start(self) -> AtWork:
        """The models at work now."""

    def follow(self, hand_over: Callable[[AtWork], None], failed: Callable[[], None]) -> None:
        """Hand over what is at work from now on, whenever it changes; ``failed``: it will not any more, ``settle`` says why."""

    def settle(self) -> None:
        """Return when all that was announced by now has been handed over."""

    def close(self) -> None:
        """Stop following."""


class Pinned:
    """One model, whatever is announced."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def start(self) -> AtWork:
        return AtWork(self._model)

    def follow(self, hand_over: Callable[[AtWork], None], failed: Callable[[], None]) -> None:
        pass

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


class Follower:
    """The models that the topic announces. ``start`` reads it to its end; ``follow`` goes on in a thread of its own."""

    def __init__(self, settings: Settings, domain: Domain, model_format: str, instance: str) -> None:
        config = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
        self._settings, self._domain, self._place = settings, domain, {"format": model_format, "instance": instance}
        self._consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-models", **config))
        self._producer = Producer(producer_config(settings))
        self._lineup = Lineup(domain, lambda known, name: loading.announced(settings, domain, known, name, model_format), self._tell)
        self._known = Registry(domain.name)
        self._applied: Standing | None = None
        self._read_until, self._ended = 0, False  # the offset up to which the topic is read; whether its end was seen
        self._applied_until, self._failed = 0, ""
        self._moved, self._stop = Condition(), Event()
        self._thread: Thread | None = None

    def start(self) -> AtWork:
        """Raises ``InputError`` where nothing is announced, or nothing that is can be loaded; ``BrokerError`` without an answer."""
        with explained(self._settings):
            partition_ids(self._consumer, MODELS)
        self._consumer.assign([TopicPartition(*_PLACE, OFFSET_BEGINNING)])
        give_up = time.monotonic() + _PATIENCE
        while not self._ended:
            self._read()
            if time.monotonic() > give_up:
                raise BrokerError(f"the topic {MODELS} does not come to its end; is Kafka up?")
        try:
            found = self._lineup.take(self._known)
        finally:
            self._producer.flush(10)
        self._applied, self._applied_until = self._known.standing, self._read_until
        return found

    def follow(self, hand_over: Callable[[AtWork], None], failed: Callable[[], None]) -> None:
        self._thread = Thread(target=self._go_on, args=(hand_over, failed), daemon=True, name="models")
        self._thread.start()

    def settle(self) -> None:
        """Raises ``BrokerError`` where what is announced does not come, or the thread that follows has ended."""
        with explained(self._settings):
            _, end = self._consumer.get_watermark_offsets(TopicPartition(*_PLACE), timeout=_PATIENCE)
        with self._moved:
            there = self._moved.wait_for(lambda: self._failed or self._applied_until >= end, _PATIENCE)
        if self._failed or not there:
            why = self._failed or f"what was announced by offset {end} is not applied after {_PATIENCE:.0f} s"
            raise BrokerError(f"the models of {self._domain.name} are not followed any more: {why}; start the scorer again")

    def close(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(_PATIENCE)
        self._producer.flush(5)
        self._consumer.close()

    def _go_on(self, hand_over: Callable[[AtWork], None], failed: Callable[[], None]) -> None:
        try:
            while not self._stop.is_set():
                if self._read():
                    self._apply(hand_over)
        except Exception as error:  # noqa: BLE001  # the thread's edge: `settle` raises it in the stream's
            self._failed = str(error) or type(error).__name__
            failed()
        with self._moved:
            self._moved.notify_all()

    def _read(self) -> bool:
        """Take in what has arrived; whether anything has. An end of the topic counts: beyond what was compacted away it says how far."""
        first = self._consumer.poll(_WAIT)
        if first is None:
            return False
        for message in (first, *self._consumer.consume(1000, timeout=0)):
            error = message.error()
            if error is None:
                registry.take_in(self._known, message.value())
                self._read_until = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._read_until, self._ended = message.offset(), True
            elif error.fatal():
                raise BrokerError(f"reading {MODELS} failed: {error.str()}")
        return True

    def _apply(self, hand_over: Callable[[AtWork], None]) -> None:
        news = self._known.standing != self._applied
        if news:
            with _yielding():
                hand_over(self._lineup.take(self._known))
            self._applied = self._known.standing
        with self._moved:
            self._applied_until = self._read_until
            self._moved.notify_all()
        if news:
            self._producer.flush(5)

    def _tell(self, what: What, version: str, text: str, details: dict[str, Any]) -> None:
        loop_events.tell(self._producer, loop_events.event(self._domain.name, what, version, text, **self._place, **details))


@contextmanager
def _yielding() -> Iterator[None]:
    """Let the stream's thread have its turn at once while this one works."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_YIELD)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
