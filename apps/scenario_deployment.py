"""Models of a scenario's system: the one that it begins with, releases of it, and one that was damaged on its way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rich.console import Console

from apps import moves, registry, train
from apps.errors import AppError
from apps.monitor import now_us
from apps.settings import Settings
from apps.terminal import say
from domain.contract import Domain
from models.bundle import load_bundle
from models.errors import BundleError, ModelError
from models.registry import Cause

_BY = "scenario"
_SIMULATED = "simulated"  # how the manifest of a model that learned from such a world names its history


def trained(settings: Settings, domain: Domain, console: Console) -> Path:
    """The newest bundle of the user's that learned from a simulated world, as a story's is; one is trained, and kept, where there is none.

    Raises ``AppError`` or ``ModelError``.
    """
    for folder in sorted((settings.bundles / domain.name).glob("[!.]*"), reverse=True):
        try:
            found = load_bundle(folder)
        except BundleError:
            continue
        if found.schema.digest == domain.schema.digest and str(found.manifest["data"].get("source", "")).startswith(_SIMULATED):
            return folder
    say(console, f"no model of {domain.title.lower()} is here yet: one is trained, once")
    alone = settings.model_copy(update={"kafka_bootstrap_servers": ""})  # a cluster that the environment names has no part in this
    return train.command(alone, domain.name, [], seed=7, days=None, console=console)


def announce(settings: Settings, domain: Domain, bundle: Path) -> None:
    """Bring the bundle to where the scorers look, and make it the champion. Raises ``BrokerError``."""
    shutil.copytree(bundle, settings.bundles / domain.name / bundle.name)
    _register(settings, domain, settings.bundles / domain.name / bundle.name)
    promote(settings, domain, bundle.name, "the first model of a scenario")


def released(settings: Settings, domain: Domain, bundle: Path, version: str) -> Path:
    """A copy of the bundle under another version, as a candidate; returns its folder."""
    folder = settings.bundles / domain.name / version
    shutil.copytree(bundle, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    _register(settings, domain, folder)
    return folder


def damage(folder: Path) -> None:
    """Every artifact of a bundle loses its last bytes, as in a copy that broke off."""
    for file in folder.iterdir():
        if file.name.startswith("model."):
            file.write_bytes(file.read_bytes()[:-64])


def promote(settings: Settings, domain: Domain, version: str, why: str) -> None:
    """Announce a champion without a look at its bundle, as a tool would that only knows the topic."""
    known = registry.read(settings, domain.name)
    registry.move(settings, known, known.promote(version, Cause(now_us(), _BY, why)))


def roll_back(settings: Settings, domain: Domain, why: str) -> None:
    """Raises ``AppError`` where there is nothing to go back to."""
    try:
        moves.rollback(settings, domain, Cause(now_us(), _BY, why))
    except ModelError as error:
        raise AppError(str(error)) from error


def _register(settings: Settings, domain: Domain, folder: Path) -> None:
    found = load_bundle(folder)
    version = registry.candidate(found, now_us(), _BY, "a scenario's")
    registry.enter(settings, registry.read(settings, domain.name).register(version))
