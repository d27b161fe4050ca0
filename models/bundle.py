"""A trained model as a folder: artifacts in every format, manifest with hashes, report and plots. What does not match is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import files, lightgbm_text, parity
from exports.formats import FORMATS
from exports.lightgbm_c import Booster
from exports.scorer import Scorer
from models.beside import SideBySide
from models.errors import BundleError
from models.manifest import PARITY, artifacts, bundles, called, whole

_UNAVAILABLE = {"outcome": "unavailable"}  # what a report says of a format by saying nothing


class Bundle:
    """A verified bundle. ``scorer`` loads an artifact; ``contributions`` explains one row."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder, self.manifest = folder, manifest
        self.version: str = manifest["version"]
        self.schema = FeatureSchema.from_json(manifest["schema"])
        self.average: tuple[float, ...] = tuple(manifest["average"])
        self.beside: tuple[str, ...] = tuple(manifest["beside"])

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
        return sum(int(self.manifest["files"][name]["bytes"]) for name in artifacts([*self.beside]))

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
            text = files.text(self.folder / called(name, FORMATS["native"].file_name))
            self._demand(asdict(parity.Truth(lightgbm_text.parse(text), self.schema).of_format(model_format, lambda: scorer)))
        if scorer.schema.digest != self.schema.digest:
            raise BundleError(f"{file}: its features are not those of the manifest; train again")
        return scorer

    def _demand(self, comparison: dict[str, Any]) -> None:
        """Raises ``BundleError`` unless the comparison with LightGBM passed."""
        if comparison["outcome"] != "passed":
            why = comparison["reason"] or comparison["outcome"]
            raise BundleError(f"bundle {self.version} has no passing parity report for {comparison['name']}: {why}; train again")

    @cached_property
    def _boosters(self) -> list[Booster]:
        natives = [self.folder / called(name, FORMATS["native"].file_name) for name in ("", *self.beside)]
        return [Booster(files.text(file), len(self.schema), file.name) for file in natives]

    def contributions(self, row: Sequence[float]) -> NDArray[np.float64]:
        """TreeSHAP values (outputs, features) of one row, in raw score: the outputs of the model, and of those beside it."""
        rows = np.array([row], dtype=np.float64)
        return np.vstack([booster.contributions(rows)[0, :, :-1] for booster in self._boosters])


def load_bundle(folder: Path) -> Bundle:
    """A bundle whose every file matches its manifest. Raises ``BundleError`` naming the file that does not."""
    return Bundle(folder, whole(folder))


def latest(folder: Path) -> Path:
    """The newest bundle below ``folder``. Raises ``BundleError`` where there is none."""
    found = bundles(folder)
    if not found:
        raise BundleError(f"no model in {folder}; train one with `polyscore train {folder.name}`")
    return found[-1]
