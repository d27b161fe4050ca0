"""The handbook's files as payments and labels; a row that is no payment is named by its file and place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import handbook
from models.errors import DataError


def at(*parts: int) -> datetime:
    """A moment as the files hold it: UTC without saying so."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


GOOD: dict[str, list[Any]] = {
    "TRANSACTION_ID": [3, 1, 2],
    "TX_DATETIME": [at(2018, 4, 1, 10), at(2018, 4, 1, 9), at(2018, 4, 20)],
    "CUSTOMER_ID": [596, 4961, 2],
    "TERMINAL_ID": [3156, 3412, 1365],
    "TX_AMOUNT": [57.16, 81.51, 146.0],
    "TX_FRAUD": [0, 1, 0],
}


def written(file: Path, **changes: list[Any]) -> Path:
    pq.write_table(pa.table({**GOOD, **changes}), file)
    return file


def test_payments_and_their_labels_come_in_order_of_time(tmp_path: Path) -> None:
    found = list(handbook.emissions([written(tmp_path / "a.parquet")]))
    assert [(e.stream, e.value.id) for e in found] == [
        ("events", "1"),
        ("events", "3"),
        ("labels", "1"),
        ("labels", "3"),
        ("events", "2"),
        ("labels", "2"),
    ]
    assert [e.value.verdict for e in found if e.stream == "labels"] == ["chargeback", "all-clear", "all-clear"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"TX_AMOUNT": [57.16, -1.0, 146.0]}, r"row 2: amount -1\.0: .*greater than or equal to 0"),
        ({"TX_AMOUNT": [57.16, 81.51, None]}, "row 3: TX_AMOUNT without a value"),
        ({"TX_AMOUNT": [float("nan"), 81.51, 1.0]}, "row 1: amount nan"),
        ({"TX_AMOUNT": ["57", "81", "146"]}, "row 2: amount '81'"),
        ({"CUSTOMER_ID": [596, None, 2]}, "row 2: CUSTOMER_ID without a value"),
        ({"TX_FRAUD": ["0", "1", "0"]}, "row 2: TX_FRAUD is '1', neither 0 nor 1"),
        ({"TX_FRAUD": [0.0, 1.0, 2.0]}, "row 3: TX_FRAUD is 2.0, neither 0 nor 1"),
        ({"TX_FRAUD": [None, 1, 0]}, "row 1: TX_FRAUD without a value"),
        ({"TX_DATETIME": [None, at(2018, 4, 1), at(2018, 4, 2)]}, "row 1: TX_DATETIME without a value"),
        ({"TX_DATETIME": [at(1950, 4, 1), at(2018, 4, 1), at(2018, 4, 2)]}, "row 1: event_time"),
        ({"TX_DATETIME": ["soon", "now", "then"]}, "row 2: "),
    ],
)
def test_a_row_that_is_no_payment_is_named_by_file_and_place(tmp_path: Path, changes: dict[str, list[Any]], why: str) -> None:
    files = [written(tmp_path / "bad.parquet", **changes)]
    if not any(isinstance(value, str) for values in changes.values() for value in values):
        other = dict(GOOD, TRANSACTION_ID=[11, 12, 13])
        if isinstance(changes.get("TX_FRAUD", [0])[0], float):
            other["TX_FRAUD"] = [0.0, 0.0, 0.0]
        files.insert(0, written(tmp_path / "good.parquet", **other))  # of the same types; its rows are not counted among the other's
    with pytest.raises(DataError, match=rf"bad\.parquet, {why}"):
        list(handbook.emissions(files))


def test_a_file_that_is_given_twice_or_begins_to_number_anew_is_refused(tmp_path: Path) -> None:
    files = [written(tmp_path / "a.parquet"), written(tmp_path / "b.parquet", TRANSACTION_ID=[4, 1, 5])]
    with pytest.raises(DataError, match=r"b\.parquet: 1 of 6 rows have a TRANSACTION_ID that stands before"):
        list(handbook.emissions(files))


def test_times_with_a_zone_are_converted(tmp_path: Path) -> None:
    zoned = pa.array([datetime(2018, 4, 1, 10, tzinfo=UTC)] * 3, pa.timestamp("us", "Europe/Berlin"))
    pq.write_table(pa.table({**GOOD, "TX_DATETIME": zoned}), tmp_path / "a.parquet")
    found = [e.value for e in handbook.emissions([tmp_path / "a.parquet"]) if e.stream == "events"]
    assert {e.event_time for e in found} == {datetime(2018, 4, 1, 10, tzinfo=UTC)}


def test_files_of_different_types_are_named(tmp_path: Path) -> None:
    files = [written(tmp_path / "a.parquet"), written(tmp_path / "b.parquet", TX_AMOUNT=["1", "2", "3"])]
    with pytest.raises(DataError, match=r"a\.parquet, .*b\.parquet: their columns"):
        list(handbook.emissions(files))


def test_a_column_that_is_not_there_is_named_with_the_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({name: values for name, values in GOOD.items() if name != "TX_DATETIME"}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: .*TX_DATETIME"):
        list(handbook.emissions([tmp_path / "a.parquet"]))
