"""A stream whose model stays behind a server: the same decisions, and decisions all the same when the server is killed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from apps.broker import free_port
from apps.settings import Settings
from domain.registry import DOMAINS
from models.bundle import load_bundle
from tests.system import processes
from tests.system.processes import Process, read_topic, start
from tests.system.source import Flow, emissions, expected_rows
from tests.system.test_stream import scored, send

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
until = partial(processes.until, running=True)


@pytest.fixture
def settings(clean_topics: Settings, tmp_path: Path) -> Settings:
    return clean_topics.model_copy(update={"home": tmp_path})


@pytest.fixture
def server(settings: Settings, bundle: Path) -> Iterator[Process]:
    """The bundle's model behind a server on a free port."""
    process = start("serve", str(bundle / "model.pmml"), "--port", str(free_port(0)), settings=settings)
    until(lambda: "serving at" in process.output(), process)
    yield process
    process.kill_hard()


def environment(server: Process, timeout: str) -> dict[str, str]:
    address = re.search(r"serving at (http://[\d.:]+)", server.output())
    assert address
    return {"POLYSCORE_MODEL_SERVER": address[1], "POLYSCORE_MODEL_TIMEOUT": timeout}


def decisions(settings: Settings) -> list[dict[str, Any]]:
    return [orjson.loads(message.value()) for message in read_topic(settings, FRAUD.decisions_topic)]


def test_a_model_behind_a_server_decides_as_the_same_model_in_the_stream(
    server: Process, settings: Settings, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = emissions(1_500, seed=8, days=20)
    send(settings, history)
    for name, value in environment(server, "10").items():
        monkeypatch.setenv(name, value)
    remote = scored(settings, bundle, "remote")
    assert Counter(d["format"] for d in remote) == {"remote": 1_500}
    by_row = {d["decision_id"]: d["raw"] for d in remote}
    scorer = load_bundle(bundle).scorer("native")
    for name, row in expected_rows(history).items():
        assert by_row[name] == list(scorer.score(row).raw)


def test_a_server_that_is_killed_stops_no_payment_and_is_asked_again_when_it_is_back(
    server: Process, settings: Settings, bundle: Path
) -> None:
    words = ("stream", "fraud", "--model", str(bundle), "--format", "remote")
    with Flow(settings, emissions(20_000, seed=5, days=60), 200.0) as flow:
        scorer = start(*words, settings=settings, **environment(server, "1"))

        def made(by: str, since: int) -> bool:
            return any(d["format"] == by and d["decided_us"] > since for d in decisions(settings))

        until(lambda: made("remote", 0), scorer)
        server.kill_hard()
        killed = time.time_ns() // 1000
        until(lambda: made("fallback", killed), scorer)
        again = server.again()
        try:
            until(lambda: "serving at" in again.output().rpartition("serving at")[0], again)
            until(lambda: made("remote", time.time_ns() // 1000 - 500_000), scorer)
        finally:
            again.kill_hard()
        rows = expected_rows(flow.stop())
        until(lambda: {d["decision_id"] for d in decisions(settings)} >= set(rows), scorer)
        assert scorer.stop() == 0
    assert "the model's server does not answer" in scorer.output()
    assert "the model's server is back" in scorer.output()
    assert re.search(r"\d+ by the average", scorer.output())
