"""What the commands share: the terminal, and the options and arguments that several of them have."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from apps import terminal
from apps.settings import Guarantee, Settings, from_environment
from domain.registry import DOMAINS
from exports.formats import FORMATS

_Done = TypeVar("_Done")
console = Console(stderr=True, highlight=False, markup=False)


# The headings under which `polyscore --help` lists its commands.
FILES = "Files: a model leaves Python"
MODELS = "Models"
STREAM = "The stream"
LOOP = "The loop"
LOOKING = "Looking at what runs"


class GuaranteeName(StrEnum):
    """What holds when a process dies."""

    exactly_once = "exactly-once"
    at_least_once = "at-least-once"


def one_of(names: Collection[str]) -> Callable[[str], str]:
    """Refuses what is not one of these names."""

    def check(value: str) -> str:
        if value is not None and value not in names:  # an argument that may be left out
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(names)}")
        return value

    return check


def begin(settings: Settings, what: str) -> None:
    """Say what a process that runs on does. Raises ``BrokerError`` instead, where no Kafka is known."""
    from apps.kafka import bootstrap

    bootstrap(settings)
    say(f"{what}; Ctrl-C stops")


def run_on(what: str, work: Callable[[Settings, Event], _Done]) -> _Done | None:
    """Say what is done, and do it until Ctrl-C, anew where Kafka was away. Returns and raises as ``process.again``."""
    from apps.process import again, stoppable

    settings = from_environment()
    begin(settings, what)
    with stoppable() as stop:
        return again(lambda: work(settings, stop), stop)


def finite(value: float | None) -> float | None:
    """Refuses "nan" and "inf", which pass every bound."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number that one can wait by")
    return value


def _separator(text: str) -> str:
    """One character of ASCII that no CSV uses otherwise; ``\\t`` is a tab."""
    found = "\t" if text == "\\t" else text
    if len(found) != 1 or not found.isascii() or found in '"\r\n\0':
        raise typer.BadParameter(f"{text!r} is not one character that can stand between columns; \\t is a tab")
    return found


_WHICH = f"Which domain: {', '.join(DOMAINS)}. Or a table of your own, by its name."
DomainArgument = Annotated[str, typer.Argument(help=_WHICH, callback=one_of(DOMAINS), autocompletion=lambda: list(DOMAINS))]
DomainOrNone = Annotated[str | None, typer.Argument(help=_WHICH, callback=one_of(DOMAINS), autocompletion=lambda: list(DOMAINS))]
MoreFiles = Annotated[list[Path] | None, typer.Argument(help="More files: what a shell makes of `--data *.parquet`.", show_default=False)]
ModelOption = Annotated[
    Path | None, typer.Option("--model", help="A bundle's folder. Default: the champion; without one, the newest trained here.")
]
PinnedOption = Annotated[
    Path | None, typer.Option("--model", help="Score with this bundle's folder only, whatever is announced. Default: the announced models.")
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="Which of the bundle's artifacts does the scoring.",
        metavar=f"[{'|'.join(FORMATS)}]",
        callback=one_of(FORMATS),
        autocompletion=lambda: list(FORMATS),
    ),
]
SeparatorOption = Annotated[
    str, typer.Option(help="What stands between the columns of a CSV: one character, \\t for a tab.", callback=_separator)
]
GuaranteeOption = Annotated[
    GuaranteeName | None, typer.Option(help="What holds when a process dies. Default: POLYSCORE_GUARANTEE, else at-least-once.")
]

VersionArgument = Annotated[str, typer.Argument(help="A version of the domain's model, as `polyscore models list` names it.")]
WhyOption = Annotated[str, typer.Option(help="The reason, kept with the version's history.")]


def say(text: str) -> None:
    """Tell the person at the terminal what is happening."""
    terminal.say(console, text)


def guarantee_of(chosen: GuaranteeName | None, settings: Settings) -> Guarantee:
    if chosen is None:
        return settings.guarantee
    return "exactly-once" if chosen is GuaranteeName.exactly_once else "at-least-once"


def seconds(text: str | None, option: str = "--for") -> float | None:
    """``90``, ``60s``, ``5m`` or ``1h`` as seconds."""
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise typer.BadParameter(f"{text!r} is not a time; write 60s, 5m or 1h", param_hint=option)
    return value
