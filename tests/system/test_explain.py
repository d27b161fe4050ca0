"""`polyscore explain` and `decisions` on a real Kafka: what a decision was made of, and what became of it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from apps.replay import Replay
from apps.settings import Settings
from domain.registry import DOMAINS
from exports.formats import LOCAL
from tests.system.processes import read_topic, start, until
from tests.system.source import emissions

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
PAYMENTS = 300


@pytest.fixture
def decided(clean_topics: Settings, bundle: Path, tmp_path: Path) -> tuple[Settings, list[dict[str, Any]]]:
    """Payments that a scorer has decided, its bundle where bundles are kept; labels of most are there."""
    settings = clean_topics.model_copy(update={"home": tmp_path, "database_url": f"sqlite:///{tmp_path / 'polyscore.db'}"})
    folder = shutil.copytree(bundle, settings.bundles / "fraud" / bundle.name)
    sent = emissions(PAYMENTS, seed=3)
    Replay(settings, DOMAINS["fraud"]).send(sent, pace=None, stop=Event(), progress=lambda *_: None)
    scorer = start("stream", "fraud", "--model", str(folder), "--format", "pmml", settings=settings)
    payments = sum(e.stream == "events" for e in sent)
    until(lambda: len(read_topic(settings, "fraud.decisions")) >= payments, scorer, running=True)
    assert scorer.stop() == 0
    return settings, [orjson.loads(m.value()) for m in read_topic(settings, "fraud.decisions")]


def test_a_decision_is_gone_over_again_by_every_format_with_its_event_and_its_label(decided: tuple[Settings, list[dict[str, Any]]]) -> None:
    settings, made = decided
    labels = {
        label["transaction_id"]: label["verdict"] for label in (orjson.loads(m.value()) for m in read_topic(settings, "fraud.labels"))
    }
    one = next(d for d in made if labels.get(d["decision_id"]) == "chargeback")
    asked = start("explain", one["decision_id"], "--json", settings=settings)
    assert asked.ended() == 0, asked.output()
    said = json.loads(asked.output()[asked.output().index("{") :])
    assert said["label"] == 1.0
    assert said["decision"]["model_version"] == one["model_version"]
    assert json.loads(said["event"])["transaction_id"] == one["decision_id"], "the original message, found by its place"
    answers = {a["format"]: a for a in said["explanation"]["formats"]}
    assert [answers[name]["equal"] for name in LOCAL] == [True] * len(LOCAL)
    assert all(answers[name]["raw"] == one["raw"] for name in LOCAL)


def test_every_decision_of_a_version_is_listed_and_an_unknown_id_is_refused(decided: tuple[Settings, list[dict[str, Any]]]) -> None:
    settings, made = decided
    asked = start("decisions", "fraud", "--model", made[0]["model_version"], settings=settings)
    assert asked.ended() == 0, asked.output()
    lines = [line for line in asked.output().splitlines() if line.startswith(("decision_id", "t0"))]
    assert {row["decision_id"] for row in csv.DictReader(lines)} == {d["decision_id"] for d in made}
    none = start("decisions", "fraud", "--model", "another", settings=settings)
    assert none.ended() == 0
    assert "0 decisions" in none.output()
    lost = start("explain", "no-such-id", settings=settings)
    assert lost.ended() == 1
    assert "no decision 'no-such-id'" in lost.output()
