"""What is kept back is the newest, is seen by neither model, and leaves nothing of one life on both sides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from domain.registry import DOMAINS
from models import gate, retrain
from models.bundle import Bundle, load_bundle
from models.dataset import Dataset, replay
from models.drift import Baseline
from models.errors import DataError
from models.holdout import part
from models.retrain import Days
from models.train import Origin
from tests.domain import worlds
from tests.domain.worlds import START
from tests.models.small import FRAUD, WINDOW, dataset

MAINTENANCE = DOMAINS["maintenance"]
FRAUDS = replace(FRAUD.learning(), window=WINDOW)
SMALL = replace(FRAUD, learning=lambda: replace(FRAUDS, folds=2))


@cache
def machines() -> Dataset:
    return replay(MAINTENANCE, MAINTENANCE.simulate(5, START, machines=24, days=30))


def test_a_candidate_learns_from_the_days_right_before_those_kept_back() -> None:
    data = dataset()
    fold = part(data, FRAUDS, 4)
    last = data.day[-1] - WINDOW.delay
    assert (data.day[fold.test].min(), data.day[fold.test].max()) == (last - 3, last)
    assert (data.day[fold.train].min(), data.day[fold.train].max()) == (last - 3 - WINDOW.train, last - 4)


def test_days_whose_labels_have_not_all_had_the_time_to_come_are_not_judged_on() -> None:
    """An analyst's verdict on an alert comes at once: the last days hold little else."""
    data = dataset()
    y = data.y.copy()
    y[-50:] = 1.0
    assert np.array_equal(part(replace(data, y=y), FRAUDS, 4).test, part(data, FRAUDS, 4).test)


def test_a_clock_that_is_wild_does_not_complete_the_labels_of_a_day() -> None:
    data = dataset()
    time = data.time.copy()
    time[-1] += 400 * 86_400
    assert np.array_equal(part(replace(data, time=time), FRAUDS, 4).test, part(data, FRAUDS, 4).test)


def test_a_customer_who_is_known_as_positive_is_kept_back_all_the_same() -> None:
    """The stream goes on asking of them, and quality is measured with them."""
    data = dataset()
    fold = part(data, FRAUDS, 6)
    assert set(data.key[fold.train][data.y[fold.train] == 1]) & set(data.key[fold.test])
    last = data.day[-1] - WINDOW.delay
    assert len(fold.test) == ((data.day > last - 6) & (data.day <= last) & data.labelled).sum()


def test_the_lives_that_ended_last_are_kept_back_whole() -> None:
    data, learning = machines(), MAINTENANCE.learning()
    fold = part(data, learning, 7)
    rows = np.flatnonzero(data.labelled)
    assert sorted([*fold.train, *fold.test]) == rows.tolist()
    assert learning.unit is not None
    life = learning.unit(data.chosen(rows))
    held, learned = (np.isin(rows, side) for side in (fold.test, fold.train))
    assert not set(life[held]) & set(life[learned])
    assert data.day[fold.train].max() < data.day[fold.test].max() - 6
    assert min(data.day[rows[life == number]].max() for number in set(life[held])) >= data.day[rows].max() - 6


def test_what_the_champion_may_have_learned_from_is_not_judged_on() -> None:
    data, learning = machines(), MAINTENANCE.learning()
    whole = part(data, learning, 10)
    until = float(np.quantile(data.time[whole.test], 0.1))
    fold = part(data, learning, 10, until)
    assert data.time[fold.test].min() > until
    assert np.array_equal(fold.train, whole.train)
    assert 0 < len(fold.test) < len(whole.test)


def test_too_little_to_judge_on_is_refused_in_words() -> None:
    data = dataset()
    with pytest.raises(DataError, match=r"labels of 0 keys to judge on since the champion's last, of 20.* are too few"):
        part(data, FRAUDS, 4, data.time[-1])
    with pytest.raises(DataError, match="labelled rows are of the newest 100 days, which are kept to judge on: none is left to learn from"):
        part(data, FRAUDS, 100)
    with pytest.raises(DataError, match="labelled rows to learn from hold one answer only"):
        part(replace(data, y=np.where(np.isnan(data.y), np.nan, 0.0)), FRAUDS, 4)
    with pytest.raises(DataError, match="no labels have come yet"):
        part(replace(data, y=np.full(len(data), np.nan)), FRAUDS, 4)


@pytest.mark.parametrize("name", ["cross_sell", "maintenance"])
def test_every_domain_makes_a_candidate_that_is_no_better_than_itself(name: str, tmp_path: Path) -> None:
    data, days = worlds.dataset(name), Days(holdout=5)
    fold = retrain.part(worlds.quick(name), data, None, days)
    folder = retrain.train(worlds.quick(name), data, fold, Origin({"source": "topics"}), tmp_path, days=days)
    one = load_bundle(folder)
    limits = gate.Limits(latency=100, resamples=20)
    verdict = gate.compare(worlds.quick(name), data.chosen(fold.test), one, one, limits, np.random.default_rng(7))
    assert [check.name for check in verdict.checks if not check.passed] == ["headline"]
    assert Baseline.from_json(one.manifest["baseline"]).rows >= len(fold.train)
    assert one.manifest["code_version"].startswith("0.")


def test_whole_lives_are_not_cut_by_days() -> None:
    with pytest.raises(DataError, match="whole lives"):
        retrain.part(MAINTENANCE, machines(), None, Days(train=7))


def made(data: Dataset, folder: Path, days: Days, parent: Bundle | None = None) -> Bundle:
    fold = retrain.part(SMALL, data, None, days)
    origin = Origin({"source": "topics"}, parent.version if parent else None)
    return load_bundle(retrain.train(SMALL, data, fold, origin, folder, days=days))


def shuffled(data: Dataset) -> Dataset:
    """The same labels, on other rows."""
    rows = np.flatnonzero(data.labelled)
    y = data.y.copy()
    y[rows] = y[np.random.default_rng(2).permutation(rows)]
    return replace(data, y=y)


def test_a_candidate_of_shuffled_labels_is_refused_and_one_of_true_labels_takes_its_place(tmp_path: Path) -> None:
    data, days = dataset(), Days(train=14, holdout=6)
    good = made(data, tmp_path, days)
    bad = made(shuffled(data), tmp_path, days, good)
    assert (good.manifest["parent"], bad.manifest["parent"]) == (None, good.version)
    assert good.manifest["data"]["to"] < good.manifest["data"]["held_out"]["from"]
    rows = data.chosen(retrain.part(SMALL, data, good, days).test)
    patient = gate.Limits(latency=100, resamples=100)  # a busy machine must not decide a test

    refused = gate.compare(SMALL, rows, good, bad, patient, np.random.default_rng(7))
    assert refused.verdict == "refused"
    assert refused.checks[0].high is not None
    assert refused.checks[0].high < 0
    assert "average_precision" in refused.reason

    taken = gate.compare(SMALL, rows, bad, good, replace(patient, calibration=100), np.random.default_rng(7))
    assert taken.better, taken.reason
