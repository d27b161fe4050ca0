"""`polyscore status` and `polyscore tail` on a real Kafka: what runs, what there is, what passes."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer

from apps import tail
from apps.kafka import producer_config
from apps.settings import Settings
from apps.topics import METRICS
from domain.registry import DOMAINS
from tests.system.conftest import make_anew
from tests.system.processes import start, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
CARD = "4111111111111111"


def send(settings: Settings, *values: bytes) -> None:
    producer = Producer(producer_config(settings))
    for value in values:
        producer.produce(FRAUD.dead_letters_topic, value, key=b"k\n1", headers=[("reason", b"of old")])
    assert producer.flush(30) == 0


def test_tail_shows_what_is_there_and_what_comes_with_card_numbers_masked(clean_topics: Settings) -> None:
    send(clean_topics, b'{"id": "first"}', b'{"id": "second", "card": "%s"}' % CARD.encode(), b"\xff no json")
    process = start("tail", FRAUD.dead_letters_topic, "-n", "2", settings=clean_topics)
    until(lambda: "no json" in process.output(), process)
    send(clean_topics, b'{"id": "new"}')
    until(lambda: '"new"' in process.output(), process)
    assert process.stop() == 0
    lines = [line for line in process.output().splitlines() if "  0:" in line]
    assert [line.split("  ")[1] for line in lines] == ["0:1", "0:2", "0:3"], "the last two, and the new one"
    assert CARD not in process.output()
    assert '"card":"411111******1111"' in lines[0]
    assert r"\xff no json" in lines[1]
    assert r"k\n1" in lines[0]
    assert "reason=of old" in lines[0]


def test_tail_of_an_unknown_topic_names_the_topics(clean_topics: Settings) -> None:
    process = start("tail", "fraud.desicions", settings=clean_topics)
    assert process.popen.wait(60) == 1
    assert "there is no topic 'fraud.desicions'; there are metrics, models, fraud.payments" in process.output()
    assert "fraud.decisions" in set(tail.names())


def test_status_counts_what_there_is_and_names_our_processes(clean_topics: Settings) -> None:
    send(clean_topics, b"one", b"two")
    junk = Producer(producer_config(clean_topics))
    junk.produce(METRICS, b"\xff\x00junk")
    assert junk.flush(30) == 0
    sink = start("sink", settings=clean_topics)
    until(lambda: "sink" in status(clean_topics)["names"], sink)
    found = status(clean_topics)
    sink.stop()
    fraud = next(d for d in found["domains"] if d["domain"] == "fraud")
    assert (fraud["dead_letters"], fraud["events"], fraud["champion"], fraud["lag"]) == (2, 0, "", 0)
    assert len(found["domains"]) == len(DOMAINS)
    make_anew(clean_topics)  # others read all of `metrics`


def status(settings: Settings) -> dict[str, object]:
    (settings.logs / "status.log").unlink(missing_ok=True)
    process = start("status", "--json", settings=settings)
    assert process.popen.wait(60) == 0, process.output()
    found = json.loads(process.output())
    return {**found, "names": [p["name"] for p in found["processes"]]}
