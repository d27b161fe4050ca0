"""Cells that say that a number is missing are read so and counted; a column of numbers is never taken for text without a word."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from apps import missing, train_table
from apps.csv_training import Wanted, read_table
from apps.errors import InputError
from apps.settings import Settings
from apps.table import read_rows
from models import table_training
from models.dataset import silent
from models.table import Table
from models.table_splits import Protocol

MEASURED = [f"{i / 7:.4f}" for i in range(60)]


def table(path: Path, cells: list[str], **wanted: Any) -> Table:
    """Of the column ``a`` with these cells, and a label."""
    path.write_text("\n".join(["b,a,y", *(f'{i % 7},"{cell}",{i % 2}' for i, cell in enumerate(cells)), ""]))
    return read_table(path, "t", Wanted("y", **wanted), silent)


@pytest.mark.parametrize("marker", [*missing.MARKERS, "na", "NULL", "n/a", " ? ", ""])
def test_a_cell_that_says_so_is_missing_in_training_as_in_scoring(tmp_path: Path, marker: str) -> None:
    found = table(tmp_path / "t.csv", [*MEASURED[:5], marker, *MEASURED[6:]])
    assert found.schema.features[1].kind == "numeric"
    assert np.flatnonzero(np.isnan(found.x[:, 1])).tolist() == [5]
    assert found.missing.get("a") == (f"1 cell of {marker.strip()} is taken for missing" if marker else None)
    rows = np.concatenate(list(read_rows(str(tmp_path / "t.csv"), found.schema, ["y"])))
    assert rows.tobytes() == found.x.tobytes()


def test_what_was_taken_for_missing_is_counted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_training, "MOST_ROUNDS", 2)
    table(tmp_path / "t.csv", [("NA", "?", "NA", text, text)[i % 5] for i, text in enumerate(MEASURED)])
    console, settings = Console(file=(said := io.StringIO()), width=300), Settings(home=tmp_path)
    made = train_table.command(settings, tmp_path / "t.csv", None, Wanted("y"), Protocol(), frozenset(), console=console)
    assert "'a': 36 cells of NA and ? are taken for missing" in said.getvalue()
    assert json.loads((made / "manifest.json").read_text())["data"]["dropped"] == {}


def test_among_labels_such_a_text_is_a_label(tmp_path: Path) -> None:
    found = table(tmp_path / "t.csv", ["red", "NA", "-"] * 20)
    assert found.schema.features[1].categories == ("-", "NA", "red")
    assert not found.missing
    assert table(tmp_path / "t.csv", ["1", "NA", "2"] * 20, categorical=("a",)).schema.features[1].categories == ("1", "2", "NA")


def test_a_column_of_nothing_else_is_empty(tmp_path: Path) -> None:
    assert table(tmp_path / "t.csv", ["NA", "", "?"] * 20).dropped == {"a": "empty: 40 cells of ? and NA are taken for missing"}


MANY = [f"{i / 7:.4f}" for i in range(1100)]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([*MEASURED[:40], *["unknown"] * 20], "row 41: 'unknown' is not a number, as 40 of 60 cells are; empty the cell"),
        ([*MANY, *["unknown"] * 900], r"row 1101: 'unknown' is not a number, as 1,100 of 2,000 cells are"),
        ([*MEASURED[:20], *["NA"] * 39, "low"], "row 60: 'low' is not a number, as 20 of 60 cells are"),
        (
            [text.replace(".", ",") for text in MEASURED],
            "row 1: '0,0000' is written with a comma, as 60 of 60 cells are; write numbers plainly",
        ),
        (["", "1,5", "2,5", "NA"] * 15, "row 2: '1,5' is written with a comma, as 30 of 45 cells are"),
        (["12", "1,250.5", "980"] * 20, "row 2: '1,250.5' is written with a comma, as 20 of 60 cells are"),
        (["12", "1.250,5", "980"] * 20, "row 2: '1.250,5' is written with a comma"),
    ],
)
def test_numbers_with_something_else_among_them_are_refused_with_a_remedy(tmp_path: Path, cells: list[str], why: str) -> None:
    with pytest.raises(InputError, match=f"column 'a', {why}.*say --categorical or --drop"):
        table(tmp_path / "t.csv", cells)
    assert table(tmp_path / "t.csv", cells, drop=("a",)).dropped == {"a": "by --drop"}


def test_a_handful_of_labels_may_be_numbers_for_the_most_part(tmp_path: Path) -> None:
    assert table(tmp_path / "t.csv", ["1", "2", "3", "G"] * 15).schema.features[1].categories == ("1", "2", "3", "G")


@pytest.mark.parametrize("spoilt", ["unknown", "3,5"])
def test_a_label_that_was_measured_is_not_taken_for_classes(tmp_path: Path, spoilt: str) -> None:
    (path := tmp_path / "t.csv").write_text("\n".join(["a,y", *(f'{i},"{t}"' for i, t in enumerate([*MEASURED, spoilt])), ""]))
    with pytest.raises(InputError, match=f"column 'y', row 61: '{spoilt}' .*say --objective multiclass"):
        read_table(path, "t", Wanted("y"), silent)


def test_cells_that_arrow_does_not_cast_are_read_beside_missing_ones(tmp_path: Path) -> None:
    found = table(tmp_path / "t.csv", ["+1.5", "NA", "", "2"] * 15).x[:4, 1].tolist()
    assert found[0] == 1.5
    assert math.isnan(found[1])
    assert math.isnan(found[2])
    assert found[3] == 2
