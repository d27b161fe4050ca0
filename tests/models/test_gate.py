"""The gate lets pass what is better beyond doubt and worse in nothing, and says of everything else why it does not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from domain.calibration import calibration_error
from domain.learning import Matrix, Rows
from domain.registry import DOMAINS
from domain.schema import Feature, FeatureSchema
from exports.scorer import Scores
from models.gate import Contender, Limits, Verdict, calibration, judge, latencies, resampled, some_keys

FRAUD = DOMAINS["fraud"]
PASSED = {"native": "passed", "pmml": "passed"}


def rows(n: int = 4_000, keys: int = 200) -> tuple[Rows, Matrix]:
    """Rows whose chance of a fraud is known, and that chance (n,)."""
    rng = np.random.default_rng(3)
    chance = rng.beta(0.3, 3.0, n)
    y = (rng.random(n) < chance).astype(np.float64)
    return Rows(np.zeros((n, 1)), y, np.array([f"c{i}" for i in rng.integers(0, keys, n)]), np.arange(n) // 500), chance


def contender(scores: Matrix, **other: object) -> Contender:
    known: dict[str, object] = {"version": "v", "size": 1_000, "latency_us": 5.0, "parity": PASSED, **other}
    return Contender(scores=scores[:, None], **known)  # type: ignore[arg-type]  # a test's shorthand


def blurred(chance: Matrix, how_much: float) -> Matrix:
    """The same chances, ranked with noise, and still meaning what they say."""
    order = np.argsort(np.argsort(chance) + np.random.default_rng(9).normal(0, how_much * len(chance), len(chance)))
    worse = np.empty(len(chance))
    worse[order] = np.convolve(chance[order], np.ones(201) / 201, mode="same")
    return worse


def gate(champion: Contender, candidate: Contender, limits: Limits | None = None) -> Verdict:
    return judge(FRAUD, rows()[0], champion, candidate, limits or Limits(resamples=120), np.random.default_rng(7))


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_what_ranks_better_and_is_worse_in_nothing_passes() -> None:
    chance = rows()[1]
    verdict = gate(contender(blurred(chance, 0.2)), contender(chance))
    assert verdict.better, verdict.reason
    assert verdict.checks[0].candidate > verdict.checks[0].champion
    assert "better by" in verdict.reason
    assert verdict.keys == 200


@pytest.mark.parametrize("margin", [0.0, 0.02])
def test_a_model_is_never_better_than_itself(margin: float) -> None:
    one = contender(rows()[1])
    assert failed(gate(one, one, Limits(margin=margin))) == ["headline"]


def test_a_worse_model_is_refused_with_the_numbers() -> None:
    chance = rows()[1]
    verdict = gate(contender(chance), contender(blurred(chance, 0.2)))
    assert verdict.verdict == "refused"
    assert "not better by -0." in verdict.reason
    assert verdict.checks[0].high is not None
    assert verdict.checks[0].high < 0


def test_an_improvement_that_chance_explains_is_none() -> None:
    """Of many models that differ from the champion by noise alone, about the share passes that the interval leaves: one of forty."""
    chance = rows()[1]
    rng = np.random.default_rng(1)
    noisy = [np.clip(chance * rng.lognormal(0, 0.05, len(chance)), 0, 1) for _ in range(13)]
    passed = [gate(contender(noisy[0]), contender(other), Limits(margin=0.0, resamples=60)).better for other in noisy[1:]]
    assert sum(passed) <= 2


def test_less_than_the_margin_is_refused_however_certain() -> None:
    chance = rows()[1]
    champion, candidate = contender(blurred(chance, 0.2)), contender(chance)
    gain = gate(champion, candidate).checks[0]
    share = gain.candidate / gain.champion - 1
    assert gate(champion, candidate, Limits(margin=0.9 * share)).better
    assert failed(gate(champion, candidate, Limits(margin=1.1 * share))) == ["headline"]


GUARDED = {
    "size": {"size": 1_501},
    "latency": {"latency_us": 10.1},
    "parity": {"parity": {"native": "passed", "pmml": "failed"}},
}


@pytest.mark.parametrize("name", GUARDED)
def test_a_guarded_number_that_is_worse_blocks_a_better_model(name: str) -> None:
    chance = rows()[1]
    verdict = gate(contender(blurred(chance, 0.2)), contender(chance, **GUARDED[name]))
    assert failed(verdict) == [name]
    assert verdict.verdict == "refused"


def test_chances_that_no_longer_mean_what_they_say_block_a_better_ranking() -> None:
    chance = rows()[1]
    assert failed(gate(contender(blurred(chance, 0.2)), contender(np.sqrt(chance)))) == ["calibration"]


def test_an_engine_that_is_missing_for_both_proves_nothing_against_the_candidate() -> None:
    chance = rows()[1]
    missing = {**PASSED, "c": "unavailable"}
    champion, candidate = contender(blurred(chance, 0.2), parity=missing), contender(chance, parity=missing)
    assert gate(champion, candidate).better
    proven = replace(champion, parity={**PASSED, "c": "passed"})
    assert failed(gate(proven, candidate)) == ["parity"]


def test_a_verdict_is_plain_json() -> None:
    chance = rows()[1]
    found = json.loads(json.dumps(gate(contender(chance), contender(chance)).to_json()))
    assert found["verdict"] == "refused"
    assert {check["name"] for check in found["checks"]} == {"headline", "calibration", "size", "latency", "parity"}


def test_a_key_that_is_drawn_twice_is_two_keys_with_all_its_rows() -> None:
    key = np.array(["a", "b", "a", "c"])
    for index, names in resampled(key, 20, np.random.default_rng(0)):
        assert len(np.unique(names)) == 3
        assert all((key[index[names == name]] == key[index[names == name]][0]).all() for name in np.unique(names))
        assert all(
            sorted(index[names == name]) == np.flatnonzero(key == key[index[names == name]][0]).tolist() for name in np.unique(names)
        )


def test_of_many_rows_some_keys_are_taken_whole() -> None:
    every = rows()[0]
    some = some_keys(every, 1_000, np.random.default_rng(0))
    assert 900 < len(some.y) <= 1_000
    assert all(np.sum(every.key == name) == np.sum(some.key == name) for name in np.unique(some.key))
    assert some_keys(every, len(every.y), np.random.default_rng(0)) is every


def test_where_errors_are_less_less_is_better() -> None:
    maintenance = DOMAINS["maintenance"]
    rng, n = np.random.default_rng(0), 600
    age = np.tile(np.arange(30.0), 20)
    x = np.zeros((n, len(maintenance.schema)))
    x[:, maintenance.schema.names.index("age")] = age
    y = 29 - age
    judged = Rows(x, y, np.repeat([f"m{i}" for i in range(20)], 30), np.zeros(n, dtype=np.int64))
    good, bad = (contender(y + rng.normal(0, spread, n)) for spread in (2.0, 6.0))
    limits = Limits(calibration=10)
    assert judge(maintenance, judged, bad, good, limits, rng).better
    assert not judge(maintenance, judged, good, bad, limits, rng).better


def test_of_many_classes_the_likeliest_ones_chance_is_held_against_what_came() -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0])
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    assert calibration("multiclass", y, sure) == pytest.approx(0.1)


class Slow:
    """A scorer whose rows take so many ticks of the clock."""

    schema = FeatureSchema((Feature("a", description="a"),))

    def __init__(self, ticks: int, clock: list[int]) -> None:
        self._ticks, self._clock = ticks, clock

    def score(self, row: object) -> Scores:
        self._clock[0] += self._ticks
        return Scores((0.0,), (0.0,))

    def score_batch(self, rows: Matrix) -> Matrix:
        return rows

    raw_batch = score_batch


def test_each_scorer_is_given_its_own_time() -> None:
    clock = [0]
    found = latencies(Slow(3_000, clock), Slow(5_000, clock), np.zeros((10, 1)), clock=lambda: clock[0])
    assert found == (3.0, 5.0)


def test_a_calibration_error_does_not_hang_on_the_order_of_rows_with_one_score() -> None:
    y = np.repeat([0.0, 1.0], 500)
    assert calibration_error(y, np.full(1_000, 0.5)) == 0.0
    rng = np.random.default_rng(2)
    score, order = np.round(rng.random(1_000), 1), rng.permutation(1_000)
    assert calibration_error(y, score) == pytest.approx(calibration_error(y[order], score[order]), abs=1e-12)
    different = rng.random(1_000)
    bins = [(different[p].mean(), y[p].mean()) for p in np.array_split(np.argsort(different), 10)]
    assert calibration_error(y, different) == pytest.approx(sum(abs(s - o) for s, o in bins) / 10)
