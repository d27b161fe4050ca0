"""With a cluster named by the environment, no broker of ours is started."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from apps import broker, broker_recovery, kafka_ready
from apps.errors import BrokerError
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


def test_paths_in_kafkas_configuration_are_ascii_and_a_comma_is_refused() -> None:
    assert broker_recovery.in_properties(Path("jürgen/𝕏 y")) == "j\\u00fcrgen/\\ud835\\udd4f y"
    with pytest.raises(BrokerError, match=r"/a,b: Kafka takes no folder with a comma"):
        broker_recovery.in_properties(Path("/a,b"))


def test_a_port_is_looked_for_where_it_is_to_be_used() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert broker.free_port(port) == port
        assert broker.free_port(port, "127.0.0.2") != port
        assert broker.free_port(port, "0.0.0.0") != port


def test_java_takes_what_was_prepared_and_a_run_that_prepares_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "java.aot"
    monkeypatch.setattr(broker, "prepared", lambda: there)
    assert not any("AOT" in word for word in broker._java("jars"))
    there.touch()
    assert f"-XX:AOTCache={there}" in broker._java("jars")
    assert [word for word in broker._java("jars", ["-XX:AOTCacheOutput=x"]) if "AOT" in word] == ["-XX:AOTCacheOutput=x"]


def test_where_kafka_cannot_be_prepared_it_is_said_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BrokerError("no network")

    monkeypatch.setattr(kafka_ready, "prepared", lambda: tmp_path / "java.aot")
    monkeypatch.setattr(kafka_ready.broker, "start", refuse)
    assert kafka_ready.main() == 0
    assert capsys.readouterr().err == "Kafka is not prepared (no network); it starts slower without that\n"
    assert list(tmp_path.iterdir()) == []
