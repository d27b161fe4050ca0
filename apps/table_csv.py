"""Rows of a CSV file, or of CSV on standard input, as text. A row that is not as long as the header is refused, never guessed at."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from apps.errors import InputError


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
    except (csv.Error, OSError, UnicodeDecodeError) as error:
        place = f", after row {at}" if at > 0 else ""
        raise InputError(f"{source}: cannot be read as a table{place}: {error}") from None


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
    if source == "-":
        text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", newline="")
        try:
            yield text
        finally:
            text.detach()  # standard input is not ours to close
        return
    with Path(source).open(encoding="utf-8-sig", newline="") as file:
        yield file
