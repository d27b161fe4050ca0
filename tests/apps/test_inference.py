"""A request's tensors as rows: labels are read as a table's cells are, and a shape says which number is whose."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.inference import RefusedError, answer, rows_of
from apps.table import read_rows
from domain.schema import Feature, FeatureSchema

NOTHING = memoryview(b"")
LABELLED = FeatureSchema((
    Feature("b", "categorical", ("false", "true")),
    Feature("i", "categorical", ("10", "20", "30")),
    Feature("f", "categorical", ("0.5", "1.0")),
))  # fmt: skip
FIVE = FeatureSchema(tuple(Feature(name) for name in "abcde"))


def tensor(name: str, kind: str, *values: Any, shape: list[int] | None = None) -> dict[str, Any]:
    return {"name": name, "shape": shape or [len(values)], "datatype": kind, "data": list(values)}


@pytest.mark.parametrize("b", ["true", "True", "TRUE", "1", "yes", ""])
@pytest.mark.parametrize("i", ["20", "20.0", "2e1", "1", "020"])
@pytest.mark.parametrize("f", ["1.0", "1", "0.5"])
def test_a_label_has_the_code_that_the_cell_of_a_table_has(b: str, i: str, f: str, tmp_path: Path) -> None:
    (path := tmp_path / "rows.csv").write_text(f"b,i,f\n{b},{i},{f}\n")
    found = rows_of([tensor("b", "BYTES", b), tensor("i", "BYTES", i), tensor("f", "BYTES", f)], NOTHING, LABELLED)
    assert np.array_equal(found, next(read_rows(str(path), LABELLED)), equal_nan=True)


@pytest.mark.parametrize("kind", ["INT64", "INT32", "FP64", "FP32"])
def test_a_number_is_no_label(kind: str) -> None:
    """Is 1 the second label, or the label "1"?"""
    inputs = [tensor("b", "BYTES", "true", "true"), tensor("i", kind, None, 1), tensor("f", "BYTES", None, None)]
    with pytest.raises(RefusedError, match=r"input 'i', row 2: 1(\.0)? where a label was due: send labels as BYTES"):
        rows_of(inputs, NOTHING, LABELLED)


def test_binary_numbers_are_no_labels_either_and_nan_is_missing() -> None:
    others = [tensor("b", "BYTES", "true"), tensor("f", "BYTES", None)]
    binary = {"name": "i", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}}
    assert np.array_equal(
        rows_of([*others, binary], memoryview(struct.pack("<d", np.nan)), LABELLED), [[1, np.nan, np.nan]], equal_nan=True
    )
    with pytest.raises(RefusedError, match=r"input 'i', row 1: 20\.0 where a label was due"):
        rows_of([*others, binary], memoryview(struct.pack("<d", 20)), LABELLED)


def test_a_label_that_could_be_either_of_two_is_refused_with_its_row() -> None:
    schema = FeatureSchema((Feature("k", "categorical", ("1", "1.0")),))
    with pytest.raises(RefusedError, match=r"input 'k', row 2: '1e0' could be either of the labels '1' and '1\.0'"):
        rows_of([tensor("k", "BYTES", "1", "1e0")], NOTHING, schema)


@pytest.mark.parametrize("shape", [[5, 2], [10], [10, 1], [1, 2, 5], [2, 5, 1], [0, 5], []])
@pytest.mark.parametrize("binary", [False, True])
def test_features_come_in_rows_of_all_features(shape: list[int], *, binary: bool) -> None:
    """A batch that was transposed has the right number of values, and the wrong rows."""
    asked: dict[str, Any] = {"name": "features", "shape": shape, "datatype": "FP64"}
    given = {"parameters": {"binary_data_size": 80}} if binary else {"data": list(range(10))}
    with pytest.raises(RefusedError, match=r"of shape .*FP64 of shape \[n, 5\].* is due"):
        rows_of([{**asked, **given}], memoryview(bytes(80)) if binary else NOTHING, FIVE)
    assert rows_of([{**asked, **given, "shape": [2, 5]}], memoryview(bytes(80)) if binary else NOTHING, FIVE).shape == (2, 5)


@pytest.mark.parametrize("shape", [[1, 2], [2, 1, 1], [1, 1, 2]])
def test_a_feature_by_its_name_has_one_value_a_row(shape: list[int]) -> None:
    schema = FeatureSchema((Feature("a"),))
    with pytest.raises(RefusedError, match="of shape"):
        rows_of([tensor("a", "FP64", 1, 2, shape=shape)], NOTHING, schema)
    for right in ([2], [2, 1]):
        assert rows_of([tensor("a", "FP64", 1, 2, shape=right)], NOTHING, schema).tolist() == [[1], [2]]


def test_nested_data_is_nested_as_its_shape_says() -> None:
    rows = np.arange(10.0).reshape(2, 5)
    assert rows_of([tensor("features", "FP64", *rows.tolist(), shape=[2, 5])], NOTHING, FIVE).tolist() == rows.tolist()
    for nested in (rows.T.tolist(), [*rows.tolist()[:1], *rows.tolist()[1]]):
        with pytest.raises(RefusedError, match=r"input 'features': its rows have .* values where 5 were due"):
            rows_of([tensor("features", "FP64", *nested, shape=[2, 5])], NOTHING, FIVE)


def test_a_feature_of_codes_alone_takes_numbers_as_a_table_does() -> None:
    schema = FeatureSchema((Feature("colour", "categorical", ("0", "1", "2")),)).as_coded()
    assert rows_of([tensor("colour", "FP64", 2.5, -0.5)], NOTHING, schema).tolist() == [[2.5], [-0.5]]
    assert rows_of([tensor("colour", "BYTES", "2.5", "02")], NOTHING, schema).tolist() == [[2.5], [2.0]]
    with pytest.raises(RefusedError, match=r"input 'colour', row 2: 'red' is not a number, and the model's file has no labels here"):
        rows_of([tensor("colour", "BYTES", "1", "red")], NOTHING, schema)


def test_what_is_nested_too_deep_to_be_written_is_refused_by_its_kind() -> None:
    deep: Any = 1.0
    for _ in range(2_000):
        deep = [deep]
    request = {**tensor("a", "FP64", {"deep": deep}, *range(4)), "shape": [1, 5], "name": "a"}
    with pytest.raises(RefusedError, match="'dict' is not a number"):
        rows_of([{**request, "shape": [5]}], NOTHING, FIVE)


def test_a_shape_of_any_length_is_refused_before_it_is_counted() -> None:
    """Its product would be a number of a million digits."""
    request = {"name": "features", "datatype": "FP64", "shape": [2**63 - 1] * 200_000, "data": [0.0]}
    with pytest.raises(RefusedError, match=r"of shape \[9223372036854775807"):
        rows_of([request], NOTHING, FIVE)


def test_numbers_are_what_their_tensors_type_holds() -> None:
    others = [tensor(name, "FP64", 0.0) for name in "bcde"]
    rows = rows_of([tensor("a", "FP32", 0.1), *others], NOTHING, FIVE)
    assert rows[0, 0] == float(np.float32(0.1))
    assert rows_of([tensor("a", "FP32", 1e39), *others], NOTHING, FIVE)[0, 0] == np.inf
    assert rows_of([tensor("a", "INT64", 2.0), *others], NOTHING, FIVE)[0, 0] == 2.0
    with pytest.raises(RefusedError, match=r"input 'a': 2\.5 in a tensor of INT64; send FP64"):
        rows_of([tensor("a", "INT64", 2.5), *others], NOTHING, FIVE)


def test_an_infinite_score_is_not_sent_as_a_missing_one() -> None:
    scores = {"values": np.array([[1.0], [np.inf]])}
    with pytest.raises(RefusedError, match="binary_data_output"):
        answer({}, {}, scores, {"values": False})
    body, length = answer({}, {}, scores, {"values": True})
    assert np.array_equal(np.frombuffer(body[length:]), [1.0, np.inf])
