"""Scorers that are killed one after another, and what they made: all of it, and what the database has of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from sqlalchemy import text

from apps.database import open_database
from apps.partitions import Partition, read_to_end
from apps.settings import Guarantee, Settings
from domain.contract import Domain
from tests.system.processes import Process, start, until

Decisions = list[dict[str, Any]]


class Incarnations:
    """One scorer after another, each killed or gone before the next. The time on a decision says which of them made it."""

    def __init__(self, settings: Settings, domain: Domain, bundle: Path, guarantee: Guarantee, *more: str) -> None:
        self._settings, self._domain, self.began_us = settings, domain, [now_us()]
        self.process = start("stream", domain.name, "--model", str(bundle), "--guarantee", guarantee, *more, settings=settings)
        self._read: dict[Partition, int] = {}
        self.made: Decisions = []  # by all of them, committed or not

    def __enter__(self) -> Incarnations:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.alive():
            self.process.kill_hard()

    def again(self) -> None:
        self.began_us.append(now_us())
        self.process = self.process.again()

    def look(self) -> None:
        """Take in what was decided since the last look."""
        for message in read_to_end(self._settings, self._domain.decisions_topic, self._read, **{"isolation.level": "read_uncommitted"}):
            self._read[message.topic(), message.partition()] = message.offset() + 1
            self.made.append(orjson.loads(message.value() or b""))

    def until(self, condition: Callable[[Decisions], bool]) -> None:
        """Wait until what was made is enough; a scorer that nobody killed does not end meanwhile."""

        def enough() -> bool:
            assert self.process.alive(), self.process.output()
            self.look()
            return condition(self.made)

        until(enough, self.process)

    def number_of(self, decision: dict[str, Any]) -> int:
        """Which incarnation made it."""
        return int(np.searchsorted(self.began_us, decision["decided_us"])) - 1

    def by_number(self) -> Counter[int]:
        """How many decisions each incarnation made."""
        return Counter(map(self.number_of, self.made))


def as_row(decision: dict[str, Any]) -> bytes:
    return bits_of([float("nan") if value is None else value for value in decision["features"]])


def bits_of(row: list[float]) -> bytes:
    return np.array(row, dtype="<f8").tobytes()


def stored(settings: Settings) -> tuple[int, int]:
    """Rows of the decision table, and distinct ids among them."""
    engine = open_database(settings.database)
    with engine.connect() as connection:
        rows, ids = connection.execute(text("SELECT count(*), count(DISTINCT decision_id) FROM decision")).one()
    engine.dispose()
    return int(rows), int(ids)


@contextmanager
def running(command: str, settings: Settings) -> Iterator[Process]:
    """A process that does not outlive the test."""
    process = start(command, settings=settings)
    try:
        yield process
    finally:
        if process.alive():
            process.kill_hard()


def one_after(moment_us: int) -> Callable[[Decisions], bool]:
    return lambda made: any(d["decided_us"] > moment_us for d in reversed(made))


def now_us() -> int:
    return time.time_ns() // 1000
