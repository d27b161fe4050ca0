"""How the scorer's reader tells labels to the features: in time, never early, whole after a start, exact in a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from confluent_kafka import Producer

from apps.kafka import producer_config
from apps.labels import LabelReader
from apps.settings import Settings
from domain.fraud.events import Label
from domain.registry import DOMAINS
from tests.system.processes import read_topic
from tests.system.source import START

pytestmark = pytest.mark.system
Start = Callable[[], LabelReader]
FRAUD = DOMAINS["fraud"]


def label(number: int, hours: float) -> Label:
    return Label(
        transaction_id=f"t{number}",
        event_time=START + timedelta(hours=hours),
        payment_time=START - timedelta(days=7),
        customer_id="c",
        terminal_id=f"x{number % 7}",
        verdict="all-clear",
    )


def send(settings: Settings, labels: list[Label | bytes]) -> bytes:
    """Send labels, wait until Kafka has them, and give the stamp that a replay would write."""
    producer = Producer(producer_config(settings))
    for item in labels:
        value, key = (item, b"x") if isinstance(item, bytes) else (item.model_dump_json().encode(), item.key.encode())
        producer.produce(FRAUD.labels_topic, value, key)
    assert producer.flush(30) == 0
    ends = dict.fromkeys(range(settings.partitions), 0)
    for message in read_topic(settings, FRAUD.labels_topic):
        ends[message.partition()] = max(ends[message.partition()], message.offset() + 1)
    return ",".join(str(ends[p]) for p in sorted(ends)).encode()


@pytest.fixture
def learned() -> list[Label]:
    return []


@pytest.fixture
def start_reader(clean_topics: Settings, learned: list[Label]) -> Iterator[Callable[[], LabelReader]]:
    started: list[LabelReader] = []

    def start() -> LabelReader:
        started.append(LabelReader(clean_topics, FRAUD, learned.append))
        return started[-1]

    yield start
    for reader in started:
        reader.close()


def numbers(labels: list[Label]) -> list[int]:
    return sorted(int(x.transaction_id[1:]) for x in labels)


def test_a_started_reader_gives_all_that_was_known_before_the_first_payment(
    clean_topics: Settings, start_reader: Start, learned: list[Label]
) -> None:
    send(clean_topics, [label(i, hours=i) for i in range(200)])
    start_reader().advance(START + timedelta(hours=99))
    assert numbers(learned) == list(range(100))


def test_a_label_from_a_payments_future_is_held_back_until_its_time(
    clean_topics: Settings, start_reader: Start, learned: list[Label]
) -> None:
    stamp = send(clean_topics, [label(0, hours=1), label(1, hours=5)])
    reader = start_reader()
    reader.advance(START + timedelta(hours=2), stamp)
    assert numbers(learned) == [0]
    reader.advance(START + timedelta(hours=5), stamp)
    assert numbers(learned) == [0, 1]


def test_a_stamped_payment_sees_labels_sent_after_the_start(clean_topics: Settings, start_reader: Start, learned: list[Label]) -> None:
    reader = start_reader()
    reader.advance(START)
    stamp = send(clean_topics, [label(i, hours=1) for i in range(50)])
    reader.advance(START + timedelta(hours=1), stamp)
    assert numbers(learned) == list(range(50))


def test_an_unreadable_label_is_counted_and_passed_over(clean_topics: Settings, start_reader: Start, learned: list[Label]) -> None:
    stamp = send(clean_topics, [b"{", label(1, hours=1)])
    reader = start_reader()
    reader.advance(START + timedelta(hours=1), stamp)
    assert (numbers(learned), reader.unreadable) == ([1], 1)


def test_far_more_labels_than_can_be_held_back_all_come_in_their_time(
    clean_topics: Settings, start_reader: Start, learned: list[Label], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.labels._FULL", 100)
    monkeypatch.setattr("apps.labels._DRAINED", 20)
    stamp = send(clean_topics, [label(i, hours=i / 10) for i in range(3000)])
    reader = start_reader()
    for hour in range(0, 301, 10):
        reader.advance(START + timedelta(hours=hour))
        assert max((x.event_time for x in learned), default=START) <= START + timedelta(hours=hour)
        assert numbers(learned) == list(range(min(3000, hour * 10 + 1)))
    reader.advance(START + timedelta(hours=400), stamp)
    assert len(learned) == 3000
    # Once more after every partition's end was reached: what is fetched again must go on exactly where it was let go of.
    stamp = send(clean_topics, [label(i, hours=i / 10) for i in range(3000, 9000)])
    for hour in range(400, 901, 20):
        reader.advance(START + timedelta(hours=hour))
    reader.advance(START + timedelta(hours=1000), stamp)
    assert numbers(learned) == list(range(9000))
