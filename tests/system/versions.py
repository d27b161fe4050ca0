"""Versions of the fraud model for the system tests: good ones, poisoned ones, and what is announced of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from apps import registry
from apps.settings import Settings
from apps.topics import METRICS
from models.bundle import load_bundle
from models.registry import Cause, Change, Registry
from tests.system.incarnations import now_us
from tests.system.processes import read_topic

DOMAIN = "fraud"


def cause(why: str) -> Cause:
    return Cause(now_us(), "a test", why)


def copied(settings: Settings, bundle: Path, name: str = "") -> Path:
    """A bundle where scorers look for it, under its own name or another."""
    folder = settings.bundles / DOMAIN / (name or bundle.name)
    shutil.copytree(bundle, folder)
    if name:
        change(folder, lambda manifest: manifest.update(version=name))
    return folder


def change(folder: Path, how: Callable[[dict[str, Any]], object]) -> None:
    """Change a bundle's manifest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    how(manifest)
    path.write_text(json.dumps(manifest))


def rewrite(folder: Path, file: str, text: str) -> None:
    """Change a file of a bundle and its hash with it."""
    (folder / file).write_text(text)
    sha = hashlib.sha256(text.encode()).hexdigest()
    change(folder, lambda manifest: manifest["files"][file].update(sha256=sha, bytes=len(text.encode())))


def known(settings: Settings) -> Registry:
    return registry.read(settings, DOMAIN)


def register(settings: Settings, folder: Path) -> str:
    """Announce a bundle as a candidate; returns its version."""
    bundle, found = load_bundle(folder), known(settings)
    registry.enter(settings, found.register(registry.candidate(bundle, now_us(), "a test", "made for it")))
    return bundle.version


def move(settings: Settings, how: Callable[[Registry], list[Change]]) -> None:
    """Announce a promotion, say."""
    found = known(settings)
    registry.move(settings, found, how(found))


def promote(settings: Settings, version: str) -> None:
    move(settings, lambda found: found.promote(version, cause("the test says so")))


def told(settings: Settings, what: str) -> list[dict[str, Any]]:
    """The loop events of one kind, as they came."""
    found = [orjson.loads(m.value()) for m in read_topic(settings, METRICS)]
    return [fields for fields in found if fields["kind"] == "loop-event" and fields["what"] == what]
