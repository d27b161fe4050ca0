"""A trained model as a folder: artifacts in every format, manifest with hashes, report and plots. What does not match is refused."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import lightgbm_text, parity
from exports.formats import FORMATS
from exports.scorer import Scorer
from models.beside import SideBySide
from models.code_version import code_version
from models.errors import BundleError
from models.plots import draw

FORMAT_VERSION = 4  # 2: with a parity report; 3: with the average answer; 4: with models beside it
PARITY = "parity.json"
_UNAVAILABLE = {"outcome": "unavailable"}  # what a report says of a format by saying nothing
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


def called(name: str, file: str) -> str:
    """The file of a model beside the main one, which has no name."""
    return f"{name}.{file}" if name else file


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
        "files": {file.name: {"sha256": _sha256(file), "bytes": file.stat().st_size} for file in files},
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


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Bundle:
    """A verified bundle. ``scorer`` loads an artifact; ``contributions`` explains one row."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.version: str = manifest["version"]
        self.schema = FeatureSchema.from_json(manifest["schema"])
        self.average: tuple[float, ...] = tuple(manifest["average"])
        self.beside: tuple[str, ...] = tuple(manifest["beside"])
        self._booster = lgb.Booster(model_file=folder / FORMATS["native"].file_name)

    @property
    def report(self) -> dict[str, Any]:
        """The report, as ``models.report`` made it."""
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return found

    @property
    def parity(self) -> dict[str, Any]:
        """The parity report of the model, as ``exports.parity`` made it."""
        return self.parity_of("")

    @property
    def size(self) -> int:
        """Bytes of all artifacts, those of the models beside it too."""
        return sum(int(self.manifest["files"][name]["bytes"]) for name in _artifacts([*self.beside]))

    def parity_of(self, name: str) -> dict[str, Any]:
        """The parity report of a model beside the main one, which has no name."""
        found: dict[str, Any] = json.loads((self.folder / called(name, PARITY)).read_text())
        return found

    def scorer(self, model_format: str) -> Scorer:
        """The artifact of this format, ready to score, and behind its outputs those of the models beside it.

        Raises ``BundleError`` for a format that there is not, or that is not proven.
        """
        if model_format not in FORMATS:
            raise BundleError(f"no format {model_format!r}; there are {', '.join(FORMATS)}")
        found = [self._scorer(model_format, name) for name in ("", *self.beside)]
        return SideBySide(found) if self.beside else found[0]

    def _scorer(self, model_format: str, name: str) -> Scorer:
        chosen = FORMATS[model_format]
        file = self.folder / called(name, chosen.file_name)
        stated = {c["name"]: c for c in self.parity_of(name)["comparisons"]}.get(model_format, _UNAVAILABLE)
        if stated["outcome"] != "unavailable":
            self._demand(stated)
        scorer = chosen.load(file)
        if stated["outcome"] == "unavailable":  # nothing was there to score it when the bundle was made
            text = (self.folder / called(name, FORMATS["native"].file_name)).read_text()
            self._demand(asdict(parity.Truth(lightgbm_text.parse(text), self.schema).of_format(model_format, lambda: scorer)))
        if scorer.schema.digest != self.schema.digest:
            raise BundleError(f"{file}: its features are not those of the manifest; train again")
        return scorer

    def _demand(self, comparison: dict[str, Any]) -> None:
        """Raises ``BundleError`` unless the comparison with LightGBM passed."""
        if comparison["outcome"] != "passed":
            why = comparison["reason"] or comparison["outcome"]
            raise BundleError(f"bundle {self.version} has no passing parity report for {comparison['name']}: {why}; train again")

    def contributions(self, row: Sequence[float]) -> NDArray[np.float64]:
        """TreeSHAP values (outputs, features) of one row, in raw score (Lundberg et al. 2018; LightGBM's ``pred_contrib``)."""
        found = np.asarray(self._booster.predict(np.array([row]), pred_contrib=True, num_threads=1))
        return found.reshape(-1, len(self.schema) + 1)[:, :-1]


def load_bundle(folder: Path) -> Bundle:
    """A bundle whose every file matches its manifest. Raises ``BundleError`` naming the file that does not."""
    manifest = _read_manifest(folder)
    for name, stated in manifest["files"].items():
        file = folder / name
        if not file.is_file() or Path(name).name != name:
            raise BundleError(f"{file}: named by the manifest and not there; train again, or copy the whole folder")
        if _sha256(file) != stated["sha256"]:
            raise BundleError(f"{file}: was changed after training (its SHA-256 is not the manifest's); train again")
    return Bundle(folder, manifest)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        if manifest.get("format_version") != FORMAT_VERSION:
            raise BundleError(f"{path}: format version {manifest.get('format_version')}, this program reads {FORMAT_VERSION}; train again")
        needed = {"format_version", "version", "domain", "schema", "average", "beside", "files"}
        if not needed <= set(manifest) or not _artifacts(manifest["beside"]) <= set(manifest["files"]):
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


def _artifacts(beside: list[str]) -> set[str]:
    return {called(name, file) for name in ("", *beside) for file in (PARITY, *(f.file_name for f in FORMATS.values()))}


def latest(folder: Path) -> Path:
    """The newest bundle below ``folder``. Raises ``BundleError`` where there is none."""
    found = sorted(p for p in folder.glob("*") if (p / "manifest.json").is_file() and not p.name.startswith("."))
    if not found:
        raise BundleError(f"no model in {folder}; train one with `polyscore train {folder.name}`")
    return found[-1]
