"""Kafka's jars: fetched once by Maven coordinates, checked against pinned hashes, kept in the user's cache folder.

`kafka_jars.json` lists every jar of `org.apache.kafka:kafka_2.13` and its dependencies (and `slf4j-simple`, for the log) with
the SHA-256 that it had when the list was made. Each jar is checked when it is fetched and again before each start.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from apps.errors import BrokerError

_LIST = Path(__file__).with_name("kafka_jars.json")
PINNED: dict[str, dict[str, Any]] = json.loads(_LIST.read_text())
VERSION = next(name.rsplit(":", 1)[1] for name in PINNED if name.startswith("org.apache.kafka:kafka_2.13:"))
Progress = Callable[[int, int], None]  # bytes there, bytes in all


def cache_folder() -> Path:
    """Where the jars are kept."""
    return user_cache_path("polyscore") / f"kafka-{VERSION}"


def jars(folder: Path | None = None, progress: Progress = lambda there, all_bytes: None) -> list[Path]:
    """Every jar of the list, fetched where it is missing or damaged. Raises ``BrokerError`` where that cannot be done."""
    folder = folder or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BrokerError(f"{folder} cannot be made: {error.strerror}; Kafka's jars are kept there") from None
    missing = [name for name in PINNED if not _sound(folder / _file(name), name)]
    if missing:
        _fetch_all(missing, folder, progress)
    return [folder / _file(name) for name in PINNED]


def _file(name: str) -> str:
    _, artifact, version = name.split(":")
    return f"{artifact}-{version}.jar"


def _sound(path: Path, name: str) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == PINNED[name]["sha256"]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _fetch_all(names: list[str], folder: Path, progress: Progress) -> None:
    total, there = sum(PINNED[name]["bytes"] for name in names), 0
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch, ThreadPoolExecutor(6) as pool:
        for size in pool.map(lambda name: _fetch(name, folder, Path(scratch)), names):
            there += size
            progress(there, total)


def _fetch(name: str, folder: Path, scratch: Path) -> int:
    """One jar through jgo's Maven client; nothing of jgo that looks for a Java of its own is touched."""
    from jgo.maven import MavenContext  # noqa: PLC0415  # only a first start needs it

    try:
        found = MavenContext(repo_cache=scratch, timeout=60).create_dependency(name).artifact.resolve()
        data = Path(found).read_bytes()
    except Exception as error:  # jgo and requests raise many kinds; each means that this jar is not to be had
        raise BrokerError(f"{name} could not be fetched ({error}); the first start needs the network, later ones do not") from error
    if _sha256(data) != PINNED[name]["sha256"]:
        raise BrokerError(f"{name}: what was fetched is not the pinned jar (its SHA-256 differs); is a proxy changing it?")
    return _keep(data, folder / _file(name))


def _keep(data: bytes, path: Path) -> int:
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BrokerError(f"{path} cannot be written: {error.strerror}; make room or mend the rights there") from None
    return len(data)
