"""The batch on a real Kafka: at the same offsets it says of every key what the stream said, in every bit; as CSV, topic and rows."""

from __future__ import annotations

import csv
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from apps.database import open_database
from apps.replay import Replay
from apps.settings import Settings
from domain.contract import Domain
from domain.registry import DOMAINS
from tests.domain.worlds import bundle_of, history
from tests.system.incarnations import running
from tests.system.processes import read_topic, start, until
from tests.system.test_nothing_lost_by_domain import own

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
SINCE = "2025-03-20"  # of the world's 25 days


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory, "maintenance")


@pytest.fixture
def scored(clean_topics: Settings, folder: Path, tmp_path: Path) -> tuple[Settings, dict[str, dict[str, Any]]]:
    """A world that the stream has scored, and the newest decision of each key."""
    settings, domain = own(clean_topics, tmp_path), DOMAINS["maintenance"]
    Replay(settings, domain).send(list(history("maintenance")), pace=None, stop=Event(), progress=lambda *_: None)
    wanted = {e.value.id for e in history("maintenance") if e.stream == "events" and not isinstance(e.value, bytes) and e.value.decides}
    scorer = start("stream", "maintenance", "--model", str(folder), "--format", "native", settings=settings)
    until(lambda: {d["decision_id"] for d in decisions(settings, domain)} >= wanted, scorer, running=True)
    assert scorer.stop() == 0
    newest: dict[str, dict[str, Any]] = {}
    for decision in decisions(settings, domain):
        before = newest.get(decision["key"])
        if before is None or decision["event_time"] >= before["event_time"]:
            newest[decision["key"]] = decision
    return settings, newest


def decisions(settings: Settings, domain: Domain) -> list[dict[str, Any]]:
    return [orjson.loads(m.value()) for m in read_topic(settings, domain.decisions_topic)]


def batch(settings: Settings, folder: Path, out: Path, *more: str) -> list[dict[str, str]]:
    asked = start("batch", "maintenance", "--model", str(folder), "--format", "pfa", "--out", str(out), *more, settings=settings)
    assert asked.ended() == 0, asked.output()
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_batch_says_of_every_machine_what_the_stream_said(
    scored: tuple[Settings, dict[str, dict[str, Any]]], folder: Path, tmp_path: Path
) -> None:
    settings, newest = scored
    with running("sink", settings) as sink:
        listed = batch(settings, folder, tmp_path / "all.csv", "--all")
        assert {row["machine"] for row in listed} == set(newest)
        for row in listed:
            streamed = newest[row["machine"]]
            assert (row["decision_id"], row["action"], row["format"]) == (streamed["decision_id"], streamed["action"], "pfa")
            assert float(row["score"]) == streamed["score"], "in every bit"
        assert [float(row["score"]) for row in listed] == sorted(float(row["score"]) for row in listed), "the shortest life first"
        sent = [orjson.loads(m.value()) for m in read_topic(settings, "maintenance.batch")]
        assert {d["key"]: d["features"] for d in sent} == {key: d["features"] for key, d in newest.items()}
        until(lambda: rows(settings) == [(d["key"], d["action"], d["score"]) for d in sorted(sent, key=lambda d: d["key"])], sink)


def rows(settings: Settings) -> list[tuple[str, str, float]]:
    engine = open_database(settings.database)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT key, action, score FROM batch WHERE domain = 'maintenance' ORDER BY key")).all()
    engine.dispose()
    return [(key, action, score) for key, action, score in found]


def test_the_list_leaves_out_the_calm_and_those_not_heard_of_since(
    scored: tuple[Settings, dict[str, dict[str, Any]]], folder: Path, tmp_path: Path
) -> None:
    settings, newest = scored
    listed = batch(settings, folder, tmp_path / "orders.csv", "--since", SINCE)
    wanted = {key for key, d in newest.items() if d["event_time"] >= SINCE and d["action"] != "wait"}
    assert wanted
    assert {row["machine"] for row in listed} == wanted
    assert batch(settings, folder, tmp_path / "none.csv", "--since", "2025-12-31") == []
