"""The topics alone give the training set of the events, and a candidate made of it takes the champion's place only if it is better."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from confluent_kafka import Producer

from apps import recall, registry
from apps.audit import wait_until_scored
from apps.kafka import producer_config
from apps.monitor import now_us
from apps.replay import Replay
from apps.retrain import ALWAYS, EVER, REFUSED
from apps.settings import Settings
from apps.topics import METRICS
from domain.contract import Emission
from domain.fraud.simulator import PERFECT
from domain.learning import Window
from domain.registry import DOMAINS
from models.bundle import load_bundle
from models.dataset import Dataset, replay
from models.registry import Cause
from models.train import train
from tests.models.small import START
from tests.system.processes import read_topic, start, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
FRAUD = DOMAINS["fraud"]
SENT, DRIFT, DAYS = 25, 28, 49  # days of the world: from when on it goes through Kafka, when it changes, when it ends
DAYS_OF = ("--train-days", "7", "--holdout-days", "7")


@cache
def world() -> tuple[Emission, ...]:
    """Payments and labels without a real stream's faults: what is late is scored without what came later."""
    return tuple(FRAUD.simulate(5, START, customers=800, terminals=1600, days=DAYS, imperfections=PERFECT, drift_after_days=DRIFT))


def sent() -> list[Emission]:
    """The payments from ``SENT`` on, and their labels."""
    begin = START + timedelta(days=SENT)
    return [e for e in world() if (e.value.event_time if e.stream == "events" else e.value.payment_time) >= begin]


def champion(settings: Settings) -> str:
    """A model of the world before it changed, at work."""
    before = (e for e in world() if e.at < START + timedelta(days=DRIFT))
    made = load_bundle(train(FRAUD, before, "simulated", settings.bundles / "fraud", window=Window(train=11, delay=7, test=3)))
    known = registry.read(settings, "fraud")
    changes = known.register(registry.candidate(made, now_us(), "test", "the first"))
    registry.move(settings, known, [*changes, *known.promote(made.version, Cause(now_us(), "test", "the first"))])
    return made.version


def score_all(settings: Settings, version: str) -> None:
    Replay(settings, FRAUD).send(sent(), pace=None, stop=threading.Event(), progress=lambda *_: None)
    scorer = start("stream", "fraud", "--model", str(settings.bundles / "fraud" / version), settings=settings)
    try:
        until(lambda: wait_until_scored(settings, FRAUD, 1.0), scorer, running=True)
    finally:
        assert scorer.stop() == 0, scorer.output()


def retrained(settings: Settings, *more: str) -> tuple[int, str]:
    run = start("retrain", "fraud", *DAYS_OF, *more, settings=settings)
    return run.ended(400), run.output()


def happened(settings: Settings) -> list[dict[str, Any]]:
    """What was told of models, in order."""
    told = (orjson.loads(m.value()) for m in read_topic(settings, METRICS))
    return [event for event in told if event["kind"] == "loop-event"]


def say_all_are_frauds(settings: Settings, ids: Iterable[str]) -> None:
    """Chargebacks for these payments, which overrule what was said of them before."""
    producer, wanted = Producer(producer_config(settings)), set(ids)
    for emission in sent():
        if emission.stream == "labels" and emission.value.transaction_id in wanted:
            wrong = emission.value.model_copy(update={"verdict": "chargeback"})
            producer.produce(FRAUD.labels_topic, wrong.model_dump_json().encode(), wrong.key.encode())
            producer.poll(0)
    assert producer.flush(30) == 0


def test_a_retrain_from_the_topics_learns_what_a_replay_gives_and_the_gate_takes_only_what_is_better(
    clean_topics: Settings, tmp_path: Path
) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    first = champion(settings)
    score_all(settings, first)
    found, data = recall.read(settings, FRAUD, recall.Wanted(EVER, ALWAYS))
    batch = replay(FRAUD, sent())
    assert differing(data, batch) == []
    assert found.counts["malformed"] == 0

    status, output = retrained(settings, "--why", "the world changed")
    assert status == 0, output
    known = registry.read(settings, "fraud")
    assert known.standing is not None
    second = known.standing.champion
    assert second != first
    assert known.standing.former == (first,)
    assert (known.versions[second].parent, known.versions[second].steps[0].why) == (first, "the world changed")
    manifest = known.versions[second].manifest
    assert manifest["parent"] == first
    assert manifest["data"]["offsets"] == found.offsets
    assert manifest["data"]["to"] < manifest["data"]["held_out"]["from"]
    assert manifest["baseline"]["rows"] > 1_000
    assert [e["what"] for e in happened(settings)] == ["retraining", "registered", "gate", "promoted"]

    defamed = np.random.default_rng(1).permutation(np.unique(batch.key))[:60]
    say_all_are_frauds(settings, batch.event_id[np.isin(batch.key, defamed)].tolist())
    status, output = retrained(settings, "--why", "labels gone wrong")
    assert status == REFUSED, output
    known = registry.read(settings, "fraud")
    assert known.standing is not None
    assert known.standing.champion == second
    (third,) = known.standing.challengers
    told = happened(settings)[-1]
    assert (told["what"], told["version"], told["details"]["verdict"]) == ("gate", third, "refused")
    assert known.versions[third].stage == "challenger"
    assert known.versions[third].steps[-1].why == told["details"]["reason"]
    assert not told["details"]["checks"][0]["passed"]

    status, output = retrained(settings, "--offsets-of", second, "--no-promote")
    assert status == REFUSED, output  # made of the same rows as the champion: no better than it
    assert registry.read(settings, "fraud").standing == known.standing
    again = read_manifest(settings, output)
    assert again["data"]["offsets"] == found.offsets
    assert again["files"]["model.txt"] == manifest["files"]["model.txt"]


def read_manifest(settings: Settings, output: str) -> dict[str, Any]:
    """Of the last version that a command's output names."""
    version = output.rsplit(" was not promoted", 1)[0].rsplit(maxsplit=1)[-1]
    found: dict[str, Any] = load_bundle(settings.bundles / "fraud" / version).manifest
    return found


def differing(one: Dataset, other: Dataset) -> list[str]:
    """The names of the arrays that are not equal to the bit."""
    return [name for name in Dataset.__annotations__ if getattr(one, name).tobytes() != getattr(other, name).tobytes()]


def test_too_few_labels_are_told_with_the_reason(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    run = start("retrain", "fraud", "--why", "too soon", settings=settings)
    assert run.ended() == 1
    assert "no decisions of fraud to learn from" in run.output()
    started, told = happened(settings)
    assert started["text"] == "retraining: too soon"
    assert told["what"] == "retraining"
    assert "no decisions of fraud" in told["details"]["reason"]
