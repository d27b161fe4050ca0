"""A LightGBM file of one's own becomes a bundle with every format's proof, and a domain; what the file does not tell is left empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from exports import lightgbm_text
from exports.formats import LOCAL
from models import table_domain
from models.adopted import Told, adopt, objective_of
from models.answers import answers
from models.bundle import load_bundle
from models.errors import DataError
from models.report import takeable

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def model(objective: str = "binary", **params: Any) -> str:
    """The text of a small model with a category of pandas."""
    rng = np.random.default_rng(3)
    purpose = pd.Categorical(rng.choice(["car", "flat"], 300), categories=["car", "flat"])
    x = pd.DataFrame({"amount": rng.normal(size=300), "purpose": purpose})
    y = (x["amount"] + (x["purpose"] == "flat") > 0.3).astype(int) + (0 if objective != "multiclass" else (x["amount"] > 1).astype(int))
    booster = lgb.train({"objective": objective, "verbose": -1, "num_leaves": 4, **params}, lgb.Dataset(x, y), 4)
    return str(booster.model_to_string())


def test_a_file_becomes_a_bundle_that_scores_as_it_does_and_a_domain(tmp_path: Path) -> None:
    text, told = model(sigmoid=2.0), Told("repaid", ("no", "yes"), 0.25)
    bundle = load_bundle(adopt(text, "mine", "mine.txt", told, tmp_path / "mine", NOW))
    rows = np.array([[0.1, 0.0], [-2.0, 1.0], [np.nan, np.nan], [0.7, -1.0]])
    wanted = lgb.Booster(model_str=text).predict(rows, raw_score=True)
    assert {name: bundle.scorer(name).raw_batch(rows).ravel().tobytes() for name in LOCAL} == dict.fromkeys(LOCAL, wanted.tobytes())
    assert bundle.schema.features[1].categories == ("car", "flat")
    assert bundle.average == tuple(bundle.scorer("native").score([np.nan, np.nan]).values)
    assert (bundle.manifest["metrics"], bundle.manifest["baseline"]) == ({}, {})

    facts = table_domain.founded(tmp_path / "mine")
    assert facts is not None
    domain = table_domain.domain_of(facts)
    assert domain.policy == type(domain.policy)("repaid", ("no", "yes"), 0.25)  # type: ignore[call-arg]  # a table's
    assert domain.learning().headline == "average_precision"
    scores = bundle.scorer("native").score_batch(rows)
    assert answers(domain, wanted.reshape(-1, 1)).ravel() == pytest.approx(scores.ravel(), rel=1e-15), "by the file's own sigmoid"


@pytest.mark.parametrize(
    ("objective", "params", "is_a"),
    [("binary", {}, "binary"), ("multiclass", {"num_class": 3}, "multiclass"), ("poisson", {}, "regression"), ("huber", {}, "regression")],
)
def test_what_the_model_answers_with_says_what_it_is(objective: str, params: dict[str, Any], is_a: str) -> None:
    assert objective_of(lightgbm_text.parse(model(objective, **params))) == is_a


@pytest.mark.parametrize(("objective", "classes"), [("binary", ("a", "b", "c")), ("binary", ("a", "a")), ("regression", ("a",))])
def test_classes_that_are_not_as_many_as_the_models_are_refused_before_anything_is_written(
    objective: str, classes: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="--classes names"):
        adopt(model(objective), "mine", "mine.txt", replace(Told(), classes=classes), tmp_path / "mine", NOW)
    assert not (tmp_path / "mine").exists()


def test_two_classes_of_multiclass_are_refused_as_they_would_be_no_domain(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"two classes apart as multiclassova.*train it with objective=binary"):
        adopt(model("multiclassova", num_class=2), "mine", "mine.txt", Told("kind"), tmp_path / "mine", NOW)
    assert not (tmp_path / "mine").exists()


def test_a_random_forest_is_refused_as_decisions_carry_its_sum(tmp_path: Path) -> None:
    forest = model("regression", boosting="rf", bagging_fraction=0.5, bagging_freq=1)
    with pytest.raises(DataError, match=r"mine.txt averages its trees .*polyscore export"):
        adopt(forest, "mine", "mine.txt", Told(), tmp_path / "mine", NOW)
    assert not (tmp_path / "mine").exists()


def test_names_that_lightgbm_would_refuse_or_change_are_given_by_their_places() -> None:
    schema = lightgbm_text.parse(model()).schema
    assert takeable(schema) == ["amount", "purpose"]
    odd = replace(schema, features=(replace(schema.features[0], name="Amount [EUR]"), schema.features[1]))
    assert takeable(odd) == ["Column_0", "Column_1"]
