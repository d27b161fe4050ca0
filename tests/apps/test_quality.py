"""The process that judges decisions by late labels, on messages in memory."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import BaseModel

from apps.partitions import Partition
from apps.quality import Desks, encode, limits
from apps.records import readers
from apps.settings import Settings
from apps.tables import DriftWindow, DriftWindowRow, LoopEvent, LoopEventRow, QualityWindow, QualityWindowRow
from domain.registry import DOMAINS
from models.answers import answers
from models.days import day_of
from models.drift import Baseline
from models.registry import Step, Version
from models.watch import Limits
from tests.apps.memory_log import MemoryLog, Stored
from tests.models.decided import Plain, decided

FRAUD = DOMAINS["fraud"]
START = datetime(2025, 3, 3, tzinfo=UTC)
DAYS, SHIFTED = 74, 62


@cache
def log() -> tuple[Stored, ...]:
    """Payments' decisions with a shift, their labels and the model with its baseline, each topic in partitions, in order of time."""
    emissions = list(FRAUD.simulate(4, START, days=DAYS, customers=100, terminals=200))
    made, model = decided(FRAUD, emissions), Plain(FRAUD)
    learned = [d for d in made if 39 <= day_of(d.event_time) - day_of(START) < 53]
    x, found = np.array([d.features for d in learned], np.float64), answers(FRAUD, np.array([d.raw for d in learned]))
    base = Baseline.of(x, found, FRAUD.schema, [d.key for d in learned], [day_of(d.event_time) for d in learned])
    step = Step(stage="champion", at_us=1, by="train", why="the first")
    version = Version(domain="fraud", version="v1", created=START, steps=(step,), manifest={"baseline": base.to_json()}, report={})
    topics = MemoryLog()
    topics.send("models", version.model_dump_json().encode())
    for decided_one in made:
        decision = decided_one
        if day_of(decision.event_time) - day_of(START) >= SHIFTED:
            row = [decision.features[0] * 3, *decision.features[1:]]  # type: ignore[operator]
            raw = model.score([np.nan if v is None else v for v in row]).raw
            decision = decision.model_copy(update={"features": row, "raw": list(raw)})
        topics.send(FRAUD.decisions_topic, decision.model_dump_json().encode(), partition=hash_of(decision.key) % 3)
    for emission in emissions:
        if emission.stream == "labels":
            topics.send(FRAUD.labels_topic, emission.value.model_dump_json().encode(), partition=hash_of(emission.key) % 3)
    return tuple(message for place in sorted(topics.messages) for message in topics.messages[place])


def hash_of(name: str) -> int:
    return sum(name.encode())


def told(seed: int) -> dict[tuple[Any, ...], BaseModel]:
    """What is published, by primary key, where partitions are read in pieces of some size, in an order by lot, each to its end."""
    rng, waiting = random.Random(seed), dict[Partition, list[Stored]]()
    for message in log():
        waiting.setdefault((message.topic(), message.partition()), []).append(message)
    desks, found = Desks([FRAUD], Limits(psi=0.2)), dict[tuple[Any, ...], BaseModel]()
    desks.begun(set())
    while waiting:
        place = rng.choice(sorted(waiting))
        size = rng.randint(1, 1_500)
        desks.see(waiting[place][:size])
        waiting[place] = waiting[place][size:]
        waiting = {p: left for p, left in waiting.items() if left}
        found |= {key_of(item): item for item in desks.news(waiting.keys())}
    return found


def key_of(item: BaseModel) -> tuple[Any, ...]:
    row = {QualityWindow: QualityWindowRow, DriftWindow: DriftWindowRow, LoopEvent: LoopEventRow}[type(item)]  # type: ignore[index]
    return (row.__name__, *(getattr(item, column.name) for column in row.__table__.primary_key))  # type: ignore[attr-defined]


def test_a_restart_publishes_the_same_rows_however_partitions_are_read() -> None:
    first = told(1)
    assert {name for name, *_ in first} == {"QualityWindowRow", "DriftWindowRow", "LoopEventRow"}
    assert sum(isinstance(item, QualityWindow) for item in first.values()) == DAYS
    for seed in (2, 3):
        assert told(seed) == first


def test_an_alarm_says_what_moved_by_how_much_and_since_when() -> None:
    (raised, *_) = sorted((i for i in told(1).values() if isinstance(i, LoopEvent)), key=lambda e: e.at_us)
    assert (raised.what, raised.version) == ("drift", "v1")
    assert "amount: PSI" in raised.text
    moved = next(m for m in raised.details["moved"] if m["name"] == "amount")
    assert datetime.fromisoformat(moved["since"]).date() >= datetime(2025, 5, 4, tzinfo=UTC).date()
    assert moved["value"] > moved["limit"]


def test_what_is_published_becomes_rows() -> None:
    topics, read = MemoryLog(), readers([FRAUD])["metrics"]
    for item in told(1).values():
        record = read(topics.send("metrics", encode(item)))
        assert record is not None
        assert dict(record.row) == item.model_dump()


def test_days_whose_beginning_retention_has_cut_are_left_out() -> None:
    desks = Desks([FRAUD])
    desks.begun({(FRAUD.decisions_topic, p) for p in range(3)})
    desks.see(log())
    days = {item.day for item in desks.news(set()) if isinstance(item, QualityWindow)}
    assert days
    assert START.date() not in days


def test_what_cannot_be_read_is_counted_and_stops_nothing() -> None:
    desks, topics = Desks([FRAUD]), MemoryLog()
    desks.see([topics.send(topic, b"{}") for topic in desks.topics])
    assert desks.unreadable == 3
    assert desks.news(set()) == []


def test_a_version_without_a_baseline_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    desks = Desks([FRAUD])
    desks.see([message for message in log() if message.topic() != "models"])
    for _ in range(2):
        items = desks.news(set())
        assert not any(isinstance(item, DriftWindow) for item in items)
    assert sum("no baseline" in record.message for record in caplog.records) == 1


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PSI": "0.4", "SHARE": "0.1", "MEAN": "0.3", "PERSIST": "5", "ADWIN": "0.01"}.items():
        monkeypatch.setenv(f"POLYSCORE_DRIFT_{name}", value)
    assert limits(Settings()) == Limits(psi=0.4, share=0.1, mean=0.3, persist=5, adwin=0.01)
    assert orjson.loads(encode(QualityWindow.model_construct(domain="fraud")))["kind"] == "quality-window"
