"""The sink and the monitor on a real Kafka: transactions, kills, new partitions, topics made anew, lag."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import orjson
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from sqlalchemy import text

from apps import monitor, sink
from apps import partitions as reading
from apps.database import open_database
from apps.errors import BrokerError, DatabaseError
from apps.kafka import client_config, consumer_config, producer_config
from apps.lag import GroupLag
from apps.partitions import KafkaSource, watermarks
from apps.records import Reader, readers
from apps.settings import Settings
from apps.sink import Sink
from apps.sla import KIND
from apps.topics import METRICS
from domain.registry import DOMAINS
from tests.apps import databases
from tests.apps.memory_log import decision
from tests.system.conftest import Broker
from tests.system.incarnations import now_us
from tests.system.processes import read_topic, start

pytestmark = pytest.mark.system
READERS = readers(list(DOMAINS.values()))
PATIENCE = 90.0  # seconds after which a wait has failed; nothing is concluded from how long it took


@pytest.fixture
def topic(broker: Settings) -> str:
    """A topic of decisions for one test alone."""
    name = f"test.{uuid4().hex}"
    make(broker, name)
    return name


def make(settings: Settings, topic: str, partitions: int = 3) -> None:
    admin = AdminClient(client_config(settings))
    admin.create_topics([NewTopic(topic, partitions, 1)], operation_timeout=30)[topic].result(30)


def send(settings: Settings, topic: str, numbers: range, **changes: Any) -> None:
    producer = Producer(producer_config(settings))
    for number in numbers:
        body = decision(number, **changes)
        producer.produce(topic, body, key=f"c{number % 7}")
    assert producer.flush(30) == 0


def until(condition: Callable[[], bool], step: Callable[[], Any]) -> None:
    """Do ``step`` until ``condition`` holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        step()


class Filling:
    """A sink of one topic into one database, and what it has written."""

    def __init__(self, settings: Settings, topic: str, url: str) -> None:
        self.settings, self.topic, self.url = settings, topic, url
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        topics: dict[str, Reader] = {self.topic: READERS["fraud.decisions"]}
        self.source = KafkaSource(self.settings, "polyscore-test-sink", [self.topic], batch=50)
        # Looks at every step: a clock that runs fast.
        clock = iter(range(0, 10**9, 10))
        self.sink = Sink(lambda: open_database(self.url), self.source, topics, self.said.append, lambda: next(clock))

    def stop(self) -> None:
        self.sink.close()
        self.source.close()

    def until(self, count: int) -> None:
        until(lambda: len(self.ids()) == count, self.sink.step)

    def ids(self) -> list[str]:
        engine = open_database(self.url)
        with engine.connect() as connection:
            found = list(connection.execute(text("SELECT decision_id FROM decision ORDER BY decision_id")).scalars())
        engine.dispose()
        return found

    def content(self) -> dict[str, Any]:
        engine = open_database(self.url)
        found = databases.content(engine)
        engine.dispose()
        return found


@pytest.fixture
def filling(broker: Settings, topic: str, database_url: str) -> Iterator[Filling]:
    found = Filling(broker, topic, database_url)
    yield found
    found.stop()


def test_decisions_on_kafka_are_rows_and_a_dropped_database_is_rebuilt(filling: Filling) -> None:
    send(filling.settings, filling.topic, range(500))
    filling.until(500)
    before = filling.content()
    databases.drop_everything(filling.url)
    while filling.content() != before:
        with suppress(DatabaseError):
            filling.sink.step()
    filling.stop()
    filling.start()
    send(filling.settings, filling.topic, range(500, 510))
    filling.until(510)


def test_an_aborted_transaction_leaves_no_rows(filling: Filling) -> None:
    producer = Producer({**producer_config(filling.settings), "transactional.id": uuid4().hex})
    producer.init_transactions(30)
    for numbers, end in ((range(100), producer.commit_transaction), (range(100, 200), producer.abort_transaction)):
        producer.begin_transaction()
        for number in numbers:
            producer.produce(filling.topic, decision(number))
        producer.flush(30)
        end(30)
    send(filling.settings, filling.topic, range(200, 300))
    filling.until(200)
    assert set(filling.ids()) == {f"t{n}" for n in (*range(100), *range(200, 300))}


