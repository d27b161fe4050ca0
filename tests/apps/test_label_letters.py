"""Malformed labels become dead letters, and none is passed over: what is not acknowledged is not committed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from apps.errors import BrokerError
from apps.label_letters import Letters
from domain.fraud.events import Label
from domain.registry import DOMAINS
from tests.system.source import START

FRAUD = DOMAINS["fraud"]
GOOD = Label(
    transaction_id="t1",
    event_time=START,
    payment_time=START - timedelta(days=7),
    customer_id="c1",
    terminal_id="x1",
    verdict="chargeback",
)


class Message:
    """A ``confluent_kafka.Message``."""

    def __init__(self, value: bytes, key: bytes = b"x1", error: Any = None) -> None:
        self._value, self._key, self._error = value, key, error

    def error(self) -> Any:
        return self._error

    def topic(self) -> str:
        return FRAUD.labels_topic

    def partition(self) -> int:
        return 2

    def offset(self) -> int:
        return 41

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return self._key


class Kafka:
    """Consumer and producer in one: gives its batches, then asks to stop; ``outcome`` is what becomes of each letter."""

    def __init__(self, *batches: list[Message], outcome: KafkaError | None = None, left: int = 0) -> None:
        self.batches, self.outcome, self.left = list(batches), outcome, left
        self.stop = Event()
        self.events: list[str] = []
        self.letters: list[tuple[str, bytes, dict[str, str]]] = []
        self.refuses: list[KafkaException] = []
        self._pending: list[Callable[..., None]] = []

    def consume(self, num_messages: int, timeout: float) -> list[Message]:
        if not self.batches:
            self.stop.set()
            return []
        return self.batches.pop(0)

    def produce(self, topic: str, value: bytes, key: bytes | None, *, headers: Any, on_delivery: Any) -> None:
        self.letters.append((topic, value, {name: text.decode() for name, text in headers}))
        self._pending.append(on_delivery)

    def flush(self, timeout: float) -> int:
        self.events.append("flush")
        if not self.left:
            for on_delivery in self._pending:
                on_delivery(self.outcome, None)
            self._pending.clear()
        return self.left

    def commit(self, *, asynchronous: bool) -> None:
        if self.refuses:
            raise self.refuses.pop(0)
        self.events.append("commit")

    def run(self) -> Kafka:
        Letters(self, self, {FRAUD.labels_topic: FRAUD}).keep_on(self.stop)
        return self


def good() -> Message:
    return Message(GOOD.model_dump_json().encode())


def test_a_malformed_label_is_sent_with_its_reason_and_origin_before_it_is_committed() -> None:
    kafka = Kafka([good(), Message(b"{"), Message(GOOD.model_dump_json().encode(), key=b"elsewhere")]).run()
    assert [(topic, value, heads["code"]) for topic, value, heads in kafka.letters] == [
        (FRAUD.dead_letters_topic, b"{", "not-json"),
        (FRAUD.dead_letters_topic, GOOD.model_dump_json().encode(), "wrong-key"),
    ]
    assert {(h["source-topic"], h["source-partition"], h["source-offset"]) for *_, h in kafka.letters} == {(FRAUD.labels_topic, "2", "41")}
    assert kafka.events == ["flush", "commit"]


def test_of_a_label_that_fills_a_message_the_letter_has_as_much_as_kafka_takes() -> None:
    kafka = Kafka([Message(b"x" * 1_048_488)]).run()
    ((_, value, heads),) = kafka.letters
    assert (value, heads["code"]) == (b"x" * 900_000, "too-large")
    assert "1,048,488 bytes" in heads["reason"]
    assert kafka.events == ["flush", "commit"]


def test_a_letter_that_kafka_refuses_is_an_error_and_its_label_is_not_committed() -> None:
    kafka = Kafka([Message(b"{")], [good()], outcome=KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(BrokerError, match="dead letters"):
        kafka.run()
    assert "commit" not in kafka.events


def test_labels_are_not_committed_while_a_letter_is_under_way_and_are_once_it_has_arrived() -> None:
    kafka = Kafka([Message(b"{")], [], left=1)
    kafka.run()
    assert kafka.letters
    assert "commit" not in kafka.events
    later = Kafka([Message(b"{")], [])
    assert later.run().events.count("commit") == 1


def test_a_commit_that_fails_for_now_is_tried_again() -> None:
    kafka = Kafka([good()], [], [])
    kafka.refuses = [KafkaException(KafkaError(KafkaError._TRANSPORT))]
    assert kafka.run().events == ["flush", "flush", "commit"]


def test_an_error_that_stays_ends_it() -> None:
    fatal = KafkaError(KafkaError._FATAL, "fenced", fatal=True)
    with pytest.raises(KafkaException, match="fenced"):
        Kafka([Message(b"", error=fatal)]).run()
