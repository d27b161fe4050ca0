"""A CSV file may be gzipped, whatever it is called; what is no CSV is refused by what it is, with what to do."""

from __future__ import annotations

import gzip
import io
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from apps import csv_training, train_table
from apps.csv_training import Wanted, read_table
from apps.errors import InputError
from apps.settings import Settings
from models.dataset import silent
from models.table_splits import Protocol

TEXT = "größe,y\n" + "".join(f"{i / 7},{i % 2}\n" for i in range(60))


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_gzipped_table_is_read_as_the_plain_one(tmp_path: Path, name: str, parts: int) -> None:
    (plain := tmp_path / "plain.csv").write_text(TEXT)
    data = TEXT.encode("utf-8-sig")
    cuts = [0, 300, len(data)] if parts == 2 else [0, len(data)]
    (packed := tmp_path / name).write_bytes(b"".join(gzip.compress(data[a:b]) for a, b in pairwise(cuts)))
    wanted, found = (read_table(path, "t", Wanted("y"), silent) for path in (plain, packed))
    assert found.schema.names == ("größe",)
    assert found.x.tobytes() == wanted.x.tobytes()
    assert np.array_equal(found.y, wanted.y)


def test_what_is_read_of_it_is_told_up_to_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_training, "BLOCK", 1 << 20)
    rng, told = np.random.default_rng(1), list[tuple[str, int, int]]()
    text = "a,y\n" + "".join(f"{v},{i % 2}\n" for i, v in enumerate(rng.random(300_000)))
    (path := tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode(), 1))
    read_table(path, "t", Wanted("y"), lambda *what: told.append(what))
    total = path.stat().st_size >> 20
    done = [d for what, d, _ in told if what == "reading the rows (MB)"]
    assert total >= 2
    assert done == sorted(done)
    assert done[-1] == total


def test_a_packed_table_is_called_as_the_plain_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Exception):  # noqa: N818
        pass

    def read(path: Path, name: str, *_: Any) -> None:
        raise Named(name)

    monkeypatch.setattr(train_table, "read_table", read)
    (path := tmp_path / "loans.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    with pytest.raises(Named, match=r"^loans$"):
        asked(path)


def asked(path: Path) -> None:
    console = Console(file=io.StringIO())
    train_table.command(Settings(home=path.parent / "home"), path, None, Wanted("y"), Protocol(), frozenset(), console=console)


def parquet() -> bytes:
    pq.write_table(pa.table({"a": [1.0], "y": [0]}), file := pa.BufferOutputStream())
    return bytes(file.getvalue())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (parquet(), "is a parquet file; write it as CSV: pandas"),
        (b"PK\x03\x04rest", "is a zip archive, or an Excel workbook"),
        (TEXT.encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (TEXT.encode("latin-1"), "its first line is not UTF-8 (invalid start byte at byte 3); save the file as UTF-8"),
        (gzip.compress(TEXT.encode())[:-12], "cannot be read as a table: Truncated compressed stream"),
        (gzip.compress(TEXT.encode())[:40] + b"\xff" * 40, "cannot be read as a table: zlib inflate failed"),
    ],
    ids=["parquet", "zip", "utf-16", "latin-1", "torn", "broken"],
)
def test_what_is_no_csv_is_refused_by_what_it_is(tmp_path: Path, content: bytes, why: str) -> None:
    (path := tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"{path}: {why}")):
        asked(path)


def test_a_folder_and_no_file_are_told_from_a_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a CSV file"):
        asked(tmp_path / ".")
    with pytest.raises(InputError, match=r"^\.: is a folder"):
        asked(Path())
    with pytest.raises(InputError, match="none: no such file"):
        asked(tmp_path / "none")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_no_thread_of_pyarrow_holds_a_file_of_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any) -> None:
    """One that let go of it as the process ended waited for the interpreter, which was gone: `terminate called`, with status 134."""
    given, before = list[Any](), pacsv.open_csv
    monkeypatch.setattr(pacsv, "open_csv", lambda file, *more: given.append(file) or before(file, *more))
    (path := tmp_path / "t.csv").write_bytes(pack(b"a,y\n"))
    with pytest.raises(InputError, match="has no rows"):
        read_table(path, "t", Wanted("y"), silent)
    assert [type(file) for file in given] == [pa.CompressedInputStream if pack is gzip.compress else pa.OSFile]
