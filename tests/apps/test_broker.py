"""With a cluster named by the environment, no broker of ours is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apps import broker
from apps.settings import Settings


def test_with_kafka_bootstrap_servers_set_no_process_is_started_and_no_file_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka-1.example:9092,kafka-2.example:9092")
    monkeypatch.setenv("POLYSCORE_HOME", str(tmp_path / "home"))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr("subprocess.Popen.__init__", refuse)
    said: list[str] = []
    address = broker.start(Settings(), say=said.append)
    assert address == broker.Address("kafka-1.example:9092,kafka-2.example:9092", pid=0)
    assert said == ["using the Kafka that KAFKA_BOOTSTRAP_SERVERS names: kafka-1.example:9092,kafka-2.example:9092"]
    assert not (tmp_path / "home").exists()
