"""Rows of CSV, from a file or standard input, gzipped or not, as text. A row not as long as the header is refused, never guessed at."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

import pyarrow as pa

from apps.csv_file import GZIP, PARQUET, ZIP
from apps.errors import InputError

_WORKBOOKS: Final = (ZIP, b"\xd0\xcf\x11\xe0")


def read(source: str, separator: str, size: int) -> Iterator[tuple[list[str], list[Any]]]:
    """The header's names with columns of up to ``size`` rows (pyarrow arrays of text), piece by piece; one of no rows where there are none.

    Raises ``InputError`` with the number of the row that is too long, too short, blank, or no CSV.
    """
    at = -1  # the header
    try:
        with _opened(source) as file:
            lines = csv.reader(file, delimiter=separator, strict=True)
            names = next(lines, [])
            if not names:
                raise InputError(f"{source}: cannot be read as a table: its first line names no columns")
            at, rows = 0, list[list[str]]()
            for row in _without_blanks(lines, source, len(names)):
                rows.append(row)
                at += 1
                if len(rows) == size:
                    yield names, _columns(rows, len(names))
                    rows = []
            if rows or not at:
                yield names, _columns(rows, len(names))
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a folder; name the file in it") from None
    except (csv.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        place = f", after row {at}" if at > 0 else ""
        why = "it is not text in UTF-8; save it as CSV in UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise InputError(f"{source}: cannot be read as a table{place}: {why}") from None


def _columns(rows: Sequence[Sequence[str]], columns: int) -> list[Any]:
    """The cells column by column."""
    return [pa.array(cells, pa.string()) for cells in (zip(*rows, strict=True) if rows else [()] * columns)]


def _without_blanks(lines: Iterator[list[str]], source: str, columns: int) -> Iterator[list[str]]:
    """The rows. Blank lines behind the last row of a table of several columns are none; with one column they may be missing values."""
    blank = None
    for number, row in enumerate(lines, 1):
        if not row:
            blank = blank or number
            continue
        if blank:
            break
        if len(row) != columns:
            fields = f"row {number} has {len(row)} fields where the header has {columns}"
            raise InputError(f"{source}: {fields}: {_shown(row)}; mend this row, or leave it out")
        yield row
    else:
        if blank is None or columns > 1:
            return
    raise InputError(f'{source}: row {blank} is a blank line: take it out, or write a cell that is missing as ""')


def _shown(row: Sequence[str]) -> str:
    """The beginning of a row, to be found again by."""
    text = ",".join(row)
    return repr(text if len(text) <= 40 else text[:40] + "...")


@contextmanager
def _opened(source: str) -> Iterator[IO[str]]:
    """The file's text, unpacked where it is gzipped. Raises ``InputError`` for what begins as another kind of table."""
    with _bytes(source) as file:
        start = file.peek(len(PARQUET))
        if start.startswith((PARQUET, *_WORKBOOKS)):
            kind = "parquet" if start.startswith(PARQUET) else "a workbook, or another zip archive"
            fix = "save it as a file and name that" if source == "-" and kind == "parquet" else "save it as CSV"
            raise InputError(f"{source}: holds {kind}, where CSV was due: {fix}")
        plain = gzip.GzipFile(fileobj=file) if start.startswith(GZIP) else file
        text = io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
        try:
            yield text
        finally:
            text.detach()


@contextmanager
def _bytes(source: str) -> Iterator[io.BufferedReader]:
    if source != "-":
        with Path(source).open("rb") as file:
            yield file
        return
    given: io.BufferedReader = io.BufferedReader(cast("Any", sys.stdin.buffer))
    try:
        yield given
    finally:
        given.detach()  # standard input is not ours to close
