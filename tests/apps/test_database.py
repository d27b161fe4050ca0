"""Opening and filling the database, on a real SQLite and a real PostgreSQL."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlmodel import Session

from apps.database import drop_tables, explain, open_database, upsert
from apps.errors import DatabaseError
from apps.tables import AlertRow, DecisionRow, SinkOffsetRow, Table
from domain.decision import Decision
from tests.apps import databases
from tests.apps.memory_log import decision

SINGAPORE = timezone(timedelta(hours=8))


def alert(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "domain": "fraud",
        "decision_id": f"t{number}",
        "key": "c1",
        "event_time": datetime(2026, 3, 1, 20, 0, tzinfo=SINGAPORE),
        "action": "block",
        "score": 0.9,
        "context": {"amount": 5.0, "category": None},
        "reasons": ["the amount is 9 times the usual"],
        "model_version": "v1",
        "decided_us": number,
        **changes,
    }


def write(engine: Engine, *rows: dict[str, Any], table: type[Table] = AlertRow) -> None:
    with engine.begin() as connection:
        upsert(connection, table, rows)


def test_a_row_comes_back_as_it_went_in_with_its_time_in_utc(database_url: str) -> None:
    engine = open_database(database_url)
    write(engine, alert())
    with Session(engine) as session:
        row = session.get_one(AlertRow, ("fraud", "t1"))
    assert row.event_time == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert row.event_time.utcoffset() == timedelta(0)
    assert (row.context, row.reasons, row.status) == ({"amount": 5.0, "category": None}, ["the amount is 9 times the usual"], "new")


def test_a_whole_decision_comes_back_as_it_went_in(database_url: str) -> None:
    engine = open_database(database_url)
    sent = Decision.model_validate_json(decision(5, source_us=None, raw=[0.1 + 0.2, 5e-324]))
    write(engine, dict(sent), table=DecisionRow)
    with Session(engine) as session:
        row = session.get_one(DecisionRow, ("fraud", "t5"))
    assert Decision.model_validate(row.model_dump()) == sent


def test_a_time_without_zone_is_refused(database_url: str) -> None:
    engine = open_database(database_url)
    with pytest.raises(StatementError, match="no time zone"):
        write(engine, alert(event_time=datetime(2026, 3, 1)))  # noqa: DTZ001  # a naive time is the test


def test_writing_again_overwrites_and_keeps_what_a_person_set(database_url: str) -> None:
    engine = open_database(database_url)
    write(engine, alert(1), alert(2))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alert SET status = 'confirmed' WHERE decision_id = 't1'"))
    write(engine, alert(1, score=0.8), alert(2))
    with Session(engine) as session:
        rows = {row.decision_id: (row.score, row.status) for row in session.scalars(select(AlertRow))}
    assert rows == {"t1": (0.8, "confirmed"), "t2": (0.9, "new")}


def test_the_last_of_two_rows_with_one_key_wins(database_url: str) -> None:
    engine = open_database(database_url)
    write(engine, alert(1, score=0.1), alert(1, score=0.2))
    assert [row[5] for row in databases.content(engine)["alert"]] == [0.2]


def test_nothing_to_write_is_fine(database_url: str) -> None:
    write(open_database(database_url))


def test_a_reader_sees_the_rows_and_cannot_write(database_url: str) -> None:
    write(open_database(database_url), alert())
    reader = open_database(database_url, read_only=True)
    assert len(databases.content(reader)["alert"]) == 1
    with pytest.raises(DBAPIError, match=r"read-?only"), reader.begin() as connection:
        connection.execute(text("DELETE FROM alert"))


def test_a_reader_is_told_that_the_sink_has_not_run_yet(database_url: str) -> None:
    with pytest.raises(DatabaseError, match=r"yet; start `polyscore sink`"):
        open_database(database_url, read_only=True)


def test_a_reader_goes_on_while_the_sink_writes(database_url: str) -> None:
    writer = open_database(database_url)
    write(writer, alert(1))
    reader = open_database(database_url, read_only=True)
    with writer.begin() as connection:
        upsert(connection, AlertRow, [alert(2)])
        assert len(databases.content(reader)["alert"]) == 1
    assert len(databases.content(reader)["alert"]) == 2


def test_tables_of_another_version_are_named_and_rebuilt(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE alert ADD COLUMN colour TEXT"))
    for read_only in (False, True):
        with pytest.raises(DatabaseError, match=r"table alert is of another version; `polyscore sink --rebuild`"):
            open_database(database_url, read_only=read_only)
    drop_tables(database_url)
    write(open_database(database_url), alert())


def test_dropping_our_tables_leaves_those_of_others(database_url: str) -> None:
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (n INTEGER)"))
    write(engine, alert())
    drop_tables(database_url)
    assert databases.content(open_database(database_url))["alert"] == []
    with engine.connect() as connection:
        connection.execute(text("SELECT n FROM theirs"))


def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'a #1.db'}")
    with engine.connect() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("journal_mode", "synchronous", "busy_timeout")}
    assert found == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 10_000}
    assert (tmp_path / "a #1.db").is_file()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is no URL; write sqlite"),
        ("postgresql://me:secret@host:port/x", "is no URL"),
        ("mysql://me:secret@host/x", "kind 'mysql' is not supported"),
        ("sqlite://", "in memory is lost"),
        ("sqlite:///:memory:", "in memory is lost"),
        ("postgresql://me:secret@127.0.0.1:1/x", "postgresql://me@127.0.0.1:1/x"),
        ("postgres://me:secret@127.0.0.1:1/x?password=secret", "postgresql://me@127.0.0.1:1/x"),
    ],
)
def test_a_url_that_cannot_be_used_is_explained_without_its_password(url: str, said: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_database(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_refused_password_is_not_shown(postgres: Any) -> None:
    url = databases.postgres_database(postgres)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    bad = engine.url.set(username="nobody", password="secret").render_as_string(hide_password=False)
    with pytest.raises(DatabaseError, match="nobody") as caught:
        open_database(bad)
    assert "secret" not in str(caught.value)


def test_a_driver_that_shows_the_password_is_cut_short() -> None:
    error = OperationalError("SELECT 1", None, RuntimeError("cannot log in\nwith secret"))
    said = str(explain(error, make_url("postgresql://me:secret@host/x")))
    assert said.startswith("database postgresql://me@host/x: cannot log in with ***; check POLYSCORE_DATABASE_URL")


def test_a_file_that_is_no_database_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"a picture of a cat " * 100)
    with pytest.raises(DatabaseError, match="delete the file; the sink fills a new one"):
        open_database(f"sqlite:///{tmp_path / 'x.db'}")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="its folder cannot be made"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'x.db'}")


def test_writers_take_the_lock_before_they_read(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    begun: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: begun.append(statement))
    with engine.begin() as connection:
        connection.execute(select(SinkOffsetRow.topic))
        with sqlite3.connect(tmp_path / "x.db", timeout=0) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO sink_offset VALUES ('t', 0, 1, 'id')")
    assert begun[0] == "BEGIN IMMEDIATE"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM alert WHERE domain = 'fraud' AND status = 'new' ORDER BY decided_us DESC LIMIT 50", "alert_by_status"),
        ("SELECT * FROM alert WHERE domain = 'fraud' ORDER BY decided_us DESC LIMIT 50", "alert_by_time"),
        ("SELECT * FROM decision WHERE domain = 'fraud' AND key = 'c' ORDER BY event_time DESC LIMIT 20", "decision_by_key"),
        ("SELECT action, count(*) FROM decision WHERE domain = 'fraud' AND decided_us > 5 GROUP BY action", "decision_by_time"),
        ("SELECT * FROM sla_window WHERE domain = 'fraud' AND end_us > 5 ORDER BY end_us", "sla_window_by_end"),
        ("SELECT max(end_us) FROM sla_window", "sla_window_recent"),
        ("SELECT * FROM dead_letter WHERE domain = 'fraud' ORDER BY failed_us DESC LIMIT 50", "dead_letter_by_time"),
    ],
)
def test_the_dashboards_questions_are_answered_from_an_index(tmp_path: Path, query: str, index: str) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        plan = [str(row[3]) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert any(index in step for step in plan), plan
    assert "GROUP BY" not in query or any("COVERING" in step for step in plan), plan
    assert not any("ORDER BY" in step for step in plan), plan


def test_a_row_without_a_needed_column_is_refused(database_url: str) -> None:
    engine = open_database(database_url)
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(insert(AlertRow).values(domain="fraud", decision_id="t1"))
