"""A bundle's manifest: what it must say, and whether the files beside it are those that it names. Light: it loads no model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from domain.schema import FeatureSchema
from exports.formats import FORMATS
from models.errors import BundleError

FORMAT_VERSION = 4  # 2: with a parity report; 3: with the average answer; 4: with models beside it
PARITY = "parity.json"


def called(name: str, file: str) -> str:
    """The file of a model beside the main one, which has no name."""
    return f"{name}.{file}" if name else file


def bundles(folder: Path) -> list[Path]:
    """The folders below ``folder`` that hold a bundle, the oldest first; one that is being written is none yet."""
    return sorted(p for p in folder.glob("*") if (p / "manifest.json").is_file() and not p.name.startswith("."))


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def whole(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle whose every file matches it. Raises ``BundleError`` naming the file that does not."""
    manifest = read(folder)
    for name, stated in manifest["files"].items():
        file = folder / name
        if not file.is_file() or Path(name).name != name:
            raise BundleError(f"{file}: named by the manifest and not there; train again, or copy the whole folder")
        if sha256(file) != stated["sha256"]:
            raise BundleError(f"{file}: was changed after training (its SHA-256 is not the manifest's); train again")
    return manifest


def read(folder: Path) -> dict[str, Any]:
    """What it says, if it is complete. Raises ``BundleError``."""
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        if manifest.get("format_version") != FORMAT_VERSION:
            raise BundleError(f"{path}: format version {manifest.get('format_version')}, this program reads {FORMAT_VERSION}; train again")
        needed = {"format_version", "version", "domain", "schema", "average", "beside", "files"}
        if not needed <= set(manifest) or not artifacts(manifest["beside"]) <= set(manifest["files"]):
            raise BundleError(f"{path}: incomplete; train again")
        for name, stated in manifest["files"].items():
            if not isinstance(stated, dict) or not isinstance(stated.get("sha256"), str):
                raise BundleError(f"{path}: {name} has no SHA-256 there; train again")
        FeatureSchema.from_json(manifest["schema"])
    except FileNotFoundError:
        raise BundleError(f"{folder}: no bundle there (no manifest.json); train one with `polyscore train fraud`") from None
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); train again") from None
    return manifest


def artifacts(beside: list[str]) -> set[str]:
    """The files that every bundle has."""
    return {called(name, file) for name in ("", *beside) for file in (PARITY, *(f.file_name for f in FORMATS.values()))}
