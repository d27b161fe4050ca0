"""`polyscore train` and `evaluate`: history in, a bundle or a report out; a new bundle is announced on the topic `models`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from apps.announce import announce
from apps.errors import InputError
from apps.settings import Settings
from apps.simulate import LIVE
from apps.terminal import Progress, progress, say
from domain.contract import Domain, Emission
from domain.registry import DOMAINS
from models import bundle as bundles
from models.dataset import counted
from models.recorded import Question, recording
from models.train import train


def command(settings: Settings, domain_name: str, data: list[Path], *, seed: int, days: int | None, console: Console) -> Path:
    """Train, write a bundle below the settings' folder, announce it, and show what it is worth.

    Raises ``InputError`` where the folder cannot be written, ``ModelError`` for history that is of no use.
    """
    domain, bundle_folder = DOMAINS[domain_name], settings.bundles / domain_name
    check_writable(bundle_folder)
    say(console, f"training {domain.title.lower()}")
    with progress(console) as told:
        if data:
            history, source = _recorded(data, domain, told), ", ".join(path.name for path in data)
        else:
            days = days or domain.learning().history_days
            history, source = _simulated(domain, seed, days, told), f"simulated, seed {seed}, {days} days"
        folder = train(domain, history, source, bundle_folder, progress=told)
    say(console, f"model {folder.name} written to {folder}")
    made = bundles.load_bundle(folder)
    tell_unproven(made, console)
    _show(made.report, console)
    announce(settings, made, console)
    return folder


def tell_unproven(bundle: bundles.Bundle, console: Console) -> None:
    """The formats that were written and not compared with LightGBM here, because nothing is here that scores them."""
    for found in bundle.parity["comparisons"]:
        if found["outcome"] != "passed":
            say(console, f"{found['name']} is in the bundle and will be proven where it is first scored: {found['reason']}")


def check_writable(folder: Path) -> None:
    """Before the work, not after it. Raises ``InputError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = "mend the rights there, or set POLYSCORE_HOME to another folder"
        raise InputError(f"{folder}: {error.strerror}; models are written there: {fix}") from None


def _simulated(domain: Domain, seed: int, days: int, told: Progress) -> Iterator[Emission]:
    """A history of the simulated world, which ends where the live simulation begins."""
    start = LIVE - timedelta(days=days)
    shown = -1
    for emission in domain.simulate(seed, start, days=days):
        if (day := (emission.at - start).days) != shown:
            told("simulating days", shown := day, days)
        yield emission
    told("simulating days", days, days)


def _recorded(data: list[Path], domain: Domain, told: Progress) -> Iterator[Emission]:
    known = recording(domain)
    return counted(known.emissions(data), f"reading {domain.events_name}", known.count(data), told)


def evaluate(domain_name: str, question: Question, json_file: Path | None, *, console: Console) -> dict[str, Any]:
    """Judge the recipe on recorded history and show the report. Raises ``InputError`` where ``json_file`` cannot be written."""
    domain = DOMAINS[domain_name]
    if json_file and not json_file.parent.is_dir():
        raise InputError(f"{json_file}: there is no folder {json_file.parent}; make it, or name another file with --json")
    with progress(console) as told:
        report = recording(domain).evaluate(domain, question, told)
    _show(report, console)
    if json_file:
        try:
            json_file.write_text(json.dumps(report, indent=2) + "\n")
        except OSError as error:
            raise InputError(f"{json_file}: {error.strerror}; name another file with --json") from None
    return report


def _show(report: dict[str, Any], console: Console) -> None:
    """The metrics of a report with folds, and those to be beaten; of a report without, its numbers."""
    table = Table("metric", "mean", "lowest to highest", box=None, show_header="metrics" in report)
    for name, m in report.get("metrics", {}).items():
        table.add_row(name.replace("_", " "), f"{m['mean']:.4f}", f"{m['min']:.4f} to {m['max']:.4f}")
    for name, found in report.get("baselines", {}).items():
        for metric, m in found.items():
            table.add_row(f"{name}: {metric.replace('_', ' ')}", f"{m['mean']:.4f}", f"{m['min']:.4f} to {m['max']:.4f}")
    for name, value in ({} if "metrics" in report else report).items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            table.add_row(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else f"{value:,}", "")
    console.print(table)
