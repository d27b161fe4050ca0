"""The command that takes in a model of one's own. (A table of one's own is `train --csv`'s.)"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.cli_options import MODELS, console, finite
from apps.settings import from_environment

own_app = typer.Typer()


@own_app.command(rich_help_panel=MODELS)
def adopt(
    model: Annotated[Path, typer.Argument(help="A LightGBM text file, as Booster.save_model writes it.")],
    name: Annotated[str | None, typer.Option(help="What to call it; its topics begin so. Default: the file's name.")] = None,
    label: Annotated[str, typer.Option(help="What the model predicts, in a word.")] = "label",
    classes: Annotated[str, typer.Option(help="Names of the model's classes 0, 1, ..., with commas between. Default: the numbers.")] = "",
    threshold: Annotated[
        float,
        typer.Option(help="Of two classes: the probability of the second from which on a row is flagged.", min=0, max=1, callback=finite),
    ] = 0.5,
) -> None:
    """Take in a LightGBM file of your own: a bundle with every format and its proof, ready for a stream."""
    from apps import adopt_model as process
    from models.adopted import Told

    named = tuple(part.strip() for part in classes.split(",")) if classes else ()
    process.command(from_environment(), model, name, Told(label, named, threshold), console=console)
