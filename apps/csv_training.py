"""A CSV file as a table to learn from. It is read twice, in pieces: once to see what its columns are, once for the numbers."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from apps.csv_columns import FEW, Column, codes, in_order, numbers, rows_swallowed
from apps.csv_file import opened
from apps.errors import InputError
from domain.schema import Feature, FeatureSchema
from models.dataset import Progress
from models.table import OBJECTIVES, Objective, Table

BLOCK = 8 << 20  # bytes of the file that are held as text at a time
CLASSES = 100  # of texts; more are no label
FEW_NUMBERS = 20  # whole numbers that a label takes, up to which they are classes
PER_CLASS = 10  # rows that such a class needs on average
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """What was said of the file: which column is what, and what to do with the others."""

    label: str
    objective: str | None = None
    time: str | None = None
    group: str | None = None
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    separator: str = ","

    @property
    def named(self) -> dict[str, tuple[str, ...]]:
        """Columns by the option that names them."""
        one = {"--label": self.label, "--time": self.time, "--group": self.group}
        return {**{o: (c,) for o, c in one.items() if c is not None}, "--drop": self.drop, "--categorical": self.categorical}


def read_table(path: Path, name: str, wanted: Wanted, told: Progress) -> Table:
    """The table that ``path`` holds. Raises ``InputError`` naming the column, and the row, that cannot be used."""
    header = _header(path, wanted)
    columns = _scanned(path, header, wanted, told)
    objective, classes = _objective(columns[wanted.label], wanted)
    features: list[Feature] = []
    dropped: dict[str, str] = dict.fromkeys(wanted.drop, "by --drop")
    taken: dict[str, str] = {}
    apart = {wanted.label, wanted.time, wanted.group}
    for column in (c for c in columns.values() if c.name not in apart):
        found = column.feature(categorical=column.name in wanted.categorical)
        if isinstance(found, str):
            dropped[column.name] = found
        else:
            features.append(found)
            if not found.categories and column.missing:
                taken[column.name] = column.taken_for_missing
    if not features:
        others = "; ".join(f"{n!r}: {why}" for n, why in dropped.items()) or f"beside {wanted.label!r} there is none"
        raise InputError(f"{path}: no column is left to learn from: {others}")
    x, kept = _numbers(path, header, wanted, features, columns[wanted.label].rows, told)
    y = _labels(path, kept[wanted.label], wanted.label, classes)
    time = None if wanted.time is None else _time(path, wanted.time, kept[wanted.time])
    group = None if wanted.group is None else _group(path, wanted.group, kept[wanted.group])
    return Table(name, wanted.label, objective, FeatureSchema(tuple(features)), x, y, classes, time, group, dropped, taken)


def _header(path: Path, wanted: Wanted) -> list[str]:
    """The names of the columns. Raises ``InputError`` where one stands twice, or one that an option names is not there."""
    try:
        with opened(path) as (_, text):
            names = next(csv.reader(TextIOWrapper(text, encoding="utf-8-sig", newline=""), delimiter=wanted.separator), [])
    except (OSError, csv.Error) as error:
        said = (error.strerror or error) if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read as a table: {said}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: its first line is not UTF-8 ({error.reason} at byte {error.start + 1}); save the file as UTF-8"
        ) from None
    if not names:
        raise InputError(f"{path}: is empty; its first line names the columns")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path}: the column {', '.join(map(repr, twice))} stands twice")
    for option, columns in wanted.named.items():
        for column in columns:
            if column not in names:
                near = difflib.get_close_matches(column, names, 3, 0.5) or names[:10]
                raise InputError(f"{path}: there is no column {column!r} ({option}); there are {', '.join(map(repr, near))}")
    if clash := [c for option, columns in wanted.named.items() if option != "--label" for c in columns if c == wanted.label]:
        raise InputError(f"{path}: {clash[0]!r} is the label, and cannot be something else too")
    return names


def _blocks(path: Path, header: list[str], wanted: Wanted, what: str, told: Progress) -> Iterator[Any]:
    """Batches of rows as texts, without the columns to drop; ``told`` megabytes."""
    size = path.stat().st_size
    chosen = [name for name in header if name not in wanted.drop]
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), include_columns=chosen, strings_can_be_null=False, quoted_strings_can_be_null=False
    )
    read = pacsv.ReadOptions(block_size=BLOCK)
    parse = pacsv.ParseOptions(delimiter=wanted.separator, newlines_in_values=True)
    try:
        with opened(path) as (file, text), pacsv.open_csv(text, read, parse, convert) as batches:
            done = 0
            for batch in batches:
                told(what, done >> 20, size >> 20)
                yield batch
                done = min(file.tell(), size)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a table: {str(error).splitlines()[0]}") from None
    told(what, size >> 20, size >> 20)


def _scanned(path: Path, header: list[str], wanted: Wanted, told: Progress) -> dict[str, Column]:
    columns = {name: Column(str(path), name) for name in header if name not in wanted.drop}
    for batch in _blocks(path, header, wanted, "looking at the columns (MB)", told):
        for name, cells in zip(batch.schema.names, batch.columns, strict=True):
            if (at := rows_swallowed(cells, wanted.separator, len(header))) >= 0:
                where = f"{path}: column {name!r}, row {columns[name].rows + at + 1}"
                raise InputError(f"{where}: the cell holds whole rows of the table: its quote is not closed; mend it")
            columns[name].add(cells)
    if not columns[wanted.label].rows:
        raise InputError(f"{path}: has no rows")
    return columns


def _numbers(
    path: Path, header: list[str], wanted: Wanted, features: list[Feature], rows: int, told: Progress
) -> tuple[Array, dict[str, Any]]:
    """The features (n, features), filled piece by piece, and the texts of the columns that are none."""
    x = np.empty((rows, len(features)))
    kept: dict[str, list[Any]] = {name: [] for name in (wanted.label, wanted.time, wanted.group) if name is not None}
    at = 0
    for batch in _blocks(path, header, wanted, "reading the rows (MB)", told):
        for i, feature in enumerate(features):
            cells = batch.column(feature.name)
            x[at : at + len(cells), i] = codes(cells, feature) if feature.categories else numbers(cells)
        for name, found in kept.items():
            found.append(batch.column(name))
        at += batch.num_rows
    return x, {name: pa.chunked_array(found).combine_chunks() for name, found in kept.items()}


def _objective(label: Column, wanted: Wanted) -> tuple[Objective, tuple[str, ...]]:
    """What the label asks for, and its classes. Raises ``InputError`` for a label that no model can learn."""
    place = f"{label.source}: label {label.name!r}"
    if label.known < label.rows:
        why = f" ({label.taken_for_missing})" if label.numeric and label.missing else ""
        raise InputError(f"{place} is missing in {label.rows - label.known:,} of {label.rows:,} rows{why}; leave these rows out")
    if label.labels is not None and len(label.labels) == 1:
        raise InputError(f"{place} has one value only, {next(iter(label.labels))!r}; there is nothing to learn")
    if wanted.objective is not None and wanted.objective not in OBJECTIVES:
        raise InputError(f"--objective {wanted.objective}: there are {', '.join(OBJECTIVES)}")
    found: Objective = next((o for o in OBJECTIVES if o == wanted.objective), _detected(label))
    measured = found == "regression" or (wanted.objective is None and (label.labels is None or len(label.labels) > FEW))
    if measured and (why := label.spoilt):
        raise InputError(f"{why}, or say --objective multiclass")
    if found == "regression":
        if not label.numeric:
            row, text = label.no_number or (0, "")
            raise InputError(f"{place}, row {row}: {text[:40]!r} is not a number; is it --objective multiclass?")
        if label.infinite is not None:
            raise InputError(f"{place}, row {label.infinite} is infinite; leave this row out")
        return found, ()
    classes = tuple(in_order(label.labels)) if label.labels is not None else ()
    if not classes or len(classes) > CLASSES:
        raise InputError(f"{place} has {len(classes) or 'too many'} different values; at most {CLASSES} classes can be told apart")
    if label.numeric and (alike := _alike(classes)):
        raise InputError(f"{place}: {' and '.join(map(repr, alike))} are one number; write it in one way in all rows")
    if found == "binary" and len(classes) != 2:
        raise InputError(f"{place} has {len(classes)} different values, not two; is it --objective multiclass or regression?")
    if found == "multiclass" and len(classes) == 2:
        raise InputError(f"{place} has two different values only, {' and '.join(map(repr, classes))}; is it --objective binary?")
    return found, classes


def _alike(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The first two that are one number; none where all differ."""
    return next((pair for pair in pairwise(classes) if float(pair[0]) == float(pair[1])), ())


