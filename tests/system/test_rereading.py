"""Who reads topics from their beginning knows when all of the start is read, whatever stands at the ends."""

from __future__ import annotations

import time
from collections.abc import Set
from threading import Event

import pytest
from confluent_kafka import Producer

from apps import rereading
from apps.kafka import producer_config
from apps.partitions import KafkaSource, Partition
from apps.settings import Settings
from apps.topics import METRICS, MODELS
from tests.system.conftest import make_anew

pytestmark = pytest.mark.system
MARKED = 2  # where the topic ends: after the message and the marker
MOST_S = 60.0  # that it is told for


def test_a_topic_that_ends_in_a_transactions_marker_is_read_to_its_end_though_another_never_falls_silent(clean_topics: Settings) -> None:
    mover = Producer({**producer_config(clean_topics), "transactional.id": "a-move"})
    mover.init_transactions(30)
    mover.begin_transaction()
    mover.produce(MODELS, b"{}", b"fraud")
    mover.commit_transaction(30)
    give_up = time.monotonic() + MOST_S
    busy, stop, told = Producer(producer_config(clean_topics)), Event(), list[set[Partition]]()

    def see(_: object) -> None:
        busy.produce(METRICS, b"{}", b"fraud")
        busy.flush(30)

    def tell(unread: Set[Partition]) -> None:
        told.append(set(unread))
        if not unread or time.monotonic() > give_up:
            stop.set()

    source = KafkaSource(clean_topics, "polyscore-test-rereading", [METRICS, MODELS])
    while MARKED not in [extent.high for (topic, _), extent in source.look().items() if topic == MODELS]:
        time.sleep(0.05)  # until the marker is written
    try:
        rereading.follow(source, see, tell, stop, every_s=0.1)
    finally:
        source.close()
        make_anew(clean_topics)  # what was written is nothing that others could read
    assert told[-1] == set()
