"""What a cycle's target is, how estimates are judged, and that the recipe beats what needs no model."""

from __future__ import annotations

import math

import lightgbm as lgb
import numpy as np
import pytest

from domain.learning import Rows
from domain.maintenance import MAINTENANCE
from domain.maintenance.features import SCHEMA
from domain.maintenance.learning import AGE, LEARNING, baselines, judge, linear
from domain.maintenance.lives import CAP, targets
from domain.maintenance.policy import Costs
from domain.maintenance.rul_metrics import cuts, lives, nasa_score, rmse
from models import protocol, report
from models.dataset import Dataset, replay
from tests.domain.machines import START, ending, telemetry


def rows(ages: list[float], y: list[float] | None = None, key: str = "m") -> Rows:
    x = np.zeros((len(ages), len(SCHEMA)))
    x[:, AGE] = ages
    return Rows(x, np.array(y if y is not None else ages, dtype=float), np.array([key] * len(ages)), np.zeros(len(ages), dtype=np.int64))


def test_a_target_is_the_life_that_remains_and_never_more_than_the_cap() -> None:
    target = targets([ending(200), ending(300, installed=200)])
    assert [target(telemetry(c)) for c in (1, 75, 76, 199, 200, 201, 300)] == [CAP, CAP, 124.0, 1.0, 0.0, 99.0, 0.0]


def test_nobody_knows_what_a_part_would_have_lasted_that_was_replaced_or_still_runs() -> None:
    target = targets([ending(100, "planned", unused=50.0), ending(300, installed=200)])
    for unknown in (
        telemetry(50),
        telemetry(301),
        telemetry(5, machine="other"),
        telemetry(150),
    ):  # 150: its own end is not among the labels
        assert math.isnan(target(unknown))


def test_labels_count_once_in_any_order_and_a_failure_overrules() -> None:
    labels = [ending(100, "planned"), ending(100), ending(40)]
    for chosen in (labels, labels[::-1], labels * 2):
        assert targets(chosen)(telemetry(99)) == 1.0


def test_the_nasa_score_is_the_published_one() -> None:
    y = np.array([50.0, 50.0, 50.0])
    late, early = nasa_score(y, np.array([60.0, 50.0, 50.0])), nasa_score(y, np.array([37.0, 50.0, 50.0]))
    assert late == pytest.approx(math.e - 1)
    assert early == pytest.approx(math.e - 1)
    assert nasa_score(y, y) == 0.0


def test_a_machines_rows_are_parted_into_its_lives() -> None:
    ages = [float(a) for a in [*range(40, 90), *range(1, 60), 58, *range(60, 70), *range(2, 30)]]
    assert [len(life) for life in lives(np.array(["m"] * len(ages)), np.array(ages))] == [50, 70, 28]


def test_a_machine_may_have_thousands_of_lives_and_machines_come_mixed() -> None:
    ages = np.tile(np.arange(1.0, 4.0), 3_000)
    assert len(lives(np.full(len(ages), "m"), ages)) == 3_000
    mixed = lives(np.array(["b", "a", "b", "a", "b"]), np.array([5.0, np.nan, np.nan, 7.0, 1.0]))
    assert [life.tolist() for life in mixed] == [[1, 3], [0, 2], [4]]


def test_a_cut_is_the_same_each_time_and_spread_over_the_life() -> None:
    found = [np.arange(100), np.arange(100, 150)]
    names = np.array(["a"] * 100 + ["b"] * 50)
    chosen = np.array([cuts(found, names, r) for r in range(300)])
    assert (chosen == np.array([cuts(found, names, r) for r in range(300)])).all()
    assert chosen[:, 0].min() < 10
    assert chosen[:, 0].max() > 90
    assert ((chosen[:, 1] >= 100) & (chosen[:, 1] < 150)).all()


def test_judging_looks_at_each_life_once_however_long_it_is() -> None:
    """A long life that is estimated well does not hide a short one that is not."""
    ages = [float(a) for a in [*range(1, 1_001), *range(1, 11)]]
    wrong = np.array([0.0] * 1_000 + [10.0] * 10)
    found = judge(rows(ages, [0.0] * 1_010), wrong[:, None])
    assert found["rmse"] == pytest.approx(math.sqrt(50))
    assert found["rmse_all_rows"] < 2
    assert "early_coverage" not in found


def test_the_bounds_coverage_is_the_share_that_holds() -> None:
    y = [10.0, 20.0, 30.0, 100.0]
    found = judge(rows([1, 2, 3, 4], y), np.array([[0, 15.0], [0, 15.0], [0, 15.0], [0, 110.0]]))
    assert found["early_coverage"] == 0.5
    assert found["early_coverage_near"] == pytest.approx(2 / 3)


def test_the_linear_model_finds_a_line_through_missing_values() -> None:
    rng = np.random.default_rng(0)
    train, test = (rows(rng.uniform(1, 120, 500).tolist()) for _ in range(2))
    train.x[::50, AGE] = np.nan
    assert rmse(test.y, linear(train, test)) < 3


@pytest.fixture(scope="module")
def world() -> Dataset:
    return replay(MAINTENANCE, MAINTENANCE.simulate(5, START, machines=24, days=20))


def test_the_recipe_beats_the_mean_and_a_linear_model(world: Dataset) -> None:
    fold = next(iter(protocol.by_key(world, 2)))
    train, test = world.chosen(fold.train), world.chosen(fold.test)
    boosters = {name: report.fit(recipe, train, SCHEMA) for name, recipe in report.recipes(LEARNING).items()}
    found, others = judge(test, report.answers(boosters, test.x)), baselines(train, test)
    assert found[LEARNING.headline] < 0.9 * others["linear model"]["rmse"]
    assert found[LEARNING.headline] < 0.6 * others["mean"]["rmse"]
    assert found["early_coverage"] > 1 - 3 * Costs().chance
    assert set(LEARNING.shown) <= set(found)
    assert _used(boosters[""]).isdisjoint({n for n in SCHEMA.names if n.startswith(("sensor_1_", "sensor_5_", "sensor_19_"))})


def _used(booster: lgb.Booster) -> set[str]:
    """The features that the model asks for: LightGBM leaves out by itself what never changes."""
    return {name for name, share in report.importance(booster).items() if share > 0}
