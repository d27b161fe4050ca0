"""A bundle of a LightGBM file of one's own: every format with its proof, and nothing said of what the file does not tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from exports import lightgbm_text
from exports.lightgbm_text import TextModel
from exports.objectives import link_of
from models import bundle_writing
from models.errors import DataError
from models.report import importance
from models.table import Objective
from models.table_learning import HEADLINES, LOW_IS_GOOD

_CLASSES = {"binary": "binary", "multiclass": "multiclass", "multiclassova": "multiclass"}


@dataclass(frozen=True)
class Told:
    """What a file does not say. ``classes``: in the order of the model's own 0, 1, ...; none: they are called so."""

    label: str = "label"
    classes: tuple[str, ...] = ()
    threshold: float = 0.5


def adopt(text: str, name: str, source: str, told: Told, folder: Path, now: datetime) -> Path:
    """Write a bundle of the model ``text`` below ``folder``; returns its path.

    Raises ``ExportError`` for a file that cannot be read or carried to every format, ``DataError`` for classes that are not as many as the
    model's, or two of multiclass, or a random forest, ``BundleError`` where the bundle cannot be written.
    """
    model = lightgbm_text.parse(text, source)
    if model.ensemble.link.average_over > 1:
        raise DataError(
            f"{source} averages its trees (a random forest), which a stream's windows of quality would take for their sum; use "
            "`polyscore export`, `score` and `serve` with it"
        )
    booster, schema, objective = lgb.Booster(model_str=text), model.schema, objective_of(model)
    trained = bundle_writing.Trained(
        domain=name,
        objective=objective,
        booster=booster,
        schema=schema,
        average=_of_nothing_known(booster, len(schema)),
        report={
            "protocol": {"method": "nowhere: the model came as a file", "folds": 0},
            "folds": [],
            "metrics": {},
            "baselines": {},
            "headline": HEADLINES[objective],
            "lower_is_better": HEADLINES[objective] in LOW_IS_GOOD,
            "shown": {},
            "importance": importance(booster, schema.names),
        },
        params=_params(model, objective),
        data={"source": source, "label": told.label, "classes": list(_classes(model, objective, told)), "threshold": told.threshold},
    )
    return bundle_writing.write(trained, folder, now)


def objective_of(model: TextModel) -> Objective:
    """What the model's objective is to a domain; whatever answers with one number, and no probability of a class, is a regression."""
    found = _CLASSES.get(_word(model))
    return "binary" if found == "binary" else "multiclass" if found else "regression"


def _word(model: TextModel) -> str:
    return (model.objective.split() or ["custom"])[0]


def _classes(model: TextModel, objective: Objective, told: Told) -> tuple[str, ...]:
    wanted = {"binary": 2, "regression": 0}.get(objective, model.ensemble.n_outputs)
    if objective == "multiclass" and wanted == 2:
        raise DataError(f"the model tells two classes apart as {_word(model)}, which no stream takes; train it with objective=binary")
    found = told.classes or tuple(map(str, range(wanted)))
    if len(found) != wanted or len(set(found)) != wanted:
        raise DataError(f"--classes names {', '.join(found)}; the model ({objective}) has {wanted} different classes")
    return found


def _params(model: TextModel, objective: Objective) -> dict[str, Any]:
    """What the model's answers are computed by from raw scores, and what a training on labels of the stream would start from."""
    word, outputs = _word(model), model.ensemble.n_outputs
    plain = link_of(word, outputs, 0, word, 0) == link_of(model.objective, outputs, 0, word, 0)
    found: dict[str, Any] = {"objective": word if plain else model.objective, "deterministic": True, "num_threads": 1, "verbose": -1}
    rounds = {"rounds": max(1, model.ensemble.n_trees // outputs)}
    return {**found, **({"num_class": outputs} if objective == "multiclass" else {}), **rounds}


def _of_nothing_known(booster: lgb.Booster, features: int) -> list[float]:
    """What stands in for the average answer, which the file does not tell: the answer to a row of which every value is missing."""
    found: list[float] = np.asarray(booster.predict(np.full((1, features), np.nan))).reshape(-1).tolist()
    return found
