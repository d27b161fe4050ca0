"""A database as a busy week leaves it: millions of decisions, written by SQLite itself out of one row in a minute or two."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text

from apps.database import open_database
from apps.tables import DecisionRow, SlaWindowRow
from tests.ui.filled import NOW_US, fill, fill_loop
from tests.ui.letters import fill_letters

DAY_S = 86_400
LETTERS = 20_000
KEYS = 2_000
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n < :last)"


def fill_large(file: Path, decisions: int, alerts: int) -> str:
    """A new database in that file, with so many decisions of ``KEYS`` customers over a week; returns its URL.

    Beside them stand ``alerts`` alerts, a day of the monitor's windows, ``LETTERS`` dead letters, and two hundred models with a year
    of days that were judged.
    """
    url = f"sqlite:///{file}"
    fill(url, alerts=alerts, windows=30)
    fill_loop(url, versions=200, days=365, events=1_000)
    fill_letters(url, LETTERS)
    engine = open_database(url)
    with engine.begin() as connection:
        _multiply(connection, decisions - 10 * alerts, 10 * alerts)
        _windows(connection)
    engine.dispose()
    return url


def _multiply(connection: Connection, count: int, beside: int) -> None:
    """Decisions like the first one, older than the ``beside`` that are there, with ids, keys, times and scores of their own."""
    table = DecisionRow.metadata.tables["decision"]
    indexes = [index for index in table.indexes if index.name]
    for index in indexes:
        index.drop(connection)
    own = {
        "decision_id": "printf('a%08d', n)",
        "key": f"printf('c%04d', (n * 7919) % {KEYS})",
        "event_time": "strftime('%Y-%m-%d %H:%M:%S.000000', 1767225600 - (:last - n) * 604800 / :last, 'unixepoch')",
        "score": "(n % 997) / 1000.0",
        "decided_us": f"{NOW_US} - {beside} * 1000 - (:last - n) * 300000",
    }
    columns = [column.name for column in table.columns]
    chosen = ", ".join(own.get(name, f'd."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    template = "(SELECT * FROM decision WHERE decision_id = 'd000001') d"
    connection.execute(
        text(f"INSERT INTO decision ({names}) {_NUMBERS} SELECT {chosen} FROM numbers, {template}"), {"first": 1, "last": count}
    )
    for index in indexes:
        index.create(connection)


def _windows(connection: Connection) -> None:
    """A day of windows of two seconds like the newest, one in fifty with a late decision."""
    columns = [column.name for column in SlaWindowRow.metadata.tables["sla_window"].columns]
    own = {"start_us": "w.start_us - n * 2000000", "end_us": "w.end_us - n * 2000000", "misses": "(n % 50 = 0)"}
    chosen = ", ".join(own.get(name, f'w."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    template = f"(SELECT * FROM sla_window WHERE end_us = {NOW_US}) w"
    statement = f"INSERT INTO sla_window ({names}) {_NUMBERS} SELECT {chosen} FROM numbers, {template}"
    connection.execute(text(statement), {"first": 30, "last": DAY_S // 2})