def _detected(label: Column) -> Objective:
    if label.labels is not None and len(label.labels) == 2:
        return "binary"
    if not label.numeric:
        return "multiclass"
    few = label.labels is not None and len(label.labels) <= min(FEW_NUMBERS, label.rows / PER_CLASS)
    return "multiclass" if few and all(float(text).is_integer() for text in label.labels or ()) else "regression"


def _labels(path: Path, cells: Any, label: str, classes: tuple[str, ...]) -> Array:
    found = codes(cells, Feature(label, "categorical", classes)) if classes else numbers(cells)
    if found is None or np.isnan(found).any():
        raise InputError(f"{path}: label {label!r}, row {1 if found is None else int(np.isnan(found).argmax()) + 1} is not a number")
    return found


def _time(path: Path, name: str, cells: Any) -> Array:
    """Numbers as they are, dates and times in seconds since 1970 (UTC where no zone is said)."""
    found = numbers(cells)
    if found is None:
        parsed = pd.to_datetime(pd.Series(cells.to_pandas()), utc=True, errors="coerce", format="ISO8601")
        found = np.where(parsed.isna(), np.nan, parsed.dt.as_unit("us").astype("int64").to_numpy() / 1e6)
    _refuse(path, name, cells, ~np.isfinite(found), "is no time; write numbers, or times such as 2024-05-31 12:00:00")
    return found


def _group(path: Path, name: str, cells: Any) -> NDArray[np.int64]:
    blank = np.asarray(pc.equal(pc.utf8_trim_whitespace(cells), "").to_numpy(zero_copy_only=False))
    _refuse(path, name, cells, blank, "names no group; give it one, or leave the row out")
    return np.asarray(pc.dictionary_encode(cells).indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _refuse(path: Path, name: str, cells: Any, wrong: NDArray[np.bool_], what: str) -> None:
    """Raises ``InputError`` with the first row that is wrong, if any."""
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"{path}: column {name!r}, row {row + 1}: {cells[row].as_py()[:40]!r} {what}")
