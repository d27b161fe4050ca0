"""Rows from a file of anybody's: columns matched by name, labels turned into codes, every value to its last bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps import table_csv
from apps.cells import Column
from apps.csv_file import PARQUET
from apps.errors import InputError
from apps.table_names import placed
from domain.schema import FeatureSchema

CHUNK = 10_000
Matrix = NDArray[np.float64]


def read_rows(source: str, schema: FeatureSchema, dropped: Sequence[str] = (), separator: str = ",") -> Iterator[Matrix]:
    """Chunks (n, features) float64 of a table, in the schema's order: CSV, gzipped or not, parquet, or CSV on standard input (``-``).

    A column ``a b`` is the model's ``a_b``, as LightGBM calls it. Empty cells are missing; a label that the schema does not list is
    unseen. Raises ``InputError`` naming the column and the row that lacks, is not expected, or holds what is no number.
    """
    at = 0
    for names, columns in _parquet(source) if _is_parquet(source) else table_csv.read(source, separator, CHUNK):
        known = placed(source, names, schema.names, dropped)
        if extra := [c for c in known if c not in schema.names and c not in dropped]:
            raise InputError(f"{source}: the model knows no column {', '.join(map(repr, extra))}; leave it out with --drop")
        by_name = dict(zip(known, columns, strict=True))
        found = ((f, Column(source, f.name, at, by_name[f.name])) for f in schema.features)
        yield np.column_stack([column.values(f) for f, column in found])
        at += len(columns[0])


def _is_parquet(source: str) -> bool:
    """By its ending or, of a file that can be looked at twice, by how it begins."""
    if source == "-" or source.lower().endswith(".parquet"):
        return source != "-"
    try:
        if not Path(source).is_file():  # a pipe gives its bytes once
            return False
        with Path(source).open("rb") as file:
            return file.read(len(PARQUET)) == PARQUET
    except OSError:
        return False


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
