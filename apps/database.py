"""Opens the database, SQLite by default or PostgreSQL by URL, and writes rows so that writing them again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from apps.errors import DatabaseError, NoDatabaseError
from apps.tables import KEPT, Table

BUSY_MS = 10_000  # how long SQLite waits for another writer
_LOCK = 7_055_321  # PostgreSQL's advisory lock while tables are made: two processes may start at once
_SQLITE = ("foreign_keys=ON", f"busy_timeout={BUSY_MS}", "synchronous=NORMAL", "cache_size=-65536", "temp_store=MEMORY")


def open_database(url: str, *, read_only: bool = False) -> Engine:
    """An engine whose database answers and has our tables (made where missing, unless ``read_only``).

    ``url`` is ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``. Raises ``DatabaseError`` where the URL is
    none of these, the database cannot be reached, is not there yet (``read_only``) or has tables of another version.
    """
    parsed = known(url)
    engine = _sqlite(parsed, read_only) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, read_only)
    try:
        if not read_only:
            create_tables(engine)
        _check_columns(engine, read_only)
    except (DBAPIError, DatabaseError) as error:
        engine.dispose()
        if isinstance(error, DatabaseError):
            raise
        raise explain(error, parsed) from None
    return engine


def create_tables(engine: Engine) -> None:
    """Make the tables that are missing."""
    with engine.begin() as connection:
        _lock(connection)
        Table.metadata.create_all(connection)


def drop_tables(url: str) -> None:
    """Drop our tables, of whatever version, and make them anew. Raises ``DatabaseError`` as ``open_database`` does."""
    parsed = known(url)
    engine = _sqlite(parsed, False) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, False)
    try:
        with engine.begin() as connection:
            _lock(connection)
            Table.metadata.drop_all(connection)
            Table.metadata.create_all(connection)
    except DBAPIError as error:
        raise explain(error, parsed) from None
    finally:
        engine.dispose()


def upsert(connection: Connection, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite those of the same primary key (the last one wins), in one round trip.

    Each row names every column but those with a default. A column marked ``KEPT`` is set by an insert only: it is a person's.
    """
    if not rows:
        return
    columns = table.metadata.tables[str(table.__tablename__)].columns
    keys = [c.name for c in columns if c.primary_key]
    unique = {tuple(row[key] for key in keys): row for row in rows}
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(columns[keys[0]].table)
    overwritten = {c.name: statement.excluded[c.name] for c in columns if not c.primary_key and not c.info.get(KEPT)}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=overwritten), list(unique.values()))


def sqlite_file(engine: Engine) -> Path | None:
    """The file behind an SQLite engine; None for a server."""
    if engine.dialect.name != "sqlite":
        return None
    with engine.connect() as connection:
        return Path(str(connection.execute(text("SELECT file FROM pragma_database_list WHERE name = 'main'")).scalar_one()))


def explain(error: DBAPIError, url: URL | Engine) -> DatabaseError:
    """The driver's complaint as one line, with the remedy and without the password."""
    place = url.url if isinstance(url, Engine) else url
    said = " ".join(str(error.orig).split())
    if place.password:
        said = said.replace(str(place.password), "***")
    return DatabaseError(f"database {_shown(place)}: {said}; {_remedy(said)}")


def known(url: str) -> URL:
    """A URL of a kind that there is code for; asks no server. Raises ``DatabaseError``."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the text is not shown: it may hold a password
        raise DatabaseError("POLYSCORE_DATABASE_URL is no URL; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        raise DatabaseError(
            f"a database of kind {parsed.drivername!r} is not supported; write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        )
    if not parsed.database or parsed.database == ":memory:":
        raise DatabaseError("an SQLite database in memory is lost to the other processes; name a file: sqlite:///FILE")
    return parsed


def _sqlite(url: URL, read_only: bool) -> Engine:
    file = Path(str(url.database))
    if read_only and not file.is_file():
        raise NoDatabaseError(f"no database at {file} yet; start `polyscore sink`, which fills it from the topics")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remedy = "set POLYSCORE_HOME or POLYSCORE_DATABASE_URL"
        raise DatabaseError(f"database {file}: its folder cannot be made ({error.strerror}); {remedy}") from None
    located = URL.create("sqlite", database=f"file:{quote(str(file))}", query={"mode": "rw" if read_only else "rwc", "uri": "true"})
    engine = create_engine(located, json_serializer=_dumps, json_deserializer=orjson.loads, connect_args={"timeout": BUSY_MS / 1000})
    _begin_ourselves(engine, read_only)
    return engine


def _begin_ourselves(engine: Engine, read_only: bool) -> None:
    """Writers take the lock at BEGIN, so that what they read is what they change; readers get one snapshot a transaction."""
    pragmas = (*_SQLITE, "query_only=ON" if read_only else "journal_mode=WAL")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _postgresql(url: URL, read_only: bool) -> Engine:
    options = "-c timezone=UTC" + (" -c default_transaction_read_only=on" if read_only else "")
    arguments = {"connect_timeout": 10, "application_name": "polyscore", "options": options, "keepalives_idle": 30}
    return create_engine(url, json_serializer=_dumps, json_deserializer=orjson.loads, connect_args=arguments, pool_pre_ping=True)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _check_columns(engine: Engine, read_only: bool) -> None:
    """Our tables are there and have the columns of this version; nothing is altered behind a person's back."""
    wanted = {name: {c.name for c in table.columns} for name, table in Table.metadata.tables.items()}
    with engine.connect() as connection:
        inspector = inspect(connection)
        there = {name: {c["name"] for c in inspector.get_columns(name)} for name in inspector.get_table_names() if name in wanted}
    place = f"database {_shown(engine.url)}"
    if read_only and len(there) < len(wanted):
        raise NoDatabaseError(f"{place} has no tables yet; start `polyscore sink`, which fills it from the topics")
    for name, columns in there.items():
        if columns != wanted[name]:
            raise DatabaseError(f"{place}: table {name} is of another version; `polyscore sink --rebuild` drops and refills our tables")


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _shown(url: URL) -> str:
    """The URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database).removeprefix("file:")
    return f"postgresql://{url.username or ''}@{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _remedy(said: str) -> str:
    remedies = {
        "not a database": "delete the file; the sink fills a new one from the topics",
        "malformed": "delete the file; the sink fills a new one from the topics",
        "full": "free space there, or set POLYSCORE_DATABASE_URL to another place",
        "locked": "another program holds the file for long; stop it",
        "password": "check the user and the password in POLYSCORE_DATABASE_URL",
        "does not exist": "create it, or correct POLYSCORE_DATABASE_URL",
        "readonly": "make the file writable, or set POLYSCORE_DATABASE_URL to another place",
    }
    return next((remedy for mark, remedy in remedies.items() if mark in said), "check POLYSCORE_DATABASE_URL and that the database runs")
