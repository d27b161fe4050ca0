"""`polyscore train` and `evaluate`: history in, a bundle or a report out; a new bundle is announced on the topic `models`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Producer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from apps.errors import BrokerError
from apps.kafka import producer_config
from apps.settings import Settings
from apps.simulate import LIVE
from apps.topics import MODELS
from domain.registry import DOMAINS
from models import bundle as bundles
from models import evaluation, handbook
from models.errors import BundleError
from models.train import Say, train


def command(settings: Settings, domain_name: str, data: list[Path], *, seed: int, days: int, console: Console) -> Path:
    """Train, write a bundle below the settings' folder, announce it, and show what it is worth."""
    domain = DOMAINS[domain_name]
    if data:
        history, source = handbook.emissions(data), ", ".join(path.name for path in data)
    else:
        # Another history of the same customers and terminals, which ends where the live simulation begins.
        history, source = domain.simulate(seed, LIVE - timedelta(days=days), days=days), f"simulated, seed {seed}, {days} days"
    with _working(console, f"training {domain.title.lower()}") as say:
        folder = train(domain, history, source, settings.bundles / domain.name, say=say)
    console.print(f"model {folder.name} written to {folder}")
    _show(bundles.load_bundle(folder).report, console)
    announce(settings, folder, console)
    return folder


def ensure(settings: Settings, domain_name: str, *, console: Console) -> Path:
    """The newest bundle that fits this code's features; one is trained where there is none."""
    domain = DOMAINS[domain_name]
    try:
        found = bundles.latest(settings.bundles / domain_name)
        if bundles.load_bundle(found).schema.digest == domain.schema.digest:
            console.print(f"model {found.name} was trained before")
            announce(settings, found, console)
            return found
        console.print(f"model {found.name} has other features than this code computes")
    except BundleError as error:
        console.print(str(error))
    return command(settings, domain_name, [], seed=7, days=60, console=console)


def announce(settings: Settings, folder: Path, console: Console) -> None:
    """Tell the topic `models` of a bundle; without a Kafka it is announced by the next start."""
    found = bundles.load_bundle(folder)
    manifest = found.manifest
    fields = {"domain": manifest["domain"], "version": found.version, "created": manifest["created"]}
    try:
        producer = Producer({**producer_config(settings), "log_level": 0})  # what goes wrong is said below
    except BrokerError:
        console.print("no Kafka runs here, so the model was not announced; the next start of a demo does it")
        return
    producer.produce(
        MODELS, orjson.dumps({**fields, "manifest": manifest, "report": found.report}), f"{manifest['domain']}/{found.version}"
    )
    if producer.flush(20):
        console.print("Kafka did not take the announcement of the model; `polyscore setup fraud` repeats it")


def evaluate(domain_name: str, data: list[Path], json_file: Path | None, *, console: Console) -> dict[str, Any]:
    """Judge the recipe on recorded history and show the report."""
    with _working(console, "judging") as say:
        report = evaluation.evaluate(DOMAINS[domain_name], handbook.emissions(data), say)
    _show(report, console)
    if json_file:
        json_file.write_text(json.dumps(report, indent=2) + "\n")
    return report


@contextmanager
def _working(console: Console, title: str) -> Iterator[Say]:
    """A line that moves while something long runs, and says what it does."""
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task(title, total=None)
        yield lambda text: progress.update(task, description=f"{title}: {text}")


def _show(report: dict[str, Any], console: Console) -> None:
    table = Table("metric", "mean", "spread over folds", box=None)
    for name, m in report["metrics"].items():
        table.add_row(name.replace("_", " "), f"{m['mean']:.4f}", f"{m['min']:.4f} to {m['max']:.4f}")
    table.add_row("best single rule, average precision", f"{report['single_rule']['mean']:.4f}", "")
    console.print(table)
