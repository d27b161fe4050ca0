"""Kafka's jars: fetched with their bytes counted, whole or not at all, and stopped at once. A server of our own plays the repository."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from apps import kafka_jars
from apps.errors import BrokerError

JARS = {f"org.example:part{i}:1.0": bytes([i]) * 60_000 for i in range(8)}


class Repository(BaseHTTPRequestHandler):
    """Serves the jars; a jar in ``stalls`` stops in its middle, without an end."""

    stalls = ""
    end = Event()

    def do_GET(self) -> None:
        found = next((data for name, data in JARS.items() if self.path.endswith(f"{name.split(':')[1]}-1.0.jar")), None)
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        if found is None:
            return
        half = len(found) // 2
        self.wfile.write(found[:half])
        self.wfile.flush()
        if self.stalls and self.stalls in self.path:
            self.end.wait()
            return
        self.wfile.write(found[half:])

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Repository]]:
    class Mine(Repository):
        end = Event()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    pinned = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in JARS.items()}
    monkeypatch.setattr(kafka_jars, "PINNED", pinned)
    monkeypatch.setattr(kafka_jars, "REPOSITORIES", {"ours": f"http://127.0.0.1:{server.server_address[1]}"})
    yield Mine
    Mine.end.set()
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("repository")
def test_every_jar_is_fetched_once_and_its_bytes_are_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = kafka_jars.jars(tmp_path, lambda there, total: told.append((there, total)))
    assert [path.read_bytes() for path in found] == list(JARS.values())
    assert sorted(tmp_path.iterdir()) == sorted(found)
    assert told[0] == (0, 480_000)
    assert told[-1] == (480_000, 480_000)
    assert told == sorted(told)
    assert len(told) > 8, "jars are told as a whole"
    told.clear()
    kafka_jars.jars(tmp_path, lambda there, total: told.append((there, total)))
    assert told == []


def test_ctrl_c_ends_the_fetching_at_once_and_leaves_no_part_of_a_jar(
    repository: type[Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the server says no more: waiting for it would take this test its time."""
    monkeypatch.setattr(kafka_jars, "_TIMEOUT", 3600)
    repository.stalls = "part"

    def interrupted(there: int, total: int) -> None:
        if there:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kafka_jars.jars(tmp_path, interrupted)
    assert list(tmp_path.iterdir()) == []


def test_what_was_fetched_before_an_interruption_is_kept_and_the_rest_is_fetched_next_time(
    repository: type[Repository], tmp_path: Path
) -> None:
    repository.stalls = "part7"

    def interrupted(there: int, total: int) -> None:
        if there >= 7 * 60_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kafka_jars.jars(tmp_path, interrupted)
    assert all(path.suffix == ".jar" and len(path.read_bytes()) == 60_000 for path in tmp_path.iterdir())
    repository.stalls = ""
    assert len(kafka_jars.jars(tmp_path)) == 8


def test_a_jar_that_is_not_the_pinned_one_is_refused_and_not_kept(
    repository: type[Repository], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kafka_jars.PINNED["org.example:part3:1.0"]["sha256"] = "0" * 64
    with pytest.raises(BrokerError, match=r"part3.*not the pinned jar"):
        kafka_jars.jars(tmp_path)
    assert not (tmp_path / "part3-1.0.jar").exists()


def test_a_repository_that_is_away_is_told_with_the_jar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kafka_jars, "REPOSITORIES", {"ours": "http://127.0.0.1:1"})
    with pytest.raises(BrokerError, match="needs the network"):
        kafka_jars.jars(tmp_path)
    assert list(tmp_path.iterdir()) == []
