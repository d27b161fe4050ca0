"""What a person sees of a command: lines as they are, and how far long work has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much in all (0: nobody knows)

_FEW = 10


def say(console: Console, text: str, style: str = "") -> None:
    """One line. Brackets in it are no markup, and only the terminal wraps it: a log keeps it whole."""
    console.print(Text(text, style), soft_wrap=True)


def milliseconds(value: float | None) -> str:
    """A latency, or a dash where none was measured."""
    return "-" if value is None else f"{value:.1f} ms"


@contextmanager
def progress(console: Console) -> Iterator[Progress]:
    """Bars on a terminal, one for each thing that is done; lines elsewhere. Nothing is shown before something is told."""
    if not console.is_interactive:
        yield Lines(lambda text: say(console, text))
        return
    bars = _Bars(console)
    try:
        yield bars
    finally:
        bars.stop()


class Lines:
    """A line when something begins, and at every quarter of it; each one of a few."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told = ("", 0)

    def __call__(self, what: str, done: int, total: int) -> None:
        step = (done if total <= _FEW else 4 * done // total) if total else 0
        if (what, step) != self._told:
            self._told = (what, step)
            self._say(f"{what}: {done:,} of {total:,}" if total else what)


class _Bars:
    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), _Amount(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bars = RichProgress(*columns, console=console)
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._bars.start()
            self._tasks[what] = self._bars.add_task(what, total=None)
        self._bars.update(self._tasks[what], completed=done, total=total or None)

    def stop(self) -> None:
        if self._tasks:
            self._bars.stop()


class _Amount(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:,.0f}/{task.total:,.0f}")
