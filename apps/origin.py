"""Where an artifact comes from, as far as files say it: LightGBM's text itself, or the one beside it, and a bundle's manifest."""

from __future__ import annotations

import json
from pathlib import Path

from exports import lightgbm_text
from exports.ensemble import Ensemble
from exports.errors import ExportError
from exports.formats import FORMATS

_NATIVE = FORMATS["native"]
_MOST_BYTES = 1 << 24  # of a manifest


def origin(artifact: Path, sha256: str, model_format: str, ensemble: Ensemble) -> dict[str, str]:
    """The model's objective and what it was made from, by name; ``sha256`` is the artifact's.

    A file beside the artifact counts only if it holds the same model.
    """
    text = artifact if model_format == _NATIVE.name else artifact.with_name(_NATIVE.file_name)
    try:
        model = lightgbm_text.read(text)
    except (ExportError, OSError):
        model = None
    if model is None or model.ensemble.digest != ensemble.digest:
        kept = f"{model_format} keeps its link alone; LightGBM's text of the same model, beside it as {_NATIVE.file_name}, would name it"
        return {"objective": kept, **_bundle(artifact, sha256)}
    beside = "" if text == artifact else f", as {text.name} beside it says"
    return {"objective": (model.objective or "a custom one: its link is not in the file") + beside, **_bundle(artifact, sha256)}


def _bundle(artifact: Path, sha256: str) -> dict[str, str]:
    """What the bundle that the artifact stands in says of it; nothing where it is not in one, or is not the file that was written there."""
    manifest = artifact.with_name("manifest.json")
    try:
        if manifest.stat().st_size > _MOST_BYTES:
            return {}
        said = json.loads(manifest.read_text())
        if said["files"][artifact.name]["sha256"] != sha256:
            return {}
        data, made = said["data"], said["created"][:19].replace("T", " ")
        return {
            "made from": f"{data['source']}; {data['rows']:,} rows, on {made} UTC by LightGBM {said['libraries']['lightgbm']}",
            "bundle": f"{said['version']} of {said['domain']}",
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
