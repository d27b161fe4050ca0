"""The list of Kafka's jars: only what lacks is fetched, what is not the pinned jar is refused, and nothing but jars is asked for."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from apps import kafka_jars
from apps.errors import BrokerError

CONTENT = {f"org.example:{name}:1.0": name.encode() * 1000 for name in ("one", "two", "three")}


class Repository:
    """A Maven repository in memory, in the place of jgo's HTTP client; it remembers what was asked for."""

    def __init__(self) -> None:
        self.jars = {kafka_jars._file(name): content for name, content in CONTENT.items()}
        self.asked: list[str] = []
        self.away = False

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        if self.away:
            raise requests.ConnectionError("no route to host")
        file = url.rpartition("/")[2]
        if not file.endswith(".sha1"):
            self.asked.append(file)
        response = requests.Response()
        response.status_code = 200 if file in self.jars else 404
        response.raw = io.BytesIO(self.jars.get(file, b""))
        return response


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    pinned = {name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in CONTENT.items()}
    found = Repository()
    monkeypatch.setattr(kafka_jars, "PINNED", pinned)
    monkeypatch.setattr("jgo.util.http.request", found.request)
    return found


def contents(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


@pytest.mark.parametrize("damage", ["gone", "cut off", "changed"])
def test_only_the_jar_that_is_missing_or_damaged_is_fetched_again(repository: Repository, tmp_path: Path, damage: str) -> None:
    damaged = kafka_jars.jars(tmp_path)[1]
    repository.asked.clear()
    whole = damaged.read_bytes()
    damaged.unlink()
    if damage in ("cut off", "changed"):
        damaged.write_bytes(whole[:-1] + (b"!" if damage == "changed" else b""))
    assert contents(kafka_jars.jars(tmp_path)) == list(CONTENT.values())
    assert repository.asked == ["two-1.0.jar"]


def test_a_jar_that_is_not_the_pinned_one_is_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    repository.jars["two-1.0.jar"] = b"something else"
    with pytest.raises(BrokerError, match=r"org\.example:two:1\.0: .*not the pinned jar"):
        kafka_jars.jars(tmp_path)
    assert b"something else" not in [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not (tmp_path / "two-1.0.jar").exists()


def test_without_a_network_the_jar_and_the_remedy_are_named(repository: Repository, tmp_path: Path) -> None:
    repository.away = True
    with pytest.raises(BrokerError, match=r"org\.example:\w+:1\.0 could not be fetched.*needs the network"):
        kafka_jars.jars(tmp_path)


def test_a_cache_that_cannot_be_made_is_named(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BrokerError, match="cannot be made"):
        kafka_jars.jars(tmp_path / "file" / "cache")


def test_fetching_asks_for_the_jars_alone_and_looks_for_no_java(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """jgo finds a Java through `cjdk`, which fetches a list of them: an import of it fails here, and so does a start of any process."""
    monkeypatch.setitem(sys.modules, "cjdk", None)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("jgo looks for a Java")

    monkeypatch.setattr("jgo.util.java.JavaLocator.__init__", refuse)
    monkeypatch.setattr("subprocess.Popen.__init__", refuse)
    assert contents(kafka_jars.jars(tmp_path)) == list(CONTENT.values())
    assert set(repository.asked) == {kafka_jars._file(name) for name in CONTENT}


def test_every_pinned_jar_has_a_hash_and_a_size() -> None:
    assert any(name.startswith("org.apache.kafka:kafka_2.13:4.3") for name in kafka_jars.PINNED)
    for name, pin in kafka_jars.PINNED.items():
        assert len(name.split(":")) == 3
        assert len(bytes.fromhex(pin["sha256"])) == 32
        assert pin["bytes"] > 0
