"""The commands that make artifacts of a model, look at them, prove them, and score with them, without a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.cli_options import FILES, SeparatorOption, console, say
from apps.settings import from_environment
from exports.formats import FORMATS

artifacts_app = typer.Typer()
ArtifactArgument = Annotated[
    Path, typer.Argument(help="A model as a file: LightGBM text, PMML, PFA, ONNX, C or remote; told by its ending or beginning.")
]
DropOption = Annotated[list[str] | None, typer.Option("--drop", help="A column to leave out; may be given several times.")]


@artifacts_app.command(rich_help_panel=FILES)
def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A LightGBM text model, a bundle's folder, or a domain's or table's name. Default: the newest bundle of fraud."
        ),
    ] = None,
    as_option: Annotated[Path | None, typer.Option("--model", hidden=True, help="The same, as it was called before.")] = None,
    to: Annotated[str, typer.Option(help="Formats, separated by commas.")] = ",".join(FORMATS),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("out"),
) -> None:
    """Write a model as files that stand alone, one for each format. Takes your own LightGBM text file, or a bundle."""
    from apps import export as process

    if model and as_option:
        raise typer.BadParameter(f"{model} and --model {as_option}: name one model")
    process.command(from_environment(), model or as_option, to.split(","), out, say=say)


@artifacts_app.command(rich_help_panel=FILES)
def score(
    artifact: ArtifactArgument,
    rows: Annotated[
        str, typer.Argument(help="A table: CSV, gzipped or not, parquet, or - for CSV on standard input. Columns are matched by name.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write to. Default: standard output.")] = None,
    drop: DropOption = None,
    separator: SeparatorOption = ",",
) -> None:
    """Score a table with an artifact of any format: a line of raw and linked scores for each row, to the last bit."""
    from apps import score as process

    done = process.command(artifact, rows, out, dropped=drop or [], separator=separator, console=console)
    say(f"{done:,} rows scored" + (f"; {out}" if out else ""))


@artifacts_app.command(rich_help_panel=FILES)
def inspect(artifact: ArtifactArgument) -> None:
    """Show what an artifact of any format holds: features, labels, trees, link, hashes."""
    from apps import inspect as process

    process.command(artifact, console)


@artifacts_app.command(rich_help_panel=FILES)
def verify(
    model: Annotated[Path, typer.Argument(help="A LightGBM text model, or a folder with one: a bundle, or what export wrote.")],
    artifacts: Annotated[
        list[Path] | None, typer.Argument(help="Artifacts to compare. Default: those in the folder; for a lone model, fresh exports.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="A table of rows to compare on, beside those made for the model.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the report here as JSON.")] = None,
    judges: Annotated[bool, typer.Option(help="Ask independent engines too.")] = True,
    drop: DropOption = None,
) -> None:
    """Prove that artifacts give LightGBM's answer: on your rows, and on rows that stand on every split. Exits with 1 if one does not."""
    from apps import verify as process

    passed = process.command(model, artifacts or [], data, out, judged=judges, dropped=drop or [], console=console)
    raise typer.Exit(0 if passed else 1)


@artifacts_app.command(rich_help_panel=FILES)
def serve(
    artifacts: Annotated[list[Path], typer.Argument(help="Artifacts to serve, each under a name made of its model's digest.")],
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on; leave it unless something in front checks who comes.")] = "127.0.0.1",
) -> None:
    """Put artifacts behind a server that speaks the Open Inference Protocol v2. POLYSCORE_API_KEY sets a key to ask for."""
    from apps import serve as process

    key = from_environment().api_key.get_secret_value()
    process.command(artifacts, host=host, port=port, api_key=key, say=say)
