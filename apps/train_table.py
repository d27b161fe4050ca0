"""`polyscore train --csv`: any table in, a proven bundle out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Shown

from apps import own
from apps.announce import announce
from apps.csv_training import Wanted, read_table
from apps.errors import InputError
from apps.settings import Settings
from apps.terminal import progress, say
from apps.train import check_writable, tell_unproven
from domain.registry import DOMAINS
from models import bundle as bundles
from models import table_domain, table_findings
from models.table import Table
from models.table_splits import Protocol
from models.table_training import train


def command(
    settings: Settings, path: Path, name: str | None, wanted: Wanted, protocol: Protocol, kept: frozenset[str], *, console: Console
) -> Path:
    """Train on ``path`` and write a bundle below ``bundles/<name>`` (default: the file's stem).

    Raises ``InputError`` or ``ModelError``, naming the column that cannot be used.
    """
    if wanted.time is not None and wanted.group is not None:
        raise InputError("--time and --group: give one of them")
    if wanted.group is not None and protocol.test_last is not None:
        raise InputError("--group and --test-last: give one of them")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a CSV file")
    called = name_for(Path(path.stem) if path.suffix == ".gz" else path, name)
    folder = settings.bundles / called
    check_writable(folder)
    with progress(console) as told:
        table = read_table(path, called, wanted, told)
        table_findings.check_label(table)
        table = table.without(table_findings.useless(table, kept))
        _tell(table, console)
        made = train(table, protocol, path.name, folder, told)
    say(console, f"model {made.name} written to {made}")
    found = bundles.load_bundle(made)
    tell_unproven(found, console)
    _show(found.report, console)
    join(settings, found, console)
    return made


def join(settings: Settings, found: bundles.Bundle, console: Console) -> None:
    """The new bundle's table becomes a domain, and its model is announced; what keeps it from a stream is said."""
    own.adopt(settings, partial(_warn, console))
    name = found.manifest["domain"]
    if name in DOMAINS:
        announce(settings, found, console)
        say(console, f"`polyscore stream {name}` scores the topic {DOMAINS[name].events_topic} with it")


def name_for(path: Path, name: str | None) -> str:
    """What to call a table, whose topics begin with it. Raises ``InputError``."""
    called = path.stem if name is None else name
    if not table_domain.NAME.fullmatch(called):
        raise InputError(f"--name {called!r}: give a name of at most 64 letters, digits, dots, dashes and underscores")
    if called in DOMAINS.built_in:
        raise InputError(f"--name {called}: is a domain's; name the table otherwise")
    if other := table_domain.clash(called, (known for known in DOMAINS if known != called)):
        raise InputError(f"--name {called}: Kafka cannot tell its topics from those of {other}; name the table otherwise")
    return called


def _tell(table: Table, console: Console) -> None:
    """What the table was taken for, and what looks wrong with it."""
    labelled = f"; the model gives the probability of {table.classes[1]!r}" if table.objective == "binary" else ""
    categorical = len(table.schema.categorical_indices)
    columns = f"{len(table.schema) - categorical} columns of numbers, {categorical} of labels"
    say(console, f"{len(table):,} rows, {columns}; {table.objective} on {table.label!r}{labelled}")
    for name, why in table.dropped.items():
        say(console, f"left out {name!r}: {why}")
    for name in (name for name in table.schema.names if name in table.missing):
        say(console, f"{name!r}: {table.missing[name]}")
    for name in table_domain.reserved(table.schema.names):
        _warn(console, f"{name!r} is what a row on a stream says of itself: rename the column, or --drop it, if this is to be streamed")
    for name, why in table_findings.leaks(table).items():
        _warn(console, f"{name!r} looks as if it gave the label away ({why}); if it is known only with the label, --drop it")
    for name, rows in table_findings.nearly_constant(table).items():
        _warn(console, f"{name!r} is nearly constant: {rows:,} of {len(table):,} rows hold another value")
    if repeated := table_findings.duplicates(table):
        _warn(console, f"{repeated:,} duplicate rows: where they are parted into training and test, the metrics flatter")


def _warn(console: Console, text: str) -> None:
    say(console, f"warning: {text}", "yellow")


def _show(report: dict[str, Any], console: Console) -> None:
    protocol = report["protocol"]
    say(console, f"judged {protocol['method']}, folds: {protocol['folds']}")
    shown = Shown("metric", "mean", "spread over folds", "every row alike", box=None)
    for name, m in report["metrics"].items():
        alike = report["baselines"]["the same answer always"][name]["mean"]
        shown.add_row(name.replace("_", " "), _figure(m["mean"]), f"{_figure(m['min'])} to {_figure(m['max'])}", _figure(alike))
    console.print(shown)


def _figure(value: float) -> str:
    """Four digits behind the point or, of what is large or small, four in all."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3e}"
