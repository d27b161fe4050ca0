"""Reads the payments of the Fraud Detection Handbook (parquet) as payments and labels of ours, labels seven days late."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from domain.contract import Emission
from domain.fraud.events import Label, Payment, label_of
from models.errors import DataError

LABEL_DELAY = timedelta(days=7)
# TX_FRAUD_SCENARIO gives the label away: it is not read at all.
_COLUMNS = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"]
_PLACE = "place"  # the row's number, counted through all files: sorting would lose it, and an error names it


def emissions(files: Iterable[Path]) -> Iterator[Emission]:
    """Payments and labels of all files, in order of time; a label goes before a payment of the same second.

    Raises ``DataError`` where a file is not there, is no parquet, or lacks a column, and for a row that is no payment.
    """
    named = list(files)
    tables = [_read(file) for file in named]
    try:
        table = pa.concat_tables(tables)
    except pa.ArrowInvalid as error:
        raise DataError(f"{', '.join(map(str, named))}: their columns are of different types ({str(error).splitlines()[0]})") from None
    if (different := len(pc.unique(table["TRANSACTION_ID"]))) < table.num_rows:
        again = f"{table.num_rows - different:,} of {table.num_rows:,} rows have a TRANSACTION_ID that stands before"
        raise DataError(f"{', '.join(map(str, named))}: {again}; give each file once, and number the payments through all files")
    table = table.append_column(_PLACE, pa.array(range(table.num_rows), pa.int64()))
    table = table.sort_by([("TX_DATETIME", "ascending"), ("TRANSACTION_ID", "ascending")])
    sizes = [(file, t.num_rows) for file, t in zip(named, tables, strict=True)]
    labels = (Emission(label.event_time, "labels", label.key, label) for label in map(_label, _rows(table, sizes)))
    events = (Emission(payment.event_time, "events", payment.key, payment) for payment, _ in _rows(table, sizes))
    return heapq.merge(labels, events, key=lambda e: e.at)


def count(files: Iterable[Path]) -> int:
    """How many payments the files hold."""
    return sum(_read(file, _COLUMNS[:1]).num_rows for file in files)


def _read(file: Path, columns: list[str] = _COLUMNS) -> pa.Table:
    try:
        return pq.read_table(file, columns=columns)
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{file}: not a parquet file of the handbook ({str(error).splitlines()[0]}); it needs the columns {', '.join(_COLUMNS)}"
        ) from None


def _rows(table: pa.Table, sizes: list[tuple[Path, int]]) -> Iterator[tuple[Payment, bool]]:
    for batch in table.to_batches(max_chunksize=10_000):
        columns = (batch.column(name).to_pylist() for name in (*_COLUMNS, _PLACE))
        for *values, place in zip(*columns, strict=True):
            try:
                row = _payment(*values)
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{_named(place, sizes)}: {_why(error)}; mend the file or leave the row out") from None
            yield row


def _named(place: int, sizes: list[tuple[Path, int]]) -> str:
    for file, size in sizes:
        if place < size:
            return f"{file}, row {place + 1}"
        place -= size
    raise ValueError(f"there is no row {place}")


def _why(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])} {first['input']!r}: {first['msg']}"


def _payment(number: object, at: datetime, customer: object, terminal: object, amount: float, fraud: object) -> tuple[Payment, bool]:
    values = (number, at, customer, terminal, amount, fraud)
    if None in values:
        raise ValueError(f"{', '.join(n for n, v in zip(_COLUMNS, values, strict=True) if v is None)} without a value")
    if fraud not in (0, 1):
        raise ValueError(f"TX_FRAUD is {fraud!r}, neither 0 nor 1")
    payment = Payment(
        transaction_id=str(number),
        event_time=at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC),
        customer_id=str(customer),
        terminal_id=str(terminal),
        amount=amount,
    )
    return payment, bool(fraud)


def _label(row: tuple[Payment, bool]) -> Label:
    payment, fraud = row
    return label_of(payment, fraud, payment.event_time + LABEL_DELAY)
