"""`polyscore quality` on a real Kafka: late labels end as rows in the database, and a restart makes the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer

from apps.database import open_database
from apps.kafka import producer_config
from apps.settings import Settings
from apps.topics import METRICS
from domain.registry import DOMAINS
from tests.apps import databases
from tests.models.decided import decided
from tests.system.processes import read_topic, start, until

pytestmark = pytest.mark.system
START = datetime(2025, 3, 3, tzinfo=UTC)
FRAUD = DOMAINS["fraud"]


def send(settings: Settings) -> tuple[int, int]:
    """A month of decisions and labels, mixed by lot, some twice; returns how many decisions there are, and on how many days."""
    emissions = list(FRAUD.simulate(8, START, days=30, customers=60, terminals=120))
    decisions = decided(FRAUD, emissions)
    messages = [(FRAUD.decisions_topic, d.key, d.model_dump_json()) for d in decisions]
    messages += [(FRAUD.labels_topic, e.key, e.value.model_dump_json()) for e in emissions if e.stream == "labels"]
    messages += messages[::7]
    random.Random(3).shuffle(messages)
    producer = Producer(producer_config(settings))
    for topic, key, body in messages:
        producer.produce(topic, body.encode(), key=key)
        producer.poll(0)
    assert producer.flush(30) == 0
    return len({d.decision_id for d in decisions}), len({d.event_time.date() for d in decisions})


def published(settings: Settings, kind: str = "quality-window") -> list[dict[str, Any]]:
    found = [orjson.loads(message.value()) for message in read_topic(settings, METRICS)]
    return [item for item in found if item["kind"] == kind]


def test_late_labels_end_as_rows_and_a_restart_publishes_the_same(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path, "database_url": f"sqlite:///{tmp_path / 'p.db'}"})
    payments, days = send(settings)
    rows = list[Any]()
    for time in (1, 2):
        quality = start("quality", settings=settings)
        until(lambda time=time: len(published(settings)) >= time * days, quality, running=True)  # type: ignore[misc]
        assert quality.stop() == 0
        found = published(settings)
        assert len(found) == time * days
        rows.append(sorted(found[-days:], key=lambda row: row["day"]))
    assert rows[0] == rows[1]
    sink = start("sink", settings=settings)
    until(lambda: len(content(settings)["quality_window"]) == days, sink, running=True)
    assert sink.stop() == 0
    outcomes = start("outcomes", settings=settings)
    until(lambda: published(settings, "outcomes"), outcomes, running=True)
    assert outcomes.stop() == 0
    assert published(settings, "outcomes")[0]["sums"]["payments"] == payments == sum(row["decisions"] for row in rows[0])
    assert {row["labelled"] > 0 for row in rows[0]} == {True, False}


def content(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    engine = open_database(settings.database)
    try:
        return databases.content(engine)
    finally:
        engine.dispose()
