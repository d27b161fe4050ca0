"""`polyscore score`: an artifact of any format, and a table in; a line of scores for each row out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from apps.out_file import written
from apps.table import read_rows
from exports import recognise
from exports.scorer import Scorer


def command(artifact: Path, rows: str, out: Path | None, *, dropped: Sequence[str], separator: str, console: Console) -> int:
    """Score a table; returns how many rows there were. Raises ``InputError`` or ``ExportError``, naming the column or the file."""
    scorer = recognise.load(artifact)
    done = 0
    with written(out) if out else nullcontext(sys.stdout) as file, _progress(console, rows) as tell:
        for number, chunk in enumerate(read_rows(rows, scorer.schema, dropped, separator)):
            if not number:  # not before the table is known to be one
                file.write(",".join(_names(scorer)) + "\n")
            file.writelines(_lines(scorer.raw_batch(chunk), scorer.score_batch(chunk)))
            done += len(chunk)
            tell(done)
    return done


def _names(scorer: Scorer) -> list[str]:
    """``raw`` and ``value``, numbered where the model has several outputs."""
    outputs = scorer.raw_batch(np.zeros((1, len(scorer.schema)))).shape[1]
    return [f"{name}_{k}" if outputs > 1 else name for name in ("raw", "value") for k in range(outputs)]


def _lines(raw: NDArray[np.float64], values: NDArray[np.float64]) -> Iterator[str]:
    """Shortest texts that read back to the same doubles."""
    return (",".join(map(repr, line)) + "\n" for line in np.hstack([raw, values]).tolist())


@contextmanager
def _progress(console: Console, rows: str) -> Iterator[Callable[[int], None]]:
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(f"scoring {rows}")
        yield lambda done: bar.update(task, description=f"scoring {rows}: {done:,} rows")
