"""A model that learns one label at a time: what it says it says before it knows, and it learns in every kind of domain."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from domain.decision import Decision
from domain.registry import DOMAINS
from models.online import KEPT, Online
from tests.domain.worlds import dataset, labels, quick

NAMES = list(DOMAINS)


def outputs(name: str) -> int:
    return int(quick(name).learning().recipe.params.get("num_class", 1))


@cache
def made(name: str) -> tuple[Decision, ...]:
    """A decision for each row of a small world, as far as a learner looks at it."""
    data, found = dataset(name), []
    for i, row in enumerate(data.x.tolist()):
        event_id = str(data.event_id[i])
        found.append(Decision(
            domain=name, decision_id=event_id, key=str(data.key[i]), event_time=datetime.fromtimestamp(data.time[i], UTC),
            action="", alert=False, score=0.0, threshold=0.0, raw=[0.0], features=[None if math.isnan(v) else v for v in row],
            context={"cycle": float(event_id.rpartition(":")[2])} if name == "maintenance" else {}, reasons=[],
            model_version="v1", format="native", source_us=None, broker_us=0, decided_us=0,
        ))  # fmt: skip
    return tuple(found)


@cache
def told(name: str) -> Online:
    """A learner that was told a small world's decisions and labels, in order of event time."""
    online = Online(quick(name), outputs(name))
    known: list[Any] = [*made(name), *labels(name)]
    for value in sorted(known, key=lambda v: v.event_time):
        online.decided(value) if isinstance(value, Decision) else online.learned(value)
    return online


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_each_decision_once_with_the_target_that_training_would_take(name: str) -> None:
    online, target = told(name), quick(name).targets(labels(name))
    by_id = {d.decision_id: d for d in made(name)}
    ids = [s.decision_id for s in online.seen]
    assert ids
    assert len(set(ids)) == len(ids) == min(online.learned_rows, KEPT)
    for seen in online.seen:
        if name != "fraud":  # an all-clear may be overruled by a chargeback after it was learned
            assert seen.y == target(by_id[seen.decision_id])
        assert seen.x.tobytes() == np.array([np.nan if v is None else v for v in by_id[seen.decision_id].features]).tobytes()


def test_it_foresees_ends_of_lives_better_than_their_mean_would() -> None:
    late = list(told("maintenance").seen)[len(told("maintenance").seen) // 2 :]
    left = np.array([s.y for s in late])
    error = np.array([s.online[0] for s in late]) - left
    assert np.sqrt(np.mean(error**2)) < 0.8 * left.std()


def test_it_ranks_frauds_far_above_other_payments() -> None:
    late = list(told("fraud").seen)[len(told("fraud").seen) // 2 :]
    assert roc_auc_score([s.y for s in late], [s.online[0] for s in late]) > 0.85


def test_chances_of_classes_add_up_and_an_unlearned_learner_prefers_none() -> None:
    first = Online(quick("cross_sell"), outputs("cross_sell")).decided(made("cross_sell")[0])
    assert first is not None
    assert np.allclose(first, 1 / outputs("cross_sell"))
    assert all(abs(s.online.sum() - 1) < 1e-9 for s in told("cross_sell").seen)


def test_a_decision_that_waits_is_not_asked_twice_and_one_without_features_is_left_out() -> None:
    online, first = Online(quick("fraud"), 1), made("fraud")[0]
    assert online.decided(first) is not None
    assert online.decided(first) is None
    assert online.decided(first.model_copy(update={"decision_id": "other", "features": []})) is None


@pytest.mark.parametrize("name", NAMES)
def test_labels_that_come_before_their_decisions_teach_as_well(name: str) -> None:
    """As at a restart, when both topics are read from their beginnings and the one of labels is the shorter."""
    online = Online(quick(name), outputs(name))
    some = made(name)[:2_000]
    spoken_of = {d.decision_id for d in some} | {d.key for d in some}
    for label in labels(name):
        if {label.id, label.key} & spoken_of:
            online.learned(label)
    assert online.learned_rows == 0
    target = quick(name).targets(labels(name))
    for decision in some:
        online.decided(decision)
    assert online.learned_rows == sum(not math.isnan(target(d)) for d in some) > 0


def test_the_oldest_that_wait_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.online.WAITING", 10)
    online, about = Online(quick("fraud"), 1), {label.id: label for label in labels("fraud")}
    some = [d for d in made("fraud") if d.decision_id in about][:30]
    for decision in some:
        online.decided(decision)
    assert online.forgotten == 20
    assert [online.learned(about[d.decision_id]) for d in some] == [0] * 20 + [1] * 10
