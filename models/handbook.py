"""Reads the payments of the Fraud Detection Handbook (parquet) as payments and labels of ours, labels seven days late."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from domain.contract import Emission
from domain.fraud.events import Label, Payment
from models.errors import DataError

LABEL_DELAY = timedelta(days=7)
# TX_FRAUD_SCENARIO gives the label away: it is not read at all.
_COLUMNS = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD"]


def emissions(files: Iterable[Path]) -> Iterator[Emission]:
    """Payments and labels of all files, in order of time; a label goes before a payment of the same second.

    Raises ``DataError`` where a file is not there, is no parquet, or lacks a column.
    """
    table = pa.concat_tables([_read(file) for file in files]).sort_by([("TX_DATETIME", "ascending"), ("TRANSACTION_ID", "ascending")])
    payments = _rows(table)
    labels = (Emission(label.event_time, "labels", label.key, label) for label in map(_label, _rows(table)))
    events = (Emission(payment.event_time, "events", payment.key, payment) for payment, _ in payments)
    return heapq.merge(labels, events, key=lambda e: e.at)


def count(files: Iterable[Path]) -> int:
    """How many payments the files hold."""
    return sum(_read(file, ["TRANSACTION_ID"]).num_rows for file in files)


def _read(file: Path, columns: list[str] = _COLUMNS) -> pa.Table:
    try:
        return pq.read_table(file, columns=columns)
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{file}: not a parquet file of the handbook ({str(error).splitlines()[0]}); it needs the columns {', '.join(_COLUMNS)}"
        ) from None


def _rows(table: pa.Table) -> Iterator[tuple[Payment, bool]]:
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(f"the file lacks the columns {', '.join(missing)}")
    for batch in table.to_batches(max_chunksize=10_000):
        columns = (batch.column(name).to_pylist() for name in _COLUMNS)
        for number, at, customer, terminal, amount, fraud in zip(*columns, strict=True):
            yield _payment(number, at, customer, terminal, amount), bool(fraud)


def _payment(number: object, at: datetime, customer: object, terminal: object, amount: float) -> Payment:
    return Payment(
        transaction_id=str(number),
        event_time=at.replace(tzinfo=UTC),
        customer_id=str(customer),
        terminal_id=str(terminal),
        amount=amount,
    )


def _label(row: tuple[Payment, bool]) -> Label:
    payment, fraud = row
    return Label(
        transaction_id=payment.transaction_id,
        event_time=payment.event_time + LABEL_DELAY,
        payment_time=payment.event_time,
        customer_id=payment.customer_id,
        terminal_id=payment.terminal_id,
        verdict="chargeback" if fraud else "all-clear",
    )
