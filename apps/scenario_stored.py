"""The database of a scenario's system: how many decisions it holds, and a lock that keeps everybody from writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from apps.settings import Settings


class Lock:
    """Nobody else can write while it is held: to the sink the database is as good as away. Raises ``sqlite3.Error``."""

    def __init__(self, settings: Settings) -> None:
        self._connection = sqlite3.connect(_file(settings), timeout=20.0, isolation_level=None)
        self._connection.execute("BEGIN EXCLUSIVE")

    def release(self) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


def rows(settings: Settings, domain: str) -> int:
    """A domain's decisions in the database; 0 where there is none yet."""
    try:
        with closing(sqlite3.connect(f"file:{_file(settings)}?mode=ro", uri=True, timeout=5.0)) as connection:
            return int(connection.execute("SELECT count(*) FROM decision WHERE domain = ?", (domain,)).fetchone()[0])
    except sqlite3.Error:
        return 0


def _file(settings: Settings) -> str:
    return settings.database.removeprefix("sqlite:///")