def test_new_partitions_are_read_from_their_beginning(filling: Filling) -> None:
    send(filling.settings, filling.topic, range(50))
    filling.until(50)
    admin = AdminClient(client_config(filling.settings))
    admin.create_partitions([NewPartitions(filling.topic, 4)], operation_timeout=30)[filling.topic].result(30)
    producer = Producer(producer_config(filling.settings))

    def refused() -> bool:  # the broker may not know its new partition yet
        outcome: list[Any] = []
        producer.produce(filling.topic, decision(99), partition=3, on_delivery=lambda error, _: outcome.append(error))
        producer.flush(30)
        return outcome != [None]

    until(lambda: not refused(), lambda: producer.poll(0.1))
    filling.until(51)


def test_a_topic_deleted_and_made_anew_is_read_from_its_beginning(filling: Filling) -> None:
    send(filling.settings, filling.topic, range(60))
    filling.until(60)
    admin = AdminClient(client_config(filling.settings))
    admin.delete_topics([filling.topic], operation_timeout=30)[filling.topic].result(30)
    until(lambda: not filling.source.look(), lambda: time.sleep(0.1))  # until Kafka has let go of it
    make(filling.settings, filling.topic)
    send(filling.settings, filling.topic, range(100, 300))
    filling.until(260)
    assert any("made anew" in said for said in filling.said)


def test_a_sink_process_killed_again_and_again_loses_nothing(broker: Settings, tmp_path: Path) -> None:
    settings = broker.model_copy(update={"home": tmp_path, "database_url": f"sqlite:///{tmp_path / 'x.db'}"})
    mark = uuid4().hex
    producer = Producer(producer_config(settings))
    for number in range(20_000):
        producer.produce("fraud.decisions", decision(number, decision_id=f"{mark}-{number}", decided_us=now_us()), key=f"c{number % 7}")
        producer.poll(0)
    assert producer.flush(60) == 0

    def stored() -> int:
        if not (tmp_path / "x.db").exists():
            return 0
        engine = open_database(settings.database)
        with engine.connect() as connection:
            query = text("SELECT count(*) FROM decision WHERE decision_id LIKE :mark")
            found = connection.execute(query, {"mark": f"{mark}-%"}).scalar_one()
        engine.dispose()
        return int(found)

    process = start("sink", settings=settings)
    try:
        for kill in range(1, 4):
            until(lambda wanted=kill * 2000: stored() >= wanted, lambda: time.sleep(0.01))
            process.kill_hard()
            process = process.again()
        until(lambda: stored() == 20_000, lambda: time.sleep(0.1))
        assert process.stop() == 0
    finally:
        if process.alive():
            process.kill_hard()


def test_the_sinks_command_fills_and_stops(broker: Settings, database_url: str) -> None:
    mark = uuid4().hex
    settings = broker.model_copy(update={"database_url": database_url})
    send(broker, "fraud.decisions", range(1), decision_id=mark, decided_us=now_us())
    send(broker, "fraud.alerts", range(1), decision_id=mark, alert=True, action="block", decided_us=now_us())
    stop, said = Event(), list[str]()
    thread = Thread(target=sink.run, args=(settings,), kwargs={"stop": stop, "say": said.append})
    thread.start()

    def there() -> bool:
        engine = open_database(database_url)
        with engine.connect() as connection:
            query = "SELECT (SELECT count(*) FROM decision WHERE decision_id = :i) + (SELECT count(*) FROM alert WHERE decision_id = :i)"
            found = connection.execute(text(query), {"i": mark}).scalar_one()
        engine.dispose()
        return bool(found == 2)

    try:
        until(there, lambda: time.sleep(0.05))
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert said[-1].startswith("stopped: ")


