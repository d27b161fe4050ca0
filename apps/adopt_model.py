"""`polyscore adopt`: a LightGBM file of one's own as a proven bundle, which a stream takes as it takes a table's."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from apps.errors import InputError
from apps.settings import Settings
from apps.terminal import say
from apps.train import check_writable, tell_unproven
from apps.train_table import join, name_for
from exports import files
from models import adopted
from models import bundle as bundles
from models.adopted import Told


def command(settings: Settings, model: Path, name: str | None, told: Told, *, console: Console) -> Path:
    """Write the bundle below ``bundles/<name>`` (default: the file's stem) and announce it; returns its path.

    Raises ``InputError``, or as ``models.adopted.adopt``.
    """
    if not 0 <= told.threshold <= 1:
        raise InputError(f"--threshold {told.threshold}: give a probability, from 0 to 1")
    called = name_for(model, name)
    folder = settings.bundles / called
    text = files.text(model)
    check_writable(folder)
    made = adopted.adopt(text, called, model.name, told, folder, datetime.now(UTC))
    found = bundles.load_bundle(made)
    say(console, f"model {made.name} written to {made}: {found.manifest['objective']}, {len(found.schema)} features")
    tell_unproven(found, console)
    join(settings, found, console)
    return made
