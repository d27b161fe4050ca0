"""`polyscore verify`: does every artifact give LightGBM's answer? Compares them row by row and writes the report."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from apps.errors import InputError
from apps.out_file import written
from apps.table import read_rows
from domain.schema import FeatureSchema
from exports import files, lightgbm_text, parity, recognise
from exports.formats import FORMATS
from exports.judges import JUDGES
from exports.scorer import Scorer

Matrix = NDArray[np.float64]


def command(
    model: Path, artifacts: Sequence[Path], data: str | None, out: Path | None, *, judged: bool, dropped: Sequence[str], console: Console
) -> bool:
    """Compare with LightGBM: the named artifacts, those beside the model in its folder, or, for a lone file, fresh exports of it.

    Returns whether all that could be compared passed. Raises ``InputError`` or ``ExportError``.
    """
    text = lightgbm_text.parse(files.text(_text_file(model)), model.name)
    rows = None if data is None else np.concatenate([np.empty((0, len(text.schema))), *read_rows(data, text.schema, dropped)])
    with tempfile.TemporaryDirectory(prefix="polyscore-verify-") as folder:
        places = _places(model, artifacts)
        found: dict[str, Callable[[], Path]] = (
            {name: partial(_there, path) for name, path in places.items()}
            if places
            else {f.name: partial(f.export, text, text.schema, Path(folder) / f.file_name) for f in FORMATS.values()}
        )
        report = _verify(text, found, rows, judged=judged, console=console)
    console.print(table(report))
    _tell(report, console)
    if out is not None:
        _write(report, out)
    return report.passed


def _text_file(model: Path) -> Path:
    return model / FORMATS["native"].file_name if model.is_dir() else model


def _places(model: Path, artifacts: Sequence[Path]) -> dict[str, Path]:
    """The artifacts by format. Raises ``InputError`` where two are of one format."""
    if not artifacts and model.is_dir():
        return {f.name: model / f.file_name for f in FORMATS.values() if (model / f.file_name).exists()}
    found: dict[str, Path] = {}
    for path in artifacts:
        name = recognise.recognise(path).name
        if name in found:
            raise InputError(f"{path}: a second {name} beside {found[name]}; verify them one after the other")
        found[name] = path
    return found


def _there(path: Path) -> Path:
    return path


def _verify(
    text: lightgbm_text.TextModel, found: dict[str, Callable[[], Path]], rows: Matrix | None, *, judged: bool, console: Console
) -> parity.Report:
    scorers: dict[str, Callable[[], Scorer]] = {name: partial(_load, name, place) for name, place in found.items()}
    judges = {j.name: partial(_judge, j.name, found[j.format], text.schema) for j in JUDGES.values() if judged and j.format in found}
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("comparing", total=len(scorers) + len(judges))

        def next_one(name: str) -> None:
            bar.update(task, description=f"comparing {name}", advance=1)

        return parity.verify(text, text.schema, scorers, judges, rows, next_one)


def _load(name: str, place: Callable[[], Path]) -> Scorer:
    return FORMATS[name].load(place())


def _judge(name: str, place: Callable[[], Path], schema: FeatureSchema) -> Callable[[Matrix], Matrix]:
    return JUDGES[name].load(place(), schema)


def table(report: parity.Report) -> Table:
    """The report as a table to read."""
    found = Table(box=None, pad_edge=False)
    for heading in ("scorer", "outcome", "rows", "raw bits equal", "raw, ulps", "value, ulps", "value, difference"):
        found.add_column(heading.replace(" ", "\n"), no_wrap=True)
    for c in report.comparisons:
        equal = "" if c.equal is None else f"{c.equal:,}"
        numbers = ["" if v is None else f"{v:g}" for v in (c.raw_ulps, c.value_ulps, c.value_difference)]
        style = {"passed": "green", "failed": "bold red"}.get(c.outcome, "yellow")
        found.add_row(c.name, Text(c.outcome, style), f"{c.rows:,}" if c.rows else "", equal, *numbers)
    return found


def _tell(report: parity.Report, console: Console) -> None:
    """Why something was not compared, and the worst row of what failed."""
    for c in report.comparisons:
        if c.reason:
            console.print(f"{c.name}: {c.reason}", markup=False, soft_wrap=True)
        if c.outcome == "failed" and c.worst is not None:
            worst = c.worst
            console.print(
                f"{c.name}: LightGBM says {worst['lightgbm']}, it says {worst['got']} for {worst['row']}", markup=False, soft_wrap=True
            )
    rows = f"{report.given:,} rows given and {report.made:,} made for this model"
    failed = any(c.outcome == "failed" for c in report.comparisons)
    said = "every answer is LightGBM's" if report.passed else "not the same answers" if failed else "nothing could be compared"
    console.print(f"{said}: {rows}", markup=False)


def _write(report: parity.Report, out: Path) -> None:
    with written(out) as file:
        file.write(json.dumps(report.to_json(), indent=2, allow_nan=False) + "\n")
