"""The commands that train and judge models."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from apps.cli_options import MODELS, DomainArgument, DomainOrNone, MoreFiles, SeparatorOption, console, one_of
from apps.settings import from_environment
from domain.registry import DOMAINS

training_app = typer.Typer()


class _ColumnsBehind(TyperCommand):
    """Takes the words behind ``--drop A`` for columns too: ``--drop A B C``. Beside ``--csv`` there is nothing else that they could be."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _repeated(args) if any(word.split("=")[0] == "--csv" for word in args) else args)


def _repeated(words: list[str]) -> list[str]:
    """The words with an option of several columns before each of its columns."""
    found, option, valued = list[str](), "", True
    for word in words:
        if word.startswith("-") and valued:
            option, equals, _ = word.partition("=")
            valued = bool(equals) or option not in _OF_COLUMNS
            option = option if option in _OF_COLUMNS else ""
        elif option and valued:
            found.append(option)
        else:
            valued = True
        found.append(word)
    return found


_OF_COLUMNS = ("--drop", "--categorical", "--keep")
_OF_A_DOMAIN = ("data", "more", "days")
_OF_A_TABLE = ("label", "objective", "time", "group", "test_last", "drop", "categorical", "keep", "separator", "name")


def _refuse(context: typer.Context, names: Collection[str], why: str) -> None:
    """Refuses options that were given, at whatever value, where they say nothing."""
    sources = {p.name: context.get_parameter_source(p.name) for p in context.command.params if p.name in names}
    given = [p.opts[0] for p in context.command.params if (source := sources.get(p.name)) and source.name != "DEFAULT"]
    if given:
        raise typer.BadParameter(f"{', '.join(given)}: {why}")


@training_app.command(cls=_ColumnsBehind, rich_help_panel=MODELS)
def train(  # noqa: PLR0913  # its arguments are options
    context: typer.Context,
    domain: DomainOrNone = None,
    data: Annotated[list[Path] | None, typer.Option("--data", help="Recorded history to train on. Default: simulated history.")] = None,
    more: MoreFiles = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated history, of the training, and of a table's folds.")] = 7,
    days: Annotated[int | None, typer.Option(help="Days of simulated history. Default: what the domain's protocol needs.", min=1)] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="A table of your own (CSV), instead of a domain.")] = None,
    label: Annotated[str | None, typer.Option(help="The table's column to predict.")] = None,
    objective: Annotated[str | None, typer.Option(help="binary, multiclass or regression. Default: told from the label.")] = None,
    time: Annotated[str | None, typer.Option(help="A column of times: models are judged on rows later than those they saw.")] = None,
    group: Annotated[str | None, typer.Option(help="A column that says which rows belong together: none is parted.")] = None,
    test_last: Annotated[int | None, typer.Option(help="Judge on so many last rows, by --time or as they stand.", min=1)] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Columns to leave out.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="Columns whose numbers are labels.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="Columns that look like an id and are none.")] = None,
    separator: SeparatorOption = ",",
    name: Annotated[str | None, typer.Option(help="What to call the table's model. Default: the file's name.")] = None,
) -> None:
    """Train a model on a domain's history, or on a table of your own; writes a bundle with every format and a report."""
    if (domain is None) == (table is None):
        raise typer.BadParameter(f"give either a domain ({', '.join(DOMAINS)}) or a table with --csv FILE --label COLUMN")
    settings = from_environment()
    if domain is not None:
        from apps import train as process

        _refuse(context, _OF_A_TABLE, "for a table (--csv), not for a domain")
        process.command(settings, domain, [*(data or []), *(more or [])], seed=seed, days=days, console=console)
        return
    from apps import csv_training, train_table
    from models.table_splits import Protocol

    _refuse(context, _OF_A_DOMAIN, "for a domain, not for a table (--csv)")
    if table is None or label is None:
        raise typer.BadParameter("--csv needs --label COLUMN, the column to predict")
    wanted = csv_training.Wanted(label, objective, time, group, tuple(drop or ()), tuple(categorical or ()), separator)
    train_table.command(settings, table, name, wanted, Protocol(test_last, seed), frozenset(keep or ()), console=console)


@training_app.command(rich_help_panel=MODELS)
def evaluate(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="Recorded history: files or a folder; may be given several times.")],
    more: MoreFiles = None,
    split: Annotated[
        str | None, typer.Option(help="Part by time or by key, where the data allows both.", callback=one_of(("time", "key")))
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Judge on this file instead: the test file of C-MAPSS.")] = None,
    rul: Annotated[Path | None, typer.Option("--rul", help="What the test file's engines had left: the RUL file of C-MAPSS.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here as well.")] = None,
) -> None:
    """Judge the training recipe on recorded history, as the domain's benchmark does."""
    from apps import train as process
    from models.recorded import Question

    chosen: Any = split
    process.evaluate(domain, Question([*data, *(more or [])], chosen, test, rul), json_file, console=console)
