"""The commands of scenarios: which stories there are, and one of them told and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.cli_options import FormatOption, console, finite, say
from apps.settings import from_environment

scenario_app = typer.Typer(help="Stories with a stated outcome, played on a real system of their own and judged.", no_args_is_help=True)


def _names() -> list[str]:
    from apps import scenario_list

    return scenario_list.names()


@scenario_app.command("list")
def scenario_list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON on standard output.")] = False,
) -> None:
    """List the stories: domain, what is expected to hold at the end, how long it takes, how the last run here ended."""
    from apps import scenario_table

    scenario_table.command(from_environment(), as_json=as_json, console=console)


@scenario_app.command("run")
def scenario_run_command(
    name: Annotated[
        str, typer.Argument(help="Which story, as `polyscore scenario list` names it, or a Python file with one.", autocompletion=_names)
    ],
    seed: Annotated[int, typer.Option(help="The same seed gives the same events, and plants the same things in them.")] = 1,
    speed: Annotated[
        float | None, typer.Option(help="Simulated seconds a second. Default: the story's own.", min=0.001, callback=finite)
    ] = None,
    model_format: FormatOption = "pmml",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the result. Default: .polyscore/scenarios/NAME-TIME.")] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="Run the story's system in this empty folder, and keep it. Default: one that is deleted.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Play one story on a broker, a scorer and a database of its own, and judge it.

    Exits with 0 for PASS, 1 for FAIL, 2 where it could not be run, 130 where it was stopped.
    """
    from apps import scenario_list
    from apps.errors import InputError

    try:
        story = scenario_list.find(name)
        from apps import scenario_result, scenario_run

        options = scenario_run.Options(seed, speed, model_format, out, home)
        result = scenario_run.command(from_environment(), story, options, console)
    except InputError as error:
        say(f"error {error}")
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(scenario_result.as_json(result))
    raise typer.Exit(scenario_result.STATUS[result.verdict])
