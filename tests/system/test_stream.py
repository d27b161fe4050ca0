"""The scorer on a real Kafka: every format decides alike, a replay at full speed computes the batch's rows, bad messages are kept."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from confluent_kafka import Producer

from apps.audit import audit, wait_until_scored
from apps.kafka import producer_config
from apps.replay import Replay
from apps.settings import Settings
from domain.registry import DOMAINS
from exports.formats import LOCAL
from tests.system.conftest import make_anew
from tests.system.processes import read_topic, start, until
from tests.system.source import emissions, expected_rows

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
TIMES = ("source_us", "broker_us", "decided_us")


def send(settings: Settings, history: list[Any]) -> None:
    Replay(settings, FRAUD).send(history, pace=None, stop=threading.Event(), progress=lambda *_: None)


def scored(settings: Settings, bundle: Path, model_format: str, guarantee: str = "at-least-once") -> list[dict[str, Any]]:
    """All decisions of a scorer that has read everything, by id."""
    scorer = start("stream", "fraud", "--model", str(bundle), "--format", model_format, "--guarantee", guarantee, settings=settings)
    try:
        until(lambda: wait_until_scored(settings, FRAUD, 1.0), scorer, running=True)
    finally:
        assert scorer.stop() == 0, scorer.output()
    return sorted((orjson.loads(m.value()) for m in read_topic(settings, FRAUD.decisions_topic)), key=lambda d: str(d["decision_id"]))


def test_a_replay_at_full_speed_computes_the_rows_of_the_batch_to_the_last_bit(
    clean_topics: Settings, bundle: Path, tmp_path: Path
) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    history = emissions(24_000, seed=4, customers=300, terminals=200, days=45)
    send(settings, history)
    decisions, rows = scored(settings, bundle, "pmml"), expected_rows(history)
    assert len(decisions) == len(rows) == 24_000
    differing = [d["decision_id"] for d in decisions if bits(d["features"]) != bits(rows[d["decision_id"]])]
    assert differing == []
    assert audit(settings, FRAUD, {}).missing == 0


def bits(row: list[float | None]) -> bytes:
    return np.array([np.nan if value is None or np.isnan(value) else value for value in row]).tobytes()


@pytest.mark.timeout(600)
def test_every_format_decides_alike(broker: Settings, bundle: Path, tmp_path: Path) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    history = emissions(3_000, seed=8, days=20)
    for model_format in LOCAL:
        make_anew(broker)
        settings = broker.model_copy(update={"home": tmp_path / model_format})
        send(settings, history)
        every = scored(settings, bundle, model_format)
        assert {d["format"] for d in every} == {model_format}
        found[model_format] = [{name: value for name, value in d.items() if name not in (*TIMES, "format")} for d in every]
    assert len(found["native"]) == 3_000
    for model_format in LOCAL:
        assert found[model_format] == found["native"], model_format
    assert any(d["reasons"] for d in found["native"])


def payment(name: str, amount: str = "1.5", more: str = "") -> bytes:
    """A payment of customer c1, as text."""
    fields = f'"event_time":"2025-01-07T00:00:00Z","customer_id":"c1","terminal_id":"x","amount":{amount}{more}'
    return f'{{"transaction_id":"{name}",{fields}}}'.encode()


BAD: list[tuple[str, bytes | None, bytes | None]] = [  # code, key, value
    ("not-json", b"c1", b"{ this is not json"),
    ("empty", b"c1", b""),
    ("empty", b"c1", None),
    ("empty", None, None),
    ("wrong-key", b"another", payment("w")),
    ("wrong-key", None, payment("without a key")),
    ("not-finite", b"c1", payment("n", "NaN")),
    ("unknown-field", b"c1", payment("u", "1", ',"pan":"4"')),
    ("wrong-type", b"c1", payment("t", '"1"')),
]


@pytest.mark.parametrize("guarantee", ["at-least-once", "exactly-once"])
def test_bad_messages_become_dead_letters_with_reason_bytes_and_origin_and_the_stream_goes_on(
    guarantee: str, clean_topics: Settings, bundle: Path, tmp_path: Path
) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    producer = Producer(producer_config(settings))
    history = emissions(200, seed=2, days=5)
    send(settings, history[:100])
    for _, key, value in BAD:
        producer.produce(FRAUD.events_topic, value, key)
    assert producer.flush(30) == 0
    send(settings, history[100:])
    decisions = scored(settings, bundle, "native", guarantee)
    assert {d["decision_id"] for d in decisions} == {e.value.id for e in history if e.stream == "events"}
    letters = read_topic(settings, FRAUD.dead_letters_topic)
    events = {(m.partition(), m.offset()): m.value() or b"" for m in read_topic(settings, FRAUD.events_topic)}
    seen = []
    for letter in letters:
        heads = {name: text.decode() for name, text in letter.headers()}
        assert heads["source-topic"] == FRAUD.events_topic
        assert events[int(heads["source-partition"]), int(heads["source-offset"])] == (letter.value() or b"")
        assert heads["reason"]
        seen.append((heads["code"], letter.value() or b""))
    assert sorted(seen) == sorted((code, value or b"") for code, _, value in BAD)


def test_a_bad_label_becomes_a_dead_letter_once_and_a_good_one_does_not(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    good = next(e.value for e in emissions(50, seed=2, days=9) if e.stream == "labels")
    bad = [("not-json", b"x1", b"{ this is not json"), ("empty", b"x1", None), ("wrong-key", b"x", good.model_dump_json().encode())]
    producer = Producer(producer_config(settings))

    def letters() -> list[Any]:
        return read_topic(settings, FRAUD.dead_letters_topic)

    for number, (code, key, value) in enumerate(bad, 1):  # a monitor each: what one has sent the next does not send again
        producer.produce(FRAUD.labels_topic, good.model_dump_json().encode(), good.key.encode())
        producer.produce(FRAUD.labels_topic, value, key)
        assert producer.flush(30) == 0
        monitor = start("monitor", settings=settings)
        try:
            until(lambda wanted=number: len(letters()) >= wanted, monitor, running=True)
        finally:
            assert monitor.stop() == 0, monitor.output()
        assert dict(letters()[-1].headers())["code"] == code.encode()
    labels = {(m.partition(), m.offset()): m.value() or b"" for m in read_topic(settings, FRAUD.labels_topic)}
    for (_, _, value), letter in zip(bad, letters(), strict=True):
        heads = {name: text.decode() for name, text in letter.headers()}
        assert heads["source-topic"] == FRAUD.labels_topic
        assert labels[int(heads["source-partition"]), int(heads["source-offset"])] == (letter.value() or b"") == (value or b"")
        assert heads["reason"]
