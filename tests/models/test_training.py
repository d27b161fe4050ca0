"""Training looks back only, judges forward only, and beats the best single rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.contract import Emission
from models import handbook, handbook_evaluation
from models.dataset import replay
from models.errors import DataError
from models.protocol import by_key, evenly, folds
from models.recorded import Question
from tests.models.small import DAYS, FRAUD, WINDOW, dataset, history
from tests.published import DATA

HANDBOOK = DATA / "fraud" / "handbook"


def test_replaying_in_any_order_gives_the_same_rows() -> None:
    shuffled = [history()[i] for i in np.random.default_rng(0).permutation(len(history()))]
    again = replay(FRAUD, shuffled)
    assert again.x.tobytes() == dataset().x.tobytes()
    assert np.array_equal(again.y, dataset().y, equal_nan=True)


def test_a_row_knows_nothing_of_what_comes_after_it() -> None:
    """Cutting the history off at a moment changes no row before it, labels included."""
    moment = history()[0].at.timestamp() + 20 * 86_400
    early = replay(FRAUD, [e for e in history() if e.at.timestamp() < moment])
    before = {i: row.tobytes() for i, row in zip(dataset().event_id.tolist(), dataset().x, strict=True)}
    assert len(early) > 5_000
    late_arrivals = {e.value.id for e in history() if e.stream == "events" and e.at > e.value.event_time}
    differing = [i for i, row in zip(early.event_id.tolist(), early.x, strict=True) if before[i] != row.tobytes()]
    assert set(differing) <= late_arrivals | _near_the_end(moment)


def _near_the_end(moment: float) -> set[str]:
    """Payments of the last hours, before which a late payment of the same customer was still missing."""
    return {e.value.id for e in history() if e.stream == "events" and e.value.event_time.timestamp() > moment - 6 * 3600}


def test_turning_a_verdict_changes_only_rows_at_that_terminal_once_it_is_known() -> None:
    label = next(e.value for e in history() if e.stream == "labels")
    turned = label.model_copy(update={"verdict": "all-clear" if label.fraud else "chargeback"})
    other = replay(FRAUD, [e._replace(value=turned) if e.value == label else e for e in history() if not isinstance(e.value, bytes)])
    changed = np.flatnonzero([a.tobytes() != b.tobytes() for a, b in zip(dataset().x, other.x, strict=True)])
    terminals = {e.value.id: e.value.terminal_id for e in history() if e.stream == "events" and not isinstance(e.value, bytes)}
    assert changed.size
    assert dataset().time[changed].min() >= label.event_time.timestamp()
    assert {terminals[i] for i in dataset().event_id[changed].tolist()} == {label.terminal_id}


def test_folds_train_before_they_test_with_the_label_delay_between_and_without_known_customers() -> None:
    data = dataset()
    day = data.day
    found = list(folds(data, WINDOW, evenly(data, WINDOW, 3), leave_out_found=True))
    assert len(found) > 1
    for fold in found:
        assert day[fold.test].min() - day[fold.train].max() == WINDOW.delay + 1
        assert day[fold.test].min() == fold.first_test_day
        assert not set(data.key[fold.train][data.y[fold.train] == 1]) & set(data.key[fold.test])


def test_too_short_a_history_is_refused_in_words() -> None:
    data = dataset()
    early = data.day < 10
    short = replace(data, x=data.x[early], y=data.y[early], time=data.time[early], key=data.key[early], event_id=data.event_id[early])
    with pytest.raises(DataError, match="too few days"):
        evenly(short, WINDOW, 2)


def test_a_history_without_frauds_is_refused_in_words() -> None:
    honest = replace(dataset(), y=np.zeros(len(dataset())))
    with pytest.raises(DataError, match="nothing to learn from or to find"):
        list(folds(honest, WINDOW, [0], leave_out_found=True))


def test_parted_by_key_each_key_is_tested_once_and_never_by_a_model_that_saw_it() -> None:
    data = dataset()
    found = list(by_key(data, 4))
    assert sorted(np.concatenate([fold.test for fold in found]).tolist()) == np.flatnonzero(data.labelled).tolist()
    assert all(not set(data.key[fold.train]) & set(data.key[fold.test]) for fold in found)


def test_too_few_keys_are_refused_in_words() -> None:
    one = replace(dataset(), key=np.full(len(dataset()), "c1"))
    with pytest.raises(DataError, match="labels of 1 keys are too few"):
        list(by_key(one, 4))


def test_nothing_to_learn_from_is_refused_in_words() -> None:
    broken = Emission(history()[0].at, "events", "k", b"{")
    with pytest.raises(DataError, match="no payments"):
        replay(FRAUD, [broken])


def test_the_model_beats_the_best_single_rule_clearly(trained: Path) -> None:
    report = json.loads((trained / "report.json").read_text())
    assert report["metrics"]["average_precision"]["mean"] > 1.2 * report["baselines"]["best single rule"]["average_precision"]["mean"]
    assert report["metrics"]["auc"]["mean"] > 0.7
    assert WINDOW.span <= DAYS


def test_files_that_are_no_handbook_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    for name in ("x.parquet", "absent.parquet"):
        with pytest.raises(DataError, match=name):
            list(handbook.emissions([tmp_path / name]))


@pytest.mark.skipif(not HANDBOOK.is_dir(), reason=f"the handbook's files are not in {HANDBOOK}: set POLYSCORE_TEST_DATA to their folder")
@pytest.mark.timeout(600)
def test_on_the_handbooks_payments_the_recipe_is_as_good_as_the_report_says() -> None:
    files = [HANDBOOK / "2018-04.parquet", HANDBOOK / "2018-05.parquet"]
    report = handbook_evaluation.evaluate(FRAUD, Question(files))
    metrics = {name: values["mean"] for name, values in report["metrics"].items()}
    assert len(report["folds"]) >= 4
    assert all(fold["first_test_day"] >= 30 for fold in report["folds"])
    assert metrics["average_precision"] >= 0.745  # measured 0.7497
    assert metrics["auc"] >= 0.885  # a model that is right wherever a label can have told reaches 0.895: tests/bench/handbook.py
    assert metrics["card_precision_share"] >= 0.73  # such a model: 0.749
