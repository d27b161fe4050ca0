"""What a table's decisions were worth, by the kind of its answer; the contract's table has two classes."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from domain.contract import Domain
from domain.decision import Decision
from domain.learning import Rows
from domain.schema import Feature, FeatureSchema
from domain.table.rows import Label, Row
from models.table import Objective
from models.table_domain import Facts, domain_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
CLASSES: dict[Objective, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def table(objective: Objective) -> Domain:
    return domain_of(Facts("t", objective, FeatureSchema((Feature("x"),)), "y", CLASSES[objective], 0.5, (), {"objective": objective}))


def decided(domain: Domain, ident: str, *scores: float) -> Decision:
    """The policy's decision on a row of these scores."""
    event = Row(id=ident, event_time=NOON)
    verdict = domain.policy.judge(scores, event, {}, None)
    said = {"decision_id": ident, "action": verdict.action, "score": verdict.score, "context": {**event.context, **verdict.notes}}
    return Decision.model_construct(**said)


def worth(domain: Domain, decisions: list[Decision], values: dict[str, Any]) -> dict[str, float]:
    ledger = domain.ledger()
    for decision in decisions:
        ledger.decided(decision)
    for ident, value in values.items():
        ledger.learned(Label(id=ident, event_time=NOON, value=value))
    return ledger.take()


def test_of_two_classes_the_flagged_and_the_missed_are_counted() -> None:
    domain = table("binary")
    rows = [decided(domain, ident, p) for ident, p in {"a": 0.9, "b": 0.9, "c": 0.1, "d": 0.1, "e": 0.9}.items()]
    found = worth(domain, rows, {"a": "yes", "b": "no", "c": "yes", "d": "no"})
    assert found == {"rows": 5, "flagged right": 1, "flagged wrong": 1, "missed": 1, "passed right": 1}


def test_of_many_classes_the_right_answers_are_counted() -> None:
    domain = table("multiclass")
    rows = [decided(domain, "a", 0.1, 0.7, 0.2), decided(domain, "b", 0.1, 0.7, 0.2), decided(domain, "c", 0.4, 0.3, 0.3)]
    assert worth(domain, rows, {"a": "b", "b": "c", "c": "a"}) == {"rows": 3, "answered right": 2, "answered wrong": 1}


def test_of_a_quantity_the_errors_are_summed() -> None:
    domain = table("regression")
    rows = [decided(domain, "a", 10.0), decided(domain, "b", 4.0)]
    assert worth(domain, rows, {"a": 7, "b": 4.5}) == {"rows": 2, "labelled rows": 2, "absolute error": 3.5}


@pytest.mark.parametrize(("objective", "scores"), [("binary", (1,)), ("multiclass", (3,)), ("regression", (1,))])
def test_every_kind_of_answer_is_judged_by_the_measures_of_its_training(objective: Objective, scores: tuple[int]) -> None:
    rng, learning = np.random.default_rng(1), table(objective).learning()
    y = rng.integers(0, max(2, len(CLASSES[objective])), 60).astype(float)
    rows = Rows(np.zeros((60, 1)), y, np.array([str(i) for i in range(60)]), np.zeros(60, np.int64))
    found = learning.judge(rows, rng.dirichlet([1, 1, 1], 60)[:, : scores[0]])
    assert {learning.headline, *learning.shown} <= set(found)
    assert all(map(math.isfinite, found.values()))
    assert set(learning.baselines(rows, rows)["the same answer always"]) == set(found)
