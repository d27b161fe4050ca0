"""What every domain's model owes: it beats its baselines in the headline metric, and every local format gives its raw scores exactly."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.learning import Recipe
from exports.formats import LOCAL
from models import protocol, report
from models.bundle import Bundle, load_bundle
from models.decide import Model, decide
from models.train import train
from tests.domain.worlds import ALL, dataset, history, of_busy_keys, outputs, quick
from tests.once import bundle_once

each = pytest.mark.parametrize("name", ALL)
AFTER_THE_LINK = {"format", "features", "score", "context"}  # where formats may differ by an ulp; or not comparable as a value: nan
ROUNDS = 12  # enough for every kind of split of a model that is compared, not judged


@cache
def judged(name: str) -> dict[str, Any]:
    domain = quick(name)
    return report.cross_validate(domain, dataset(name), protocol.parts(dataset(name), domain.learning()), lambda _: None)


@each
def test_the_model_beats_every_baseline_in_the_headline_metric(name: str) -> None:
    found, learning = judged(name), ALL[name].learning()
    model = found["metrics"][learning.headline]["mean"]
    assert found["baselines"], "nothing to beat"
    for baseline, metrics in found["baselines"].items():
        other = metrics[learning.headline]["mean"]
        assert model < other if learning.lower_is_better else model > other, (baseline, model, other)


@each
def test_what_is_shown_of_a_model_was_judged(name: str) -> None:
    found, learning = judged(name), ALL[name].learning()
    assert {*learning.shown, learning.headline} <= set(found["metrics"])
    assert all(math.isfinite(found["metrics"][metric]["mean"]) for metric in learning.shown)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    return {}


@pytest.fixture
def bundle(name: str, bundles: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of few rounds, models beside included, made once a domain."""
    if name not in bundles:
        learning = quick(name).learning()
        beside = {other: fewer(recipe) for other, recipe in learning.beside.items()}
        small = replace(quick(name), learning=lambda: replace(learning, recipe=fewer(learning.recipe), beside=beside))
        made = bundle_once(tmp_path_factory, f"few-rounds-{name}", lambda folder: train(small, history(name), "simulated", folder))
        bundles[name] = load_bundle(made)
    return bundles[name]


def fewer(recipe: Recipe) -> Recipe:
    return replace(recipe, rounds=min(recipe.rounds, ROUNDS))


@each
def test_every_local_format_gives_the_models_raw_scores_bit_for_bit(name: str, bundle: Bundle) -> None:
    rows = dataset(name).x[:: max(1, len(dataset(name)) // 400)]
    native = bundle.scorer("native")
    raw, values = native.raw_batch(rows), native.score_batch(rows)
    assert raw.shape == (len(rows), outputs(ALL[name])[1])
    assert len(np.unique(raw, axis=0)) > 10, "a model that says the same of everything proves nothing"
    assert len(bundle.average) == raw.shape[1]
    for model_format in LOCAL:
        scorer = bundle.scorer(model_format)
        assert scorer.raw_batch(rows).tobytes() == raw.tobytes(), model_format
        for i in range(0, len(rows), 20):
            one = scorer.score(rows[i].tolist())
            assert np.array(one.raw).tobytes() == raw[i].tobytes(), model_format
            assert one.values == pytest.approx(values[i], rel=1e-12, abs=1e-15)


@each
def test_the_decisions_of_any_format_are_those_of_the_native_one_with_reasons_on_an_alert(name: str, bundle: Bundle) -> None:
    domain, found = ALL[name], of_busy_keys(name, 2)[:300]
    decided: dict[str, list[dict[str, Any]]] = {}
    for model_format in LOCAL:
        model = Model(bundle.version, model_format, bundle.scorer(model_format), bundle.contributions, bundle.average)
        features, state, memory, fields = domain.features(), dict[str, bytes](), dict[str, bytes](), []
        for event in found:
            one = decide(domain, features, model, event, state.get(event.key), memory.get(event.key))
            state[event.key] = one.state
            if one.memory is not None:
                memory[event.key] = one.memory
            if one.fields:
                fields.append({field: value for field, value in one.fields.items() if field not in AFTER_THE_LINK})
        decided[model_format] = fields
    assert len(decided["native"]) > 50
    assert all(fields == decided["native"] for fields in decided.values())
    explained = bundle.contributions(dataset(name).x[0].tolist())
    assert explained.shape == (outputs(domain)[1], len(domain.schema))
    assert all(bool(one["reasons"]) == one["alert"] for one in decided["native"])
