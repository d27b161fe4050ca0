"""Dead letters as the sink keeps them, for a database of any size."""

from __future__ import annotations

from typing import Any

from apps.database import open_database, upsert
from apps.tables import DeadLetterRow, ResentRow
from tests.ui.filled import NOW_US

CODES = ("wrong-type", "not-json", "unknown-field")
BAD = b'{"transaction_id":"d000040","event_time":"2026-01-07T00:00:00Z","customer_id":"4111111111111111","terminal_id":"x","amount":"1"}'


def fill_letters(url: str, count: int, **changes: Any) -> None:
    """So many letters of payments, one a second up to ``NOW_US``, of three codes in turn."""
    write(url, DeadLetterRow, [{**_letter(n, count), **changes} for n in range(count)])


def write(url: str, table: Any, rows: list[dict[str, Any]]) -> None:
    """Add rows to the database."""
    engine = open_database(url)
    with engine.begin() as connection:
        upsert(connection, table, rows)
    engine.dispose()


def resent(url: str, offset: int, **changes: Any) -> None:
    """The letter at this offset was sent again, corrected."""
    place = {"topic": "fraud.dead-letters", "partition": 0, "offset": offset, "at_us": NOW_US + 5_000_000}
    landed = {"to_topic": "fraud.payments", "to_partition": 2, "to_offset": 41}
    write(url, ResentRow, [{**place, "domain": "fraud", "by": "ada", "changed": True, "event_id": "d000040", **landed, **changes}])


def _letter(number: int, of: int) -> dict[str, Any]:
    return {
        **{"topic": "fraud.dead-letters", "partition": 0, "offset": number, "domain": "fraud", "code": CODES[number % 3]},
        **{"reason": f"payment {number}: <b>amount</b> of 4111111111111111", "original": BAD},
        **{"source_topic": "fraud.payments", "source_partition": 1, "source_offset": 100 + number},
        "failed_us": NOW_US - (of - 1 - number) * 1_000_000,
    }
