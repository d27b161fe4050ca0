"""The commands that look at the system: what works here, what runs, what passes through a topic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from apps.cli_options import LOOKING, console, say, seconds
from apps.settings import from_environment

system_app = typer.Typer()


def _topics() -> Iterator[str]:
    from apps import tail

    return tail.names()


@system_app.command(rich_help_panel=LOOKING)
def doctor() -> None:
    """Say what works here and what does not, with the remedy; exits with 1 where something is wrong. Starts and changes nothing."""
    from apps import doctor as process

    raise typer.Exit(0 if process.command(from_environment(), console) else 1)


@system_app.command(rich_help_panel=LOOKING)
def status(as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON on standard output.")] = False) -> None:
    """Show the running system: Kafka, processes, and of each domain who decides, counts, lag and latency."""
    from apps import status as process

    process.command(from_environment(), console, as_json=as_json)


@system_app.command(rich_help_panel=LOOKING)
def tail(
    topic: Annotated[str, typer.Argument(help="The topic, such as fraud.decisions.", autocompletion=_topics)],
    last: Annotated[int, typer.Option("--last", "-n", help="Show so many of each partition that are there already.", min=0)] = 0,
    duration: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, such as 10s, 5m or 1h.")] = None,
) -> None:
    """Show a topic's messages as they come, one a line on standard output, card numbers masked. Ctrl-C ends it."""
    from apps import tail as process
    from apps.process import stoppable

    with stoppable() as stop:
        shown = process.run(from_environment(), topic, last, seconds(duration), stop=stop, show=lambda line: print(line, flush=True))
    say(f"{shown:,} messages")
