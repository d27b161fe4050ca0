"""Tables: what is found wrong with them, and how their rows are parted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.schema import Feature, FeatureSchema
from models import table_findings, table_metrics, table_training
from models.bundle import load_bundle
from models.errors import DataError
from models.table import Objective, Table
from models.table_splits import Protocol, inner, splits
from models.table_training import as_often


def made(x: Any, y: Any, objective: Objective = "binary", **more: Any) -> Table:
    columns = np.array(x, dtype=np.float64).T
    features = tuple(Feature(f"f{i}") for i in range(columns.shape[1]))
    classes = () if objective == "regression" else tuple(map(str, range(int(max(y)) + 1)))
    return Table("t", "y", objective, FeatureSchema(features), columns, np.array(y, dtype=np.float64), classes, **more)


def test_columns_that_give_the_label_away_are_named_and_honest_ones_are_not() -> None:
    rng = np.random.default_rng(1)
    y = (rng.random(2000) < 0.1).astype(float)
    flag = np.where(np.cumsum(y) % 3 == 0, y, 0.0)  # set in a third of the positives, never in a negative
    found = table_findings.leaks(made([y * 5 + rng.random(2000), flag, y + rng.normal(size=2000)], y))
    assert set(found) == {"f0", "f1"}
    assert "AUC" in found["f0"]
    assert "not '1'" in found["f1"]


def test_leaks_of_other_objectives_are_named() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=2000) ** 3
    assert set(table_findings.leaks(made([np.exp(y / 9), y + rng.normal(size=2000)], y, "regression"))) == {"f0"}
    kinds = rng.integers(0, 3, 2000)
    assert set(table_findings.leaks(made([-kinds, kinds + rng.normal(size=2000)], kinds, "multiclass"))) == {"f0"}


def test_what_says_nothing_is_useless_and_named_so() -> None:
    rng = np.random.default_rng(1)
    n = 200
    x = [np.ones(n), np.full(n, np.nan), rng.permutation(n), rng.normal(size=n)]
    table = made(x, np.arange(n) % 2)
    found = table_findings.useless(table)
    assert list(found) == ["f0", "f1", "f2"]
    assert list(table_findings.useless(table, frozenset({"f2"}))) == ["f0", "f1"]
    assert table.without(found).schema.names == ("f3",)
    with pytest.raises(DataError, match="no column is left"):
        table_findings.useless(made(x[:1], np.arange(n) % 2))


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        (
            np.random.default_rng(1).normal(size=300) * 1e300,
            "column 'y', row 1: .*e[+]2.. is too large .* of 300 rows holds labels up to 1.1e[+]18",
        ),
        (np.append(np.random.default_rng(1).normal(size=299), -3e18), "column 'y', row 300: -3e[+]18 is too large"),
        (np.random.default_rng(1).normal(size=300) * 1e-300, "column 'y': all labels lie within 1e-18"),
        (1e9 + np.random.default_rng(1).random(300), "column 'y': all labels are 1e[+]09 to LightGBM"),
    ],
)
def test_labels_that_lightgbm_cannot_hold_are_named(labels: Any, why: str) -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(DataError, match=why):
        table_findings.check_label(made([rng.normal(size=300)], labels, "regression"))


@pytest.mark.parametrize("scale", [5e17, 1e-17])
def test_labels_at_the_edge_of_what_is_allowed_are_learned(scale: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_training, "MOST_ROUNDS", 100)
    x = np.linspace(-1, 1, 300)
    table = made([x], x**3 * scale, "regression")
    table_findings.check_label(table)
    report = load_bundle(table_training.train(table, Protocol(), "t.csv", tmp_path)).report
    assert report["metrics"]["r2"]["mean"] > 0.9
    assert report["importance"] == {"f0": 1.0}


def test_a_stream_flags_as_many_rows_as_the_table_had_positives() -> None:
    y, answers = np.array([1.0, 0, 0, 1, 0]), np.array([0.9, 0.2, 0.7, 0.4, 0.1])
    assert int((answers >= as_often(y, answers)).sum()) == 2
    assert as_often(y, np.array([0.9, 0.3, 0.3, 0.1, 0.1])) == 0.3, "of equal answers all or none"


def test_rows_that_repeat_are_counted_with_their_label() -> None:
    assert table_findings.duplicates(made([[1, 1, 1, 2, 0.0, -0.0], [3, 3, 3, np.nan, 1, 1]], [0, 0, 1, 1, 1, 1])) == 2


def test_a_group_is_never_parted_not_even_to_find_the_rounds() -> None:
    rng = np.random.default_rng(1)
    group = rng.integers(0, 40, 500)
    table = made([rng.normal(size=500)], rng.integers(0, 2, 500), group=group)
    parts = splits(table, Protocol())
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(500))
    for train, test in parts:
        assert not set(group[train]) & set(group[test])
        learn, mined = inner(table, train, Protocol())
        assert not set(group[learn]) & set(group[mined])
        assert set(learn) | set(mined) == set(train)


def test_by_time_what_is_learned_lies_before_what_is_judged() -> None:
    rng = np.random.default_rng(1)
    time = rng.integers(0, 50, 500).astype(float)
    table = made([rng.normal(size=500)], rng.integers(0, 2, 500), time=time)
    for train, test in splits(table, Protocol()):
        assert time[train].max() < time[test].min()
        learn, mined = inner(table, train, Protocol())
        assert time[learn].max() <= time[mined].min()
    ((train, test),) = splits(table, Protocol(test_last=100))
    assert len(test) == 100
    assert time[train].max() <= time[test].min()
    with pytest.raises(DataError, match="too few different moments"):
        splits(made([rng.normal(size=500)], rng.integers(0, 2, 500), time=time * 0), Protocol())


def test_the_last_rows_of_the_file_are_judged_where_that_is_said() -> None:
    rng = np.random.default_rng(1)
    table = made([rng.normal(size=100)], np.arange(100) % 2)
    ((train, test),) = splits(table, Protocol(test_last=20))
    assert (train.tolist(), test.tolist()) == (list(range(80)), list(range(80, 100)))
    with pytest.raises(DataError, match="--test-last 95"):
        splits(table, Protocol(test_last=95))


def test_by_lot_the_seed_decides_and_classes_keep_their_shares() -> None:
    rng = np.random.default_rng(1)
    table = made([rng.normal(size=200)], np.arange(200) % 10 == 0)
    one, same, other = (splits(table, Protocol(seed=seed)) for seed in (1, 1, 2))
    assert [t.tolist() for _, t in one] == [t.tolist() for _, t in same]
    assert [t.tolist() for _, t in one] != [t.tolist() for _, t in other]
    assert {int(table.y[test].sum()) for _, test in one} == {4}


def test_a_column_that_is_empty_in_the_rows_looked_at_is_no_leak() -> None:
    """Of a million rows a part is looked at, and three cells are filled."""
    rng = np.random.default_rng(1)
    y = np.arange(2000) % 2
    assert table_findings.leaks(made([np.full(2000, np.nan), rng.normal(size=2000)], y)) == {}


@pytest.mark.parametrize("groups", [5, 6])
def test_as_few_groups_as_there_are_folds_are_parted_once_more(groups: int) -> None:
    rng = np.random.default_rng(1)
    table = made([rng.normal(size=300)], rng.normal(size=300), "regression", group=np.arange(300) % groups)
    for train, _ in splits(table, Protocol()):
        learn, test = inner(table, train, Protocol())
        assert not set((learn % groups).tolist()) & set((test % groups).tolist())
        assert len(learn) + len(test) == len(train)


def test_a_class_of_as_few_rows_as_there_are_folds_is_parted_once_more() -> None:
    rng = np.random.default_rng(1)
    y = (np.arange(300) < 5).astype(np.float64)
    table = made([rng.normal(size=300)], y)
    for train, _ in splits(table, Protocol()):
        assert all(y[part].any() for part in inner(table, train, Protocol()))


def test_a_fold_whose_labels_are_all_equal_has_finite_measures() -> None:
    rng = np.random.default_rng(1)
    table = made([rng.normal(size=300)], rng.normal(size=300), "regression")
    found = table_metrics.judge(table, np.zeros(5), np.ones(5))
    assert found == {"rmse": 1.0, "mae": 1.0, "r2": 0.0}
