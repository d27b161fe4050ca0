"""Writes a bundle: every artifact is compared with LightGBM first, and the folder appears whole, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb

from domain.schema import FeatureSchema
from exports import lightgbm_text, parity
from exports.formats import FORMATS
from models.code_version import code_version
from models.errors import BundleError
from models.manifest import FORMAT_VERSION, PARITY, called, sha256
from models.plots import draw

_LIBRARIES = ("lightgbm", "numpy", "numba", "scikit-learn")


@dataclass(frozen=True)
class Trained:
    """What goes into a bundle: the booster, its schema, and what is known of its making."""

    domain: str  # or the table's name
    objective: str
    booster: lgb.Booster
    schema: FeatureSchema
    average: list[float]  # the mean answer over what was learned from, one an output, then those of the models beside
    report: dict[str, Any]
    params: dict[str, Any]
    data: dict[str, Any]  # where the rows came from, their window, how late labels were
    beside: Mapping[str, lgb.Booster] = field(default_factory=dict)  # more models of the same rows, by name
    parent: str | None = None  # the version whose place it is to take
    baseline: dict[str, Any] = field(default_factory=dict)  # how what it learned from was distributed: ``models.drift.Baseline`` as JSON


def write(trained: Trained, folder: Path, now: datetime) -> Path:
    """Write a bundle below ``folder`` and return its path; it appears there whole, or not at all.

    Raises ``BundleError`` where the folder cannot be written, or is full.
    """
    model_version = f"{now:%Y%m%d-%H%M%S}-{hashlib.sha256(trained.booster.model_to_string().encode()).hexdigest()[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _whole(folder, folder / model_version) as unfinished:
            files = _fill(trained, unfinished)
            manifest = _manifest(trained, model_version, now, files)
            (unfinished / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    except OSError as error:
        fix = "make room, mend the rights there, or set POLYSCORE_HOME to another folder"
        raise BundleError(f"{folder}: {error.strerror}; the model cannot be written: {fix}") from None
    return folder / model_version


@contextmanager
def _whole(beside: Path, path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``path`` if nothing goes wrong and is gone if anything does."""
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=beside))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        os.replace(unfinished, path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _fill(trained: Trained, folder: Path) -> list[Path]:
    files = []
    for name, booster in {"": trained.booster, **trained.beside}.items():
        text = booster.model_to_string()
        files += [Path(f.export(text, trained.schema, folder / called(name, f.file_name))) for f in FORMATS.values()]
        files.append(_prove(text, trained.schema, folder, name))
    report = folder / "report.json"
    report.write_text(json.dumps(trained.report) + "\n")
    return [*files, report, *draw(trained.report, folder)]


def _prove(text: str, schema: FeatureSchema, folder: Path, name: str) -> Path:
    """Compare every artifact with LightGBM and write the report. Raises ``BundleError`` where one gives another answer.

    What no engine or server is there for is left to the machine that scores with it.
    """
    found = {f.name: partial(f.load, folder / called(name, f.file_name)) for f in FORMATS.values() if not f.served}
    report = parity.verify(lightgbm_text.parse(text), schema, found, {})
    failed = [f"{c.name} ({c.reason or c.worst})" for c in report.comparisons if c.outcome == "failed"]
    if failed:
        raise BundleError(f"not LightGBM's answer: {', '.join(failed)}; this is a defect of polyscore, please report it with the model")
    path = folder / called(name, PARITY)
    path.write_text(json.dumps(report.to_json()) + "\n")
    return path


def _manifest(trained: Trained, model_version: str, now: datetime, files: list[Path]) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "version": model_version,
        "domain": trained.domain,
        "objective": trained.objective,
        "created": now.isoformat(),
        "schema": trained.schema.to_json(),
        "schema_digest": trained.schema.digest,
        "beside": list(trained.beside),
        "average": trained.average,
        "data": trained.data,
        "parent": trained.parent,
        "code_version": code_version(),
        "baseline": trained.baseline,
        "label_window": _label_window(trained),
        "protocol": trained.report["protocol"],
        "params": trained.params,
        "metrics": trained.report["metrics"],
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "files": {file.name: {"sha256": sha256(file), "bytes": file.stat().st_size} for file in files},
    }


def _label_window(trained: Trained) -> dict[str, Any]:
    """How late labels are, the days whose labels the model learned from, and the days it was judged on, fold by fold.

    Empty for a table, whose labels are all there.
    """
    if "label_delay_days" not in trained.data:
        return {}
    return {
        "delay_days": trained.data["label_delay_days"],
        "trained": {name: trained.data[name] for name in ("from", "to")},
        "folds": [{name: fold[f"{name}_window"] for name in ("train", "test")} for fold in trained.report["folds"]],
    }
