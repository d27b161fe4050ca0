"""Baselines and the population stability index."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from domain.schema import MISSING, UNSEEN, Feature, FeatureSchema
from models.drift import Baseline, Profile, chance

SCHEMA = FeatureSchema((Feature("amount"), Feature("kind", "categorical", ("a", "b"))))


def drawn(seed: int, n: int = 4_000, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    amount = rng.normal(shift, 1, n)
    amount[rng.random(n) < 0.1] = MISSING
    kind = rng.choice([0.0, 1.0, UNSEEN, MISSING], n, p=[0.6, 0.3, 0.05, 0.05])
    return np.column_stack([amount, kind]), rng.random((n, 1))


def test_a_baseline_holds_the_shares_of_bins_codes_missing_and_unseen() -> None:
    found = Baseline.of(*drawn(1), SCHEMA)
    amount, kind = found.features
    assert len(amount.edges) == 9
    assert sum(amount.shares) + amount.missing == pytest.approx(1)
    assert amount.shares == pytest.approx([0.09] * 10, abs=0.01)
    assert kind.shares == pytest.approx([0.6, 0.3], abs=0.03)
    assert (kind.unseen, kind.missing) == pytest.approx((0.05, 0.05), abs=0.02)
    assert (found.rows, found.draws, found.scores[0].name) == (4_000, 4_000, "score")


def test_a_baseline_survives_a_manifest() -> None:
    found = Baseline.of(*drawn(1), SCHEMA, keys=["k1"] * 3_999 + ["k2"], days=[1] * 3_000 + [2] * 1_000)
    again = Baseline.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert again.draws == 3


def test_equal_quantiles_make_one_bin_and_a_constant_has_room_for_what_is_larger() -> None:
    zeros = Profile.numeric("mostly zero", np.array([0.0] * 85 + [1.0] * 15))
    assert zeros.edges == (0.0, 1.0)
    assert zeros.counts(np.array([-1.0, 0.0, 0.5, 1.0, 7.0, math.nan])).tolist() == [2, 2, 1, 1]
    assert Profile.numeric("nothing", np.full(5, math.nan)).missing == 1.0


def test_the_index_is_that_of_its_formula() -> None:
    profile = Profile("x", (0.0,), (0.5, 0.5), 0.0)
    # (0.8 - 0.5) ln(0.8 / 0.5) + (0.2 - 0.5) ln(0.2 / 0.5); the ghost in each cell fades with the rows
    assert profile.psi(np.array([800_000, 200_000, 0]), 1_000_000) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4), abs=1e-4)


def test_without_a_drift_the_index_is_what_chance_explains() -> None:
    base = Baseline.of(*drawn(1, 2_000), SCHEMA)
    found = [base.features[0].psi(base.features[0].counts(drawn(seed, 500)[0][:, 0]), base.rows) for seed in range(2, 202)]
    expected = 10 * (1 / 500 + 1 / 2_000)  # eleven cells with the missing ones
    assert np.mean(found) == pytest.approx(expected, rel=0.2)
    assert np.mean(np.array(found) > chance(11, 500, 2_000, 0.05)) == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize("what", ["values", "missing", "unseen"])
def test_a_shift_of_values_of_missing_or_of_unseen_shows(what: str) -> None:
    base = Baseline.of(*drawn(1), SCHEMA)
    x, scores = drawn(2, shift=0.5 if what == "values" else 0.0)
    if what == "missing":
        x[::2, 0] = MISSING
    if what == "unseen":
        x[::2, 1] = UNSEEN
    psi = [p.psi(c, base.rows) for p, c in zip(base.profiles, base.counts(x, scores), strict=True)]
    moved = 1 if what == "unseen" else 0
    assert psi[moved] > 0.2
    assert max(v for i, v in enumerate(psi) if i != moved) < 0.02
