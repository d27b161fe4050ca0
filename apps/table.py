"""Rows from a file of anybody's: columns matched by name, labels turned into codes, every value to its last bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps import table_csv
from apps.errors import InputError
from domain.schema import MISSING, UNSEEN, Feature, FeatureSchema

CHUNK = 10_000
Matrix = NDArray[np.float64]


def read_rows(source: str, schema: FeatureSchema, dropped: Sequence[str] = (), separator: str = ",") -> Iterator[Matrix]:
    """Chunks (n, features) float64 of a CSV file, a parquet file, or of CSV on standard input (``-``), in the schema's order.

    Empty cells are missing; a label that the schema does not list is unseen. Raises ``InputError`` naming the column (and the line)
    that lacks, is not expected, or holds what is no number.
    """
    at = 0
    for frame in _frames(source, separator):
        _check_columns(source, list(frame.columns), schema, dropped)
        yield np.column_stack([_column(source, frame[f.name], f, at) for f in schema.features])
        at += len(frame)


def _frames(source: str, separator: str) -> Iterator[pd.DataFrame]:
    if not source.endswith(".parquet"):
        for names, columns in table_csv.read(source, separator, CHUNK):
            yield pd.DataFrame([c.to_pylist() for c in columns], index=names, dtype=object).T
        return
    try:
        for batch in pq.ParquetFile(source).iter_batches(CHUNK):
            yield batch.to_pandas()
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{source}: cannot be read as a table: {str(error).splitlines()[0]}") from None


def _check_columns(source: str, columns: list[str], schema: FeatureSchema, dropped: Sequence[str]) -> None:
    twice = sorted({c for c in columns if columns.count(c) > 1})
    lacking = [name for name in schema.names if name not in columns]
    extra = [c for c in columns if c not in schema.names and c not in dropped]
    if twice:
        raise InputError(f"{source}: the column {', '.join(map(repr, twice))} stands twice")
    if lacking:
        raise InputError(f"{source}: lacks the column {', '.join(map(repr, lacking))}; the model asks for {', '.join(schema.names)}")
    if extra:
        raise InputError(f"{source}: the model knows no column {', '.join(map(repr, extra))}; leave it out with --drop")


def _column(source: str, values: pd.Series[Any], feature: Feature, at: int) -> Matrix:
    if feature.categories:
        codes = _codes(feature)
        return np.array([codes.get(label, _unlisted(label, codes)) for label in map(_label, values.tolist())])
    if values.dtype != object and not pd.api.types.is_string_dtype(values.dtype):
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=MISSING))
    return np.array([_number(source, feature.name, text, at + i) for i, text in enumerate(values.tolist())])


def _codes(feature: Feature) -> dict[str, float]:
    return {label: float(code) for code, label in enumerate(feature.categories)}


def _label(value: object) -> str:
    """A cell as a label; whole numbers lose what pandas adds to them where some are missing (``3.0``)."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _unlisted(label: str, codes: dict[str, float]) -> float:
    """Missing for an empty cell, the code for a number written otherwise (``3.0`` for the label ``3``), else unseen."""
    if not label:
        return MISSING
    if label.endswith(".0"):
        return codes.get(label[:-2], UNSEEN)
    return UNSEEN


def _number(source: str, column: str, text: str | None, row: int) -> float:
    if text is None or not text.strip():
        return MISSING
    try:
        return float(text if text.strip().isascii() and "_" not in text else "no number")  # Python reads 1_000 and other scripts' digits
    except ValueError:
        raise InputError(f"{source}: column {column!r}, row {row + 1}: {text[:40]!r} is not a number") from None