def test_the_monitor_publishes_what_a_committed_reader_sees(broker: Settings) -> None:
    version, stop = f"v-{uuid4().hex}", Event()
    thread = Thread(target=monitor.run, args=(broker,), kwargs={"window_s": 0.2, "stop": stop})
    thread.start()
    producer = Producer({**producer_config(broker), "transactional.id": uuid4().hex})
    producer.init_transactions(30)
    number = 0

    def beat(end: Callable[[float], None], **changes: Any) -> None:
        nonlocal number
        number += 1
        producer.begin_transaction()
        producer.produce("fraud.decisions", decision(number, model_version=version, **changes))
        end(30)

    def windows() -> list[dict[str, Any]]:
        found = [orjson.loads(message.value()) for message in read_topic(broker, METRICS)]
        return [fields for fields in found if fields["kind"] == KIND and fields["model_version"] == version]

    def now() -> int:
        return time.time_ns() // 1000

    try:
        until(lambda: bool(windows()), lambda: beat(producer.commit_transaction, source_us=now(), decided_us=now()))
        beat(producer.abort_transaction, action="never seen")
        late = now() - 5_000_000
        beat(producer.commit_transaction, action="late", source_us=late, decided_us=late)
        until(lambda: any("late" in window["actions"] for window in windows()), lambda: time.sleep(0.05))
    finally:
        stop.set()
        thread.join(60)
    found = windows()
    assert not any("never seen" in window["actions"] for window in found)
    slow = next(window for window in found if "late" in window["actions"])
    assert slow["misses"] >= 1
    assert slow["max_ms"] >= 5_000
    assert slow["domain"] == "fraud"
    assert all(window["start_us"] < window["end_us"] for window in found)


def test_lag_is_counted_against_what_the_group_committed(broker: Settings, topic: str) -> None:
    name = f"polyscore-test-{uuid4().hex}"
    lag = GroupLag(broker, name, topic)
    send(broker, topic, range(90))
    assert lag.events() == 90
    consumer = Consumer(consumer_config(broker, name))
    ends = {p: end for p, (_, end) in watermarks(consumer, topic).items()}
    consumer.commit(offsets=[TopicPartition(topic, p, end - min(end, 2)) for p, end in ends.items()], asynchronous=False)
    assert lag.events() == sum(min(end, 2) for end in ends.values())
    consumer.commit(offsets=[TopicPartition(topic, p, end) for p, end in ends.items()], asynchronous=False)
    consumer.close()
    assert lag.events() == 0
    lag.close()


def test_a_topic_made_anew_a_moment_ago_is_waited_for(broker: Settings, topic: str) -> None:
    admin, consumer = AdminClient(client_config(broker)), Consumer(consumer_config(broker, "polyscore-test-ends"))
    for partitions in (3, 12, 24):
        send(broker, topic, range(10))
        ends = watermarks(consumer, topic)
        assert sum(end - first for first, end in ends.values()) == 10
        admin.delete_topics([topic], operation_timeout=30)[topic].result(30)
        until(lambda: topic not in admin.list_topics(timeout=10).topics, lambda: time.sleep(0.05))
        make(broker, topic, partitions)
        assert watermarks(consumer, topic) == dict.fromkeys(range(partitions), (0, 0))
    consumer.close()


def test_a_topic_that_never_comes_is_named(broker: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PATIENCE", 0.5)
    consumer = Consumer(consumer_config(broker, "polyscore-test-ends"))
    with pytest.raises(BrokerError, match=r"topic no\.such\.topic.*polyscore setup"):
        watermarks(consumer, "no.such.topic")
    consumer.close()


def test_the_lag_of_a_broker_that_has_just_started_can_be_asked_for(tmp_path: Path) -> None:
    """librdkafka 2.12 crashes where an AdminClient asks a coordinator that is still loading."""
    started = Broker.start(tmp_path)
    try:
        lag = GroupLag(started.settings, "polyscore-fraud", "fraud.payments")

        def answered() -> bool:
            with suppress(KafkaException):  # not every partition may have its leader yet
                return lag.events() == 0
            return False

        until(answered, lambda: time.sleep(0.02))
        lag.close()
    finally:
        started.stop()
