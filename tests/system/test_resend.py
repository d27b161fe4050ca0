"""A dead letter on a real Kafka: corrected, sent again, decided, and known to the database as sent again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from apps.kafka import producer_config
from apps.letter import place
from apps.records import readers
from apps.resend import REPLAY_OF, resend
from apps.settings import Settings
from apps.tables import DeadLetterRow, ResentRow
from domain.registry import DOMAINS
from tests.system.processes import read_topic, start, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
FRAUD = DOMAINS["fraud"]
GOOD = b'{"transaction_id":"mended","event_time":"2026-01-07T00:00:00Z","customer_id":"c9","terminal_id":"x","amount":1.5}'
BAD = GOOD.replace(b"1.5", b'"1.5"')


def test_a_dead_letter_is_corrected_sent_again_and_decided(clean_topics: Settings, bundle: Path, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    producer = Producer(producer_config(settings))
    producer.produce(FRAUD.events_topic, BAD, b"c9")
    assert producer.flush(30) == 0
    scorer = start("stream", "fraud", "--model", str(bundle), "--format", "native", settings=settings)
    until(lambda: read_topic(settings, FRAUD.dead_letters_topic), scorer, running=True)
    (message,) = read_topic(settings, FRAUD.dead_letters_topic)
    letter = row(message, DeadLetterRow)
    assert letter.original == BAD
    told = resend(settings, letter, "ada", GOOD)
    until(lambda: read_topic(settings, FRAUD.decisions_topic), scorer, running=True)
    assert scorer.stop() == 0
    (decision,) = (orjson.loads(m.value()) for m in read_topic(settings, FRAUD.decisions_topic))
    assert decision["decision_id"] == "mended"
    assert (decision["partition"], decision["offset"]) == (told.to_partition, told.to_offset)
    sent = read_topic(settings, FRAUD.events_topic)
    assert {m.partition() for m in sent} == {told.to_partition}, "the key keeps its partition"
    assert dict(sent[1].headers())[REPLAY_OF].decode() == place(letter)
    (news,) = read_topic(settings, "metrics")
    assert vars(row(news, ResentRow)) == told.model_dump()


def row(message: Any, table: Any) -> Any:
    """What the sink makes of a message."""
    found = readers([FRAUD])[message.topic()](message)
    assert found is not None
    assert found.table is table
    return SimpleNamespace(**found.row)
