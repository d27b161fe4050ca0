"""Rows from a file of anybody's: columns matched by name, labels turned into codes, every value to its last bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps import table_csv
from apps.cells import Column
from apps.errors import InputError
from domain.schema import FeatureSchema

CHUNK = 10_000
Matrix = NDArray[np.float64]


def read_rows(source: str, schema: FeatureSchema, dropped: Sequence[str] = (), separator: str = ",") -> Iterator[Matrix]:
    """Chunks (n, features) float64 of a CSV file, a parquet file, or of CSV on standard input (``-``), in the schema's order.

    Empty cells are missing; a label that the schema does not list is unseen. Raises ``InputError`` naming the column and the row
    that lacks, is not expected, or holds what is no number.
    """
    at = 0
    for names, columns in _parquet(source) if source.endswith(".parquet") else table_csv.read(source, separator, CHUNK):
        _check_columns(source, names, schema, dropped)
        by_name = dict(zip(names, columns, strict=True))
        found = ((f, Column(source, f.name, at, by_name[f.name])) for f in schema.features)
        yield np.column_stack([column.codes(f) if f.categories else column.numbers() for f, column in found])
        at += len(columns[0])


def _parquet(source: str) -> Iterator[tuple[list[str], list[Any]]]:
    """Names, and columns as pyarrow arrays, piece by piece; one of no rows where there are none. An index of pandas is no column."""
    try:
        with pq.ParquetFile(source) as file:
            schema = file.schema_arrow
            index = (schema.pandas_metadata or {}).get("index_columns", [])
            kept = [i for i, name in enumerate(schema.names) if name not in index]
            for batch in file.iter_batches(CHUNK) if file.metadata.num_rows else [pa.RecordBatch.from_pylist([], schema)]:
                yield [schema.names[i] for i in kept], [batch.column(i) for i in kept]
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except (pa.ArrowException, OSError) as error:
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
