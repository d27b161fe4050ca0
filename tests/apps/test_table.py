"""Anybody's table as rows: every bit, columns by name, and what does not fit is told by its name."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import math
import os
import tempfile
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps import table_csv
from apps.errors import InputError
from apps.table import CHUNK, read_rows
from domain.schema import Feature, FeatureSchema
from exports.compiled import KernelScorer
from exports.lightgbm_text import read

SCHEMA = FeatureSchema((Feature("a b"), Feature("kind", "categorical", ("red", "3", "ünï")), Feature("c")))
NAN = math.nan


def rows(source: Any, *dropped: str, separator: str = ",") -> list[list[float]]:
    return np.concatenate(list(read_rows(str(source), SCHEMA, dropped, separator))).tolist()


def file(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(text.encode())
    return path


def test_columns_are_matched_by_name_and_values_keep_every_bit(tmp_path: Path) -> None:
    found = rows(file(tmp_path, "c,kind,a b\n0.1,red,1e-308\n-0.0,3,1.7976931348623157e308\n0.30000000000000004,ünï,inf\n"))
    assert found == [[1e-308, 0.0, 0.1], [1.7976931348623157e308, 1.0, 0.0], [math.inf, 2.0, 0.30000000000000004]]
    assert math.copysign(1, found[1][2]) == -1


def test_empty_is_missing_and_a_new_label_is_unseen(tmp_path: Path) -> None:
    found = rows(file(tmp_path, "a b,kind,c\n,,\n1,blue,nan\n2,3.0,4\n"))
    assert np.array_equal(found, [[NAN, NAN, NAN], [1, -1, NAN], [2, 1, 4]], equal_nan=True)


def test_a_byte_order_mark_and_another_separator_are_read(tmp_path: Path) -> None:
    assert rows(file(tmp_path, "\ufeffa b;kind;c\n1;red;2\n"), separator=";") == [[1, 0, 2]]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b,kind,c\n1,red,2\n")))
    assert rows("-") == [[1, 0, 2]]


def test_parquet_is_read_with_its_nulls(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a b": [0.1, None], "kind": ["red", None], "c": [7, 8]}).to_parquet(path)
    assert np.array_equal(rows(path), [[0.1, 0, 7], [NAN, NAN, 8]], equal_nan=True)


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([1, None, 0], pa.int8()),
        pa.array([1, None, 0], pa.float32()),
        pa.array([True, None, False]),
        pa.array(["1.0", None, " 0 "]),
        pa.array(["1", " ", "0"], pa.large_string()),
        pa.array([1.0, None, 0.0]).dictionary_encode(),
        pa.array(["1", None, "0"]).dictionary_encode(),
    ],
    ids=lambda cells: str(cells.type),
)
def test_a_null_in_a_parquet_column_of_any_type_is_missing(cells: Any, tmp_path: Path) -> None:
    kinds = pa.array([None, None, None])
    pq.write_table(pa.table({"a b": cells, "kind": kinds, "c": cells}), path := tmp_path / "rows.parquet")
    assert np.array_equal(rows(path), [[1, NAN, 1], [NAN, NAN, NAN], [0, NAN, 0]], equal_nan=True)


UNKNOWN = {
    "decimal128": pa.array([Decimal("1.5")]),
    "date32": pa.array([dt.date(2020, 1, 1)]),
    "timestamp": pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)]),
    "duration": pa.array([dt.timedelta(1)]),
    "list": pa.array([[1.0]]),
    "binary": pa.array([b"1.5"]),
}


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("name", ["a b", "kind"])
def test_a_parquet_column_that_is_neither_number_nor_text_is_named(name: str, kind: str, tmp_path: Path) -> None:
    columns = {"a b": pa.array([1.0]), "kind": pa.array(["red"]), "c": pa.array([1.0]), name: UNKNOWN[kind]}
    pq.write_table(pa.table(columns), path := tmp_path / "rows.parquet")
    with pytest.raises(InputError, match=f"column '{name}' holds {kind}.* null is missing"):
        rows(path)


def test_text_in_parquet_that_is_no_number_is_named_with_its_row(tmp_path: Path) -> None:
    columns = {"a b": [None, "1_000"], "kind": ["red", "red"], "c": [1.0, 2.0]}
    pq.write_table(pa.table(columns), path := tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="'a b', row 2: '1_000' is not a number"):
        rows(path)


def test_a_parquet_file_of_no_rows_or_of_one_name_twice_is_still_looked_at(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a b": pa.array([], pa.float64())}), path := tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="lacks the column 'kind', 'c'"):
        rows(path)
    pq.write_table(pa.Table.from_arrays([pa.array([1.0])] * 2, names=["a b", "a b"]), path)
    with pytest.raises(InputError, match="'a b' stands twice"):
        rows(path)


def test_what_pandas_had_as_its_index_is_no_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a b": [0.1, 1.0], "kind": ["red", "3"], "c": [7, 8]}, index=[5, 9])
    frame[frame["a b"] > 0.5].to_parquet(path := tmp_path / "rows.parquet")
    assert "__index_level_0__" in pq.read_schema(path).names
    assert rows(path) == [[1, 1, 8]]


def test_a_large_table_comes_in_chunks(tmp_path: Path) -> None:
    path = file(tmp_path, "a b,kind,c\n" + "1,red,2\n" * (CHUNK + 1))
    assert [len(chunk) for chunk in read_rows(str(path), SCHEMA)] == [CHUNK, 1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a b,kind\n1,red\n", "'c'"),
        ("a b,kind,c,d\n1,red,2,3\n", "'d'.*--drop"),
        ("a b,kind,c\n1,red,2\n1,red,x2\n", "'c', row 2: 'x2'"),
        ("", "cannot be read"),
        ('a b,kind,c\n"1,red,2\n', "cannot be read"),
        ("a b,kind,c\n1,red,2,\n", r"row 1 has 4 fields where the header has 3: '1,red,2,'"),
        ("a b,kind,c\n1,red,2\n9,1,red,2\n", "row 2 has 4 fields where the header has 3"),
        ("a b,kind,c\n1,red\n", "row 1 has 2 fields"),
        ("a b,kind,c\n1,red,2\n\n1,red,2\n", "row 2 is a blank line"),
        ("a b,kind,c,a b\n1,red,2,3\n", "'a b' stands twice"),
        ("a b,kind,c,kind.1,kind\n", "'kind' stands twice"),
        ("a b,kind\n", "lacks the column 'c'"),
        ("a b,kind,c\n1_000,red,2\n", "'a b', row 1: '1_000' is not a number"),
        ("a b,kind,c\n٣,red,2\n", "'a b', row 1: '٣' is not a number"),
    ],
)
def test_what_does_not_fit_is_told_by_its_name(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=named):
        rows(file(tmp_path, text))


def test_a_shifted_row_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    path = file(tmp_path, "a b,kind,c\n" + "1,red,2\n" * (CHUNK + 5) + "9,1,red,2\n")
    with pytest.raises(InputError, match=f"row {CHUNK + 6} has 4 fields"):
        rows(path)


def test_blank_lines_at_the_end_are_no_rows_unless_one_column_makes_them_missing_values(tmp_path: Path) -> None:
    assert rows(file(tmp_path, "a b,kind,c\n1,red,2\n\n\n")) == [[1, 0, 2]]
    one = FeatureSchema((Feature("a"),))
    with pytest.raises(InputError, match=r'row 2 is a blank line: .* as ""'):
        list(read_rows(str(file(tmp_path, "a\n1\n\n")), one))
    assert np.array_equal(next(read_rows(str(file(tmp_path, 'a\n1\n""\n')), one)), [[1.0], [NAN]], equal_nan=True)


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    assert [chunk.shape for chunk in read_rows(str(file(tmp_path, "a b,kind,c\n")), SCHEMA)] == [(0, 3)]


def test_a_row_number_counts_over_chunks(tmp_path: Path) -> None:
    path = file(tmp_path, "a b,kind,c\n" + "1,red,2\n" * CHUNK + "1,red,x\n")
    with pytest.raises(InputError, match=f"row {CHUNK + 1}"):
        rows(path)


def test_columns_may_be_left_out(tmp_path: Path) -> None:
    assert rows(file(tmp_path, "id,a b,kind,c\n7,1,red,2\n"), "id") == [[1, 0, 2]]


def test_no_file_is_told(tmp_path: Path) -> None:
    for name in ("x.csv", "x.parquet"):
        with pytest.raises(InputError, match="no such file"):
            rows(tmp_path / name)


def kinds(labels: tuple[str, ...], *cells: Any) -> list[float]:
    """The codes of a column of these cells for a feature of these labels, read from parquet, or, of texts, from CSV too."""
    schema = FeatureSchema((Feature("kind", "categorical", labels),))
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table({"kind": list(cells)}), path := Path(folder) / "rows.parquet")
        found: list[float] = np.concatenate(list(read_rows(str(path), schema)))[:, 0].tolist()
        if all(isinstance(cell, str) for cell in cells):
            (path := Path(folder) / "rows.csv").write_text("\n".join(["kind", *cells]))
            assert np.concatenate(list(read_rows(str(path), schema)))[:, 0].tolist() == found
    return found


@pytest.mark.parametrize("cells", [(1.0, 2.5, 3.0), ("1.0", "2.5", "3.0"), ("1", "2.5", "3")], ids=str)
@pytest.mark.parametrize("labels", [("1.0", "2.5"), ("1", "2.5")], ids=str)
def test_a_label_that_is_a_number_is_known_however_it_is_written(labels: tuple[str, ...], cells: tuple[Any, ...]) -> None:
    assert kinds(labels, *cells) == [0, 1, -1]


def test_a_label_that_is_a_truth_is_known_however_it_is_written_and_is_no_number() -> None:
    for labels in (("false", "true"), ("False", "True")):
        assert kinds(labels, True, False) == kinds(labels, "True", "False") == kinds(labels, "true", "false") == [1, 0]
        assert kinds(labels, 1, 0) == [-1, -1]
    assert kinds(("0", "1"), True) == [-1]


def test_numbers_that_only_look_alike_are_other_labels() -> None:
    assert kinds(("1.1", "7"), "1.10", "007", "+7", "7e", "0x7") == [-1] * 5
    assert kinds(("9007199254740993",), 9007199254740992, 9007199254740993) == [-1, 0]
    assert kinds(("1", "1.0", "True", "true"), "1", "1.0", "True", "true") == [0, 1, 2, 3]


@pytest.mark.parametrize("cells", [(None, 1.0), ("1.0", "1e0"), (None, True), ("true", "TRUE")], ids=str)
def test_a_cell_that_could_be_either_of_two_labels_is_refused_with_its_row(cells: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match=r"column 'kind', row 2: .* could be either of the labels '(1' and '1.0|True' and 'true)'"):
        kinds(("1", "1.0", "True", "true"), *cells)


def test_a_model_of_pandas_float_and_bool_categories_scores_its_own_data_from_csv_and_parquet(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"f": rng.integers(1, 5, 400).astype(float), "b": rng.random(400) < 0.5})
    own = frame.astype("category")
    parameters = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 0, "min_data_in_leaf": 1}
    booster = lgb.train(parameters, lgb.Dataset(own, (frame["f"] == 2) * 3.0 + frame["b"] * 2), 5)
    model = read(booster)
    assert [f.categories for f in model.schema.features] == [("1.0", "2.0", "3.0", "4.0"), ("false", "true")]
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    own.to_parquet(tmp_path / "own.parquet")
    for name in ("rows.csv", "rows.parquet", "own.parquet"):
        x = np.concatenate(list(read_rows(str(tmp_path / name), model.schema)))
        assert KernelScorer(model.ensemble, model.schema).raw_batch(x)[:, 0].tolist() == booster.predict(own).tolist()


def a_b(*columns: str, dropped: tuple[str, ...] = (), folder: Path) -> Any:
    """What a model of the feature that LightGBM calls ``a_b`` reads of a table of these columns."""
    path = file(folder, f"{','.join(columns)}\n{','.join('1234'[: len(columns)])}\n")
    return next(read_rows(str(path), FeatureSchema((Feature("a_b"), Feature("c"))), dropped)).tolist()


def test_a_blank_in_a_columns_name_is_the_underscore_that_lightgbm_made_of_it(tmp_path: Path) -> None:
    assert a_b("c", "a b", folder=tmp_path) == [[2, 1]]
    assert a_b("c", "a b", "a_b", dropped=("a b",), folder=tmp_path) == [[3, 1]], "its own name comes first"
    frame = pd.DataFrame({"a b": [1.0], "c": [2.0]})
    frame.to_parquet(path := tmp_path / "rows.parquet")
    assert next(read_rows(str(path), FeatureSchema((Feature("a_b"), Feature("c"))))).tolist() == [[1, 2]]


def test_columns_that_could_be_the_models_are_named_beside_it(tmp_path: Path) -> None:
    three = FeatureSchema((Feature("a_b_c"),))
    with pytest.raises(InputError, match="the model's column 'a_b_c' could be either of 'a b_c' and 'a_b c': call the one"):
        list(read_rows(str(file(tmp_path, "a b_c,a_b c\n1,2\n")), three))
    assert next(read_rows(str(file(tmp_path, "a b_c,a_b c\n1,2\n")), three, ["a b_c"])).tolist() == [[2]]
    with pytest.raises(InputError, match=r"lacks the column 'a_b'.* the table's columns it does not know 'a-b'"):
        a_b("c", "a-b", folder=tmp_path)
    with pytest.raises(InputError, match="knows no column 'a b'"):
        a_b("c", "a_b", "a b", folder=tmp_path)


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv"])
def test_gzipped_csv_is_read_whatever_it_is_called(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path := tmp_path / name).write_bytes(gzip.compress(b"a b,kind,c\n1,red,2\n" + b"1,red,2\n" * CHUNK))
    assert rows(path) == [[1, 0, 2]] * (CHUNK + 1)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert rows("-") == [[1, 0, 2]] * (CHUNK + 1)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot be read as a table"):
        rows(path)


def test_parquet_is_told_by_how_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"a b": [0.1], "kind": ["red"], "c": [7.0]}
    for name in ("rows.PARQUET", "rows", "rows.csv"):
        pq.write_table(pa.table(columns), path := tmp_path / name)
        assert rows(path) == [[0.1, 0, 7]]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    with pytest.raises(InputError, match="-: holds parquet, where CSV was due: save it as a file and name that"):
        rows("-")
    with pytest.raises(InputError, match="holds parquet, where CSV was due: save it as CSV"):
        list(table_csv.read(str(path), ",", CHUNK))


def test_a_table_that_comes_through_a_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "rows")
    writer = Thread(target=lambda: path.write_bytes(b"a b,kind,c\n1,red,2\n"))
    writer.start()
    assert rows(path) == [[1, 0, 2]]
    writer.join(30)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"PK\x03\x04rest", "holds a workbook, or another zip archive, where CSV was due: save it as CSV"),
        ("a b,kind,c\n1,é,2\n".encode("latin-1"), "it is not text in UTF-8; save it as CSV in UTF-8"),
        ("a b,kind,c\n1,red,2\n".encode("utf-16"), "it is not text in UTF-8; save it as CSV in UTF-8"),
    ],
)
def test_what_is_no_csv_is_refused_with_what_to_do(data: bytes, named: str, tmp_path: Path) -> None:
    (path := tmp_path / "rows.csv").write_bytes(data)
    with pytest.raises(InputError, match=named):
        rows(path)


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name the file in it"):
        rows(tmp_path)
