"""Sends malformed labels to the dead letters, once: every scorer reads all labels, so none of them can be the one to do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Event as Flag
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, Producer

from apps.errors import BrokerError
from apps.kafka import GATHERED, commit, consumer_config, explained, producer_config
from apps.labels import parse_keyed
from apps.logs import logger
from apps.settings import Settings
from apps.topics import dead_letter_body, dead_letter_headers
from domain.contract import Domain, MalformedEvent
from domain.registry import DOMAINS

_BATCH, _WAIT = 500, 0.5  # messages; seconds
_log = logger(__name__)


class Source(Protocol):
    """What is used of a ``confluent_kafka.Consumer``."""

    def consume(self, num_messages: int, timeout: float) -> Iterable[Any]: ...
    def commit(self, *, asynchronous: bool) -> object: ...


class Target(Protocol):
    """What is used of a ``confluent_kafka.Producer``."""

    def produce(self, topic: str, value: bytes, key: bytes | None, *, headers: Any, on_delivery: Any) -> None: ...
    def flush(self, timeout: float) -> int: ...


def run(settings: Settings, stop: Flag) -> None:
    """Watch every domain's labels until ``stop``. Raises ``BrokerError`` where a letter, or Kafka itself, is refused for good."""
    by_topic = {d.labels_topic: d for d in DOMAINS.values()}
    with explained(settings):
        consumer = Consumer(consumer_config(settings, "polyscore-label-letters", **GATHERED))
        try:
            consumer.subscribe(list(by_topic))
            Letters(consumer, Producer(producer_config(settings)), by_topic).keep_on(stop)
        finally:
            consumer.close()


class Letters:
    """Reads, sends, and commits what it has read once all its letters are acknowledged: one that is lost is never passed over."""

    def __init__(self, consumer: Source, producer: Target, by_topic: Mapping[str, Domain]) -> None:
        self._consumer, self._producer, self._by_topic = consumer, producer, by_topic
        self._uncommitted = False
        self._refused = self._told = ""

    def keep_on(self, stop: Flag) -> None:
        """Until ``stop``. Raises ``BrokerError`` for a letter that Kafka refused, ``KafkaException`` for an error that stays."""
        while not stop.is_set():
            for message in self._consumer.consume(_BATCH, timeout=_WAIT):
                self._take(message)
            if self._uncommitted and self._producer.flush(_WAIT) == 0:
                self._commit()

    def _take(self, message: Any) -> None:
        error = message.error()
        if error is None:
            self._uncommitted = True
            self._inspect(self._by_topic[message.topic()], message)
        elif error.fatal():
            raise KafkaException(error)
        else:
            _log.warning("labels cannot be read for now", topic=message.topic(), why=error.str())

    def _inspect(self, domain: Domain, message: Any) -> None:
        try:
            parse_keyed(domain.parse_label, message.value(), message.key())
        except MalformedEvent as error:
            headers = dead_letter_headers(error.code, str(error), message.topic(), message.partition(), message.offset())
            topic, value = domain.dead_letters_topic, dead_letter_body(message.value())
            self._producer.produce(topic, value, message.key(), headers=list(headers), on_delivery=self._delivered)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._refused = str(error.str())

    def _commit(self) -> None:
        if self._refused:
            lost = "a malformed label could not be sent to the dead letters"
            raise BrokerError(f"{lost}: {self._refused}; start the monitor again, it takes up there")
        why = commit(self._consumer)
        self._uncommitted = why is not None  # tried again; until then a restart repeats letters
        if why is not None and self._told != (told := why.str()):
            self._told = told
            _log.warning("the labels read are not committed yet", why=told)
