"""A Kafka that is killed keeps the promise of its transactions: what was open stays unseen, whatever the moment, and how often."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from apps import broker, broker_recovery
from apps.errors import BrokerError
from apps.kafka import consumer_config, producer_config
from domain.registry import DOMAINS
from tests.system.conftest import Broker

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
TOPIC = DOMAINS["fraud"].decisions_topic
SHORT_MS, LONG_MS = 1_000, 60_000  # of a transaction: over, before the broker is up again; not over before it is committed


def transactional(to: Broker, limit_ms: int) -> Producer:
    """A scorer's producer; the next one of the same name takes its place."""
    found = Producer({**producer_config(to.settings), "transactional.id": "one", "transaction.timeout.ms": limit_ms, "log_level": 0})
    found.init_transactions(60)
    return found


def write(producer: Producer, value: bytes, partitions: int) -> None:
    for partition in range(partitions):
        producer.produce(TOPIC, value, partition=partition)
    assert producer.flush(20) == 0


def seen(by: Broker, partitions: int) -> list[bytes]:
    """All that a read_committed reader sees."""
    consumer = Consumer({**consumer_config(by.settings, "reader"), "isolation.level": "read_committed", "enable.partition.eof": True})
    consumer.assign([TopicPartition(TOPIC, i, 0) for i in range(partitions)])
    values, ended = [], 0
    while ended < partitions:
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None or message.error().code() == KafkaError._PARTITION_EOF
        ended += message.error() is not None
        values += [] if message.error() else [message.value()]
    consumer.close()
    return values


def test_a_transaction_that_was_open_when_kafka_was_killed_is_never_seen(fresh_broker: Broker) -> None:
    partitions = fresh_broker.settings.partitions
    before = transactional(fresh_broker, LONG_MS)
    before.begin_transaction()
    write(before, b"committed", partitions)
    before.commit_transaction(20)
    first = transactional(fresh_broker, SHORT_MS)
    first.begin_transaction()
    write(first, b"open", partitions)
    fresh_broker.crash_and_restart()
    second = transactional(fresh_broker, LONG_MS)
    second.begin_transaction()
    write(second, b"after", partitions)
    second.commit_transaction(20)
    assert sorted(seen(fresh_broker, partitions)) == [b"after"] * partitions + [b"committed"] * partitions
    with pytest.raises(KafkaException):
        first.commit_transaction(20)


def test_a_kafka_that_is_killed_while_it_comes_back_comes_back_the_next_time(
    fresh_broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        fresh_broker.crash_and_restart()
    data = fresh_broker.own.broker_folder / "data"
    assert broker_recovery.was_killed(data), "one that runs has not stopped in order"
    kill(fresh_broker)
    config = fresh_broker.own.broker_folder / "recovery.properties"
    with pytest.raises(KeyboardInterrupt):
        broker_recovery.recover(fresh_broker.own.broker_folder, broker.free_port(0), interrupted)
    assert not config.exists()
    broker.start(fresh_broker.own, port=fresh_broker.port, say=print, tied=True)
    fresh_broker.stop()
    assert not broker_recovery.was_killed(data)
    broker.start(fresh_broker.own, port=fresh_broker.port, say=print, tied=True)
    assert capsys.readouterr().out.count("bringing its transactions in order") == 3


def kill(which: Broker) -> None:
    java = psutil.Process(broker.start(which.own, say=print).pid)
    java.kill()
    java.wait(30)


def interrupted(config: Path, log: Path) -> None:
    assert config.exists()
    raise KeyboardInterrupt


def test_a_recovery_that_does_not_come_about_is_told_with_kafkas_words(fresh_broker: Broker) -> None:
    kill(fresh_broker)
    (fresh_broker.own.broker_folder / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(BrokerError, match="was killed, and its transactions cannot be brought in order"):
        broker.start(fresh_broker.own, port=fresh_broker.port, say=print, tied=True)
    left = {path.name for path in fresh_broker.own.broker_folder.iterdir()}
    assert not left & {"recovery.properties", "recovery.log"}
