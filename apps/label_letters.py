"""Sends malformed labels to the dead letters, once: every scorer reads all labels, so none of them can be the one to do it."""

from __future__ import annotations

from threading import Event as Flag
from typing import Any

from confluent_kafka import Consumer, Producer

from apps.kafka import consumer_config, producer_config
from apps.settings import Settings
from apps.topics import dead_letter_headers
from domain.contract import Domain, MalformedEvent
from domain.registry import DOMAINS


def run(settings: Settings, stop: Flag) -> None:
    """Watch every domain's labels until ``stop``. Offsets are committed after the letters are acknowledged."""
    by_topic = {d.labels_topic: d for d in DOMAINS.values()}
    consumer = Consumer(consumer_config(settings, "polyscore-label-letters"))
    producer = Producer(producer_config(settings))
    consumer.subscribe(list(by_topic))
    try:
        while not stop.is_set():
            messages = [m for m in consumer.consume(500, timeout=0.5) if m.error() is None]
            for message in messages:
                _inspect(by_topic[message.topic()], message, producer)
            if messages and producer.flush(30) == 0:
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _inspect(domain: Domain, message: Any, producer: Producer) -> None:
    try:
        label = domain.parse_label(message.value() or b"")
        if message.key() != label.key.encode():
            raise MalformedEvent("wrong-key", f"the message's key is not {label.key!r}, the key of its label")
    except MalformedEvent as error:
        headers = dead_letter_headers(error.code, str(error), message.topic(), message.partition(), message.offset())
        producer.produce(domain.dead_letters_topic, message.value() or b"", message.key(), headers=list(headers))
