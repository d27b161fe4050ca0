"""How the scorer's reader tells labels to the features: in time, never early, whole after a start, exact in a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from confluent_kafka import Producer

from apps.errors import BrokerError
from apps.kafka import producer_config
from apps.labels import LabelReader
from apps.settings import Settings
from domain.contract import MalformedEvent
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


def send(settings: Settings, labels: Sequence[Label | bytes], key: bytes | None = None) -> bytes:
    """Send labels (under another key than their own, if one is given), and give the stamp that a replay would write."""
    producer = Producer(producer_config(settings))
    for item in labels:
        value, own = (item, b"x") if isinstance(item, bytes) else (item.model_dump_json().encode(), item.key.encode())
        producer.produce(FRAUD.labels_topic, value, key or own)
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


def test_a_label_under_a_wrong_key_is_counted_and_not_learned(clean_topics: Settings, start_reader: Start, learned: list[Label]) -> None:
    send(clean_topics, [label(2, hours=1)], key=b"another")
    stamp = send(clean_topics, [label(1, hours=1)])
    reader = start_reader()
    reader.advance(START + timedelta(hours=1), stamp)
    assert (numbers(learned), reader.unreadable) == ([1], 1)


def test_a_stamp_beyond_the_end_of_the_log_is_not_waited_for(
    clean_topics: Settings, start_reader: Start, learned: list[Label], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A wait would end only with the test's own time: a bad producer may send another such stamp with every payment."""
    monkeypatch.setattr("apps.labels._WAIT_FOR_STAMP", 3600.0)
    reader = start_reader()
    reader.advance(START)
    stamp = send(clean_topics, [label(i, hours=1) for i in range(50)])
    for beyond in range(20):
        ends = [int(end) + 1 + beyond for end in stamp.split(b",")]
        reader.advance(START + timedelta(hours=1), ",".join(map(str, [*ends, 7])).encode())  # and one partition too many
        assert numbers(learned) == list(range(50)), "what is there is still waited for"
    assert [r.levelname for r in caplog.records if "beyond the end" in r.getMessage()] == ["WARNING"], "said once"


def test_a_stamp_that_is_none_is_refused(start_reader: Start) -> None:
    reader = start_reader()
    for stamp in (b"", b"1,x", b"-1", b"1" * 30, "\u0663".encode()):
        with pytest.raises(MalformedEvent, match="labels-until") as refused:
            reader.advance(START, stamp)
        assert refused.value.code == "bad-header", stamp


def test_labels_that_exist_and_do_not_come_stop_the_scorer_instead_of_being_left_out(
    clean_topics: Settings, start_reader: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when Kafka goes away: a decision with half the history would be a wrong one."""
    monkeypatch.setattr("apps.labels._WAIT_FOR_STAMP", 0.2)
    stamp = send(clean_topics, [label(1, hours=1)])
    reader = start_reader()
    monkeypatch.setattr(reader, "_read", lambda timeout: None)
    with pytest.raises(BrokerError, match="labels up to offsets"):
        reader.advance(START + timedelta(hours=1), stamp)


def test_one_label_with_a_wild_clock_does_not_hold_back_those_behind_it(
    clean_topics: Settings, start_reader: Start, learned: list[Label]
) -> None:
    """All of one terminal, so of one partition."""
    send(clean_topics, [label(0, hours=24 * 365 * 30)])
    stamp = send(clean_topics, [label(7 * i, hours=i) for i in range(1, 50)])
    reader = start_reader()
    reader.advance(START + timedelta(hours=20), stamp)
    assert numbers(learned) == [7 * i for i in range(1, 21)]
    reader.advance(START + timedelta(hours=60), stamp)
    assert numbers(learned) == [7 * i for i in range(1, 50)]


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
