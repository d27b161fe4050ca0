"""The one list of what the formats are compared on: models of three objectives and three sizes, and the rows that they score."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports import lightgbm_text
from exports.errors import ExportError
from exports.formats import FORMATS
from exports.lightgbm_text import TextModel

Matrix = NDArray[np.float64]
OBJECTIVES: Final[dict[str, dict[str, Any]]] = {
    "binary": {"objective": "binary"},
    "multiclass": {"objective": "multiclass", "num_class": 5},  # five divides every number of trees below
    "regression": {"objective": "regression"},
}
SIZES: Final = ((50, 15), (200, 31), (1_000, 63))
TARGET_SIZE: Final = "200 x 31"  # the size that the targets are set for
ROWS: Final = 10_000
LABELS: Final = tuple(f"label {i}" for i in range(12))
SCHEMA: Final = FeatureSchema((
    *(Feature(f"number {i}") for i in range(17)),
    *(Feature(f"category {i}", "categorical", LABELS) for i in range(3)),
))  # fmt: skip
_TRAINED_ON: Final = 6_000
_CLASSES: Final = (0.2, 0.4, 0.6, 0.8)
_COMMON: Final = {
    **{"verbose": -1, "seed": 1, "num_threads": 1, "deterministic": True, "force_row_wise": True, "learning_rate": 0.03},
    **{"min_data_in_leaf": 20, "min_sum_hessian_in_leaf": 0.0, "max_bin": 127, "cat_smooth": 1, "min_data_per_group": 10},
}  # so that every tree has all its leaves, down to the last


@dataclass(frozen=True)
class Case:
    """``trees`` counts all of them, those of every class together: one size is one amount of work, whatever the objective."""

    objective: str
    trees: int
    leaves: int

    @property
    def size(self) -> str:
        return f"{self.trees:,} x {self.leaves}"

    @property
    def name(self) -> str:
        return f"{self.objective} {self.size}"

    @property
    def targeted(self) -> bool:
        return self.size == TARGET_SIZE

    @property
    def params(self) -> dict[str, Any]:
        return {**_COMMON, **OBJECTIVES[self.objective], "num_leaves": self.leaves}

    @property
    def rounds(self) -> int:
        return self.trees // OBJECTIVES[self.objective].get("num_class", 1)


CASES: Final = {
    "full": tuple(Case(objective, *size) for objective in OBJECTIVES for size in SIZES),
    "quick": tuple(Case(objective, 200, 31) for objective in OBJECTIVES),
    "smoke": (Case("multiclass", 10, 4),),  # what the test suite runs
}


@dataclass(frozen=True)
class Prepared:
    """A case's model, an artifact of it in every format, or why a format refuses it."""

    case: Case
    folder: Path
    model: TextModel
    artifacts: dict[str, Path]
    refused: dict[str, str]

    @cached_property
    def rows(self) -> Matrix:
        """(``ROWS``, features) float64 that the model was not trained on, a tenth of the values missing."""
        return table(ROWS, seed=2)


def table(n: int, *, seed: int, strange: int = 1) -> Matrix:
    """(n, features): numbers, a fifth of them zero in one column; codes, and ``strange`` of no label to each side; a tenth missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(SCHEMA)))
    x[rng.random(n) < 0.2, 4] = 0.0
    codes = list(SCHEMA.categorical_indices)
    x[:, codes] = rng.integers(-strange, len(LABELS) + strange, (n, len(codes)))
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def prepare(case: Case, folder: Path) -> Prepared:
    """Train the model, or take it from ``folder`` where it was trained before; write it in every format."""
    place = folder / f"{case.objective}-{case.trees}x{case.leaves}-{_digest(case)}"
    place.mkdir(parents=True, exist_ok=True)
    trained = place / "trained.txt"
    if not trained.exists():
        unfinished = trained.with_suffix(".unfinished")
        unfinished.write_text(_train(case).model_to_string())
        unfinished.replace(trained)
    model = lightgbm_text.parse(trained.read_text())
    artifacts, refused = dict[str, Path](), dict[str, str]()
    for name, chosen in FORMATS.items():
        try:
            artifacts[name] = chosen.export(trained.read_text(), SCHEMA, place / chosen.file_name)
        except ExportError as error:
            refused[name] = str(error)
    return Prepared(case, place, model, artifacts, refused)


def _digest(case: Case) -> str:
    """Of all that the model depends on."""
    essence = [asdict(case), case.params, case.rounds, _TRAINED_ON, SCHEMA.digest, version("lightgbm"), version("numpy")]
    return hashlib.sha256(json.dumps(essence).encode()).hexdigest()[:12]


def _train(case: Case) -> lgb.Booster:
    x = table(_TRAINED_ON, seed=1, strange=0)
    known = np.nan_to_num(x)
    noise = np.random.default_rng(3).normal(size=len(x))
    y = known[:, 0] + known[:, 1] * known[:, 2] + np.sin(3 * known[:, 3]) + np.isnan(x[:, 5]) + 1.5 * np.isin(x[:, 17], [1, 4, 7]) + noise
    target = {"binary": y > np.median(y), "multiclass": np.searchsorted(np.quantile(y, _CLASSES), y), "regression": y}[case.objective]
    columns = list(SCHEMA.categorical_indices)
    names = [name.replace(" ", "_") for name in SCHEMA.names]  # as LightGBM writes them
    data = lgb.Dataset(x, target.astype(float), feature_name=names, categorical_feature=columns)
    return lgb.train(case.params, data, case.rounds)
