"""A simulated world may change: what a model learned before holds no longer, and what the features show can be learned again."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import numpy as np
import pytest
from lightgbm import Booster

from domain.learning import Rows
from domain.registry import DOMAINS
from models import report
from models.dataset import Dataset, replay

START = datetime(2025, 3, 3, tzinfo=UTC)
FRAUD = DOMAINS["fraud"]
DRIFT = 28


@pytest.mark.parametrize("name", DOMAINS)
def test_a_world_is_the_same_until_it_changes_but_for_its_ids(name: str) -> None:
    domain = DOMAINS[name]
    small = {size: max(2, number // 20) for size, number in domain.sizes.items()}
    never, drifting = (list(domain.simulate(3, START, days=14, drift_after_days=day, **small)) for day in (0, 7))
    before = [e.at.timestamp() for e in never if (e.at - START).days < 7]
    assert [e.at.timestamp() for e in drifting][: len(before)] == before
    assert [without_ids(e.value) for e in drifting[: len(before)]] == [without_ids(e.value) for e in never[: len(before)]]
    assert [without_ids(e.value) for e in drifting] != [without_ids(e.value) for e in never]
    assert not {e.value.id for e in drifting} & {e.value.id for e in never}


def without_ids(value: object) -> dict[str, object]:
    return {k: v for k, v in value.model_dump().items() if not k.endswith("_id")}  # type: ignore[attr-defined]  # a pydantic model


@cache
def frauds() -> Dataset:
    return replay(FRAUD, FRAUD.simulate(5, START, customers=800, terminals=1600, days=56, drift_after_days=DRIFT))


def of_days(first: int, end: int) -> Rows:
    day = frauds().day
    return frauds().chosen(np.flatnonzero(frauds().labelled & (day >= first) & (day < end)))


def fitted(first: int, end: int) -> Booster:
    return report.fit(FRAUD.learning().recipe, of_days(first, end), FRAUD.schema)


def precision(model: Booster, first: int, end: int) -> float:
    rows = of_days(first, end)
    return FRAUD.learning().headline_of(rows, report.answers({"": model}, rows.x))


def test_a_frozen_fraud_model_loses_most_of_its_worth_and_a_retrained_one_has_it_again() -> None:
    frozen = fitted(7, 21)
    before = precision(frozen, 21, DRIFT)
    assert precision(frozen, 42, 49) < 0.6 * before
    assert precision(fitted(DRIFT, 42), 42, 49) > 0.9 * before
