"""Drift: nothing over a long time without one, and a planted one by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.decision import Decision
from domain.registry import DOMAINS
from domain.schema import UNSEEN
from models.answers import answers
from models.days import Days, day_of
from models.drift import Baseline
from models.watch import GRACE, Limits, Measured, Turn, Watch
from tests.models.decided import Plain, decided

START = datetime(2025, 3, 3, tzinfo=UTC)
FIRST = day_of(START)


@dataclass(frozen=True)
class Long:
    """A world of many weeks, and the days of it that the baseline is of: such that all windows are full."""

    days: int
    learned: tuple[int, int]
    sizes: Mapping[str, int]


WORLDS = {
    "fraud": Long(90, (39, 53), {"customers": 300, "terminals": 600}),
    "cross_sell": Long(126, (85, 106), {"shoppers": 160, "stores": 3}),
    "maintenance": Long(63, (15, 39), {"machines": 30}),
}
PLANTED = 70  # the day on which fraud's world changes


@cache
def world(name: str) -> tuple[tuple[Decision, ...], tuple[Any, ...]]:
    long = WORLDS[name]
    emissions = list(DOMAINS[name].simulate(11, START, days=long.days, **long.sizes))
    return tuple(decided(DOMAINS[name], emissions)), tuple(e.value for e in emissions if e.stream == "labels")


@cache
def baseline(name: str) -> Baseline:
    first, end = (FIRST + day for day in WORLDS[name].learned)
    rows = [d for d in world(name)[0] if first <= day_of(d.event_time) < end]
    found = answers(DOMAINS[name], np.array([d.raw for d in rows]))
    x = np.array([d.features for d in rows], np.float64)
    return Baseline.of(x, found, DOMAINS[name].schema, [d.key for d in rows], [day_of(d.event_time) for d in rows])


def watched(
    name: str, change: Callable[[Decision], Decision] = lambda d: d, of: Callable[[str], Baseline | None] | None = None
) -> tuple[list[Measured], list[Turn]]:
    """All that is said of the world's decisions, each changed, when they and the labels come as their time comes."""
    decisions, labels = world(name)
    days = Days(DOMAINS[name])
    watch = Watch(days, of or (lambda version: baseline(name)))
    measured, turns, seen = list[Measured](), list[Turn](), FIRST
    for message in sorted([*map(change, decisions), *labels], key=lambda m: m.event_time):
        if day_of(message.event_time) > seen:
            seen = day_of(message.event_time)
            found = watch.look(seen - 1)
            measured, turns = measured + found[0], turns + found[1]
            days.let_go(seen - 1)
        (days.decided if isinstance(message, Decision) else days.learned)(message)
    return measured, turns


def planted(name: str, change: Callable[[list[float]], None]) -> Callable[[Decision], Decision]:
    """From a day on, other features: and the score that a model gives to those."""
    model = Plain(DOMAINS[name])

    def changed(decision: Decision) -> Decision:
        if day_of(decision.event_time) < FIRST + PLANTED:
            return decision
        row = [np.nan if v is None else v for v in decision.features]
        change(row)
        scores = model.score(row)
        return decision.model_copy(update={"features": row, "raw": list(scores.raw), "score": scores.values[0]})

    return changed


@pytest.mark.parametrize("name", DOMAINS)
def test_weeks_without_a_shift_raise_nothing(name: str) -> None:
    measured, turns = watched(name)
    assert [(t.day - FIRST, t.moved) for t in turns] == []
    looked = {m.day for m in measured}
    assert len(looked) >= 28
    assert {m.name for m in measured} == {p.name for p in baseline(name).profiles}


def amount(row: list[float]) -> None:
    """Prices double."""
    row[0] *= 2


def category(row: list[float]) -> None:
    """A source sends every third category under a name that the schema does not list."""
    if round(row[0] * 100) % 3 == 0:
        row[-1] = UNSEEN


def hour(row: list[float]) -> None:
    """A source forgets the customer's history for every fourth payment."""
    if round(row[0] * 100) % 4 == 0:
        row[row.index(row[5])] = np.nan


@pytest.mark.parametrize(("change", "feature"), [(amount, "amount"), (category, "merchant_category"), (hour, "customer_mean_1d")])
def test_a_planted_shift_is_raised_by_name_within_ten_days_and_not_before(change: Callable[[list[float]], None], feature: str) -> None:
    """Ten days of this world are 6,000 payments: a week that is half of the new kind, three windows in a row, and two days of grace."""
    _, turns = watched("fraud", planted("fraud", change))
    first = turns[0]
    assert feature in {moved.name for turn in turns for moved in turn.moved}
    assert FIRST + PLANTED <= first.day <= FIRST + PLANTED + 10 - GRACE
    named = next(moved for turn in turns for moved in turn.moved if moved.name == feature)
    assert FIRST + PLANTED <= named.since <= first.day + 1
    assert named.value > named.limit


def test_a_drift_that_ends_is_over() -> None:
    def passing(decision: Decision) -> Decision:
        return decision if day_of(decision.event_time) >= FIRST + PLANTED + 7 else planted("fraud", amount)(decision)

    _, turns = watched("fraud", passing)
    assert turns[0].moved
    assert not turns[-1].moved
    assert turns[-1].model_version == "v1"


def test_a_version_without_a_baseline_is_named_and_not_measured() -> None:
    days = Days(DOMAINS["fraud"])
    for decision in world("fraud")[0][:20_000]:
        days.decided(decision)
    watch = Watch(days, lambda version: None)
    assert watch.look(days.now or 0) == ([], [])
    assert watch.without == {"v1"}


def test_errors_that_grow_are_raised_when_the_labels_are_in() -> None:
    """The same payments and scores; only what becomes of them is another: no index of any feature sees it."""
    decisions, labels = world("fraud")
    days = Days(DOMAINS["fraud"])
    watch, turns = Watch(days, lambda version: baseline("fraud"), Limits(mean=0.15)), list[Turn]()
    for d in decisions:
        days.decided(d)
    for label in labels:
        late = day_of(label.payment_time) >= FIRST + 62 and label.transaction_id[-1] in "02468"
        days.learned(label.model_copy(update={"verdict": "chargeback"}) if late else label)
    for day in range(FIRST, FIRST + WORLDS["fraud"].days):
        turns += watch.look(day)[1]
    assert {(m.name, m.what) for t in turns for m in t.moved} == {("error", "mean")}
    assert turns[0].day <= FIRST + 62 + DOMAINS["fraud"].label_wait.days + 1 + timedelta(days=10).days
