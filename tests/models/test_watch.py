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
from domain.learning import Rows
from domain.registry import DOMAINS
from domain.schema import UNSEEN
from models import report
from models.answers import answers
from models.days import Days, day_of
from models.drift import Baseline
from models.report import Boosters, fitted
from models.watch import GRACE, Limits, Measured, Turn, Watch
from tests.models.decided import decided

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
PLANTED, CHANGED = 70, 63  # the days on which fraud's world, or what it means, changes


@cache
def simulated(name: str) -> tuple[list[Decision], tuple[Any, ...]]:
    """Decisions whose answers say little, and the labels."""
    long = WORLDS[name]
    emissions = list(DOMAINS[name].simulate(11, START, days=long.days, **long.sizes))
    return decided(DOMAINS[name], emissions), tuple(e.value for e in emissions if e.stream == "labels")


def learned(name: str) -> Rows:
    """The labelled rows of the days that the model learns from."""
    made, labels = simulated(name)
    first, end = (FIRST + day for day in WORLDS[name].learned)
    target = DOMAINS[name].targets(labels)
    rows = [d for d in made if first <= day_of(d.event_time) < end and not np.isnan(target(d))]
    x, y = np.array([d.features for d in rows], np.float64), np.array([target(d) for d in rows])
    return Rows(x, y, np.array([d.key for d in rows]), np.array([day_of(d.event_time) for d in rows]))


@cache
def model(name: str) -> Boosters:
    return fitted(DOMAINS[name], learned(name))


def answered(name: str, made: list[Decision]) -> list[Decision]:
    """The decisions with the model's answers to their features."""
    x = np.array([d.features for d in made], np.float64)
    raw = np.hstack([np.asarray(b.predict(x, raw_score=True)).reshape(len(x), -1) for b in model(name).values()])
    values = answers(DOMAINS[name], raw)[:, 0]
    pairs = zip(made, raw.tolist(), values.tolist(), strict=True)
    return [d.model_copy(update={"raw": r, "score": v}) for d, r, v in pairs]


@cache
def world(name: str) -> tuple[tuple[Decision, ...], tuple[Any, ...]]:
    made, labels = simulated(name)
    return tuple(answered(name, made)), labels


@cache
def baseline(name: str) -> Baseline:
    first, end = (FIRST + day for day in WORLDS[name].learned)
    rows = [d for d in world(name)[0] if first <= day_of(d.event_time) < end]
    found = answers(DOMAINS[name], np.array([d.raw for d in rows]))
    x = np.array([d.features for d in rows], np.float64)
    return Baseline.of(x, found, DOMAINS[name].schema, [d.key for d in rows], [day_of(d.event_time) for d in rows])


@cache
def expected(name: str) -> float:
    """What a report of the model would say: the headline measure of one that learned from half of the keys, on the others."""
    rows = learned(name)
    half = np.isin(rows.key, np.unique(rows.key)[::2])
    ours, theirs = (Rows(*(part[side] for part in rows)) for side in (half, ~half))
    return DOMAINS[name].learning().headline_of(theirs, report.answers(fitted(DOMAINS[name], ours), theirs.x))


def watched(
    name: str, change: Callable[[Decision], Decision] = lambda d: d, of: Callable[[str], Baseline | None] | None = None
) -> tuple[list[Measured], list[Turn]]:
    """All that is said of the world's decisions, each changed, when they and the labels come as their time comes."""
    decisions, labels = world(name)
    days = Days(DOMAINS[name])
    watch = Watch(days, of or (lambda version: baseline(name)), expected=lambda version: expected(name))
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
    """From a day on, other features: and the answers that the model gives to those."""
    made = [d for d in world(name)[0] if day_of(d.event_time) >= FIRST + PLANTED]
    changed = []
    for decision in made:
        row = [np.nan if v is None else v for v in decision.features]
        change(row)
        changed.append(decision.model_copy(update={"features": row}))
    by_id = {d.decision_id: d for d in answered(name, changed)}
    return lambda decision: by_id.get(decision.decision_id, decision)


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


def test_a_model_that_ranks_worse_than_its_report_says_is_raised_though_no_feature_moves() -> None:
    def otherwise(decision: Decision) -> Decision:
        """From a day on the answers are those to other payments: each feature, and the score, looks as it did."""
        if day_of(decision.event_time) < FIRST + CHANGED:
            return decision
        other = by_place[(places[decision.decision_id] + 1) % len(by_place)]
        return decision.model_copy(update={"features": other.features, "raw": other.raw, "score": other.score})

    by_place = world("fraud")[0]
    places = {d.decision_id: i for i, d in enumerate(by_place)}
    _, turns = watched("fraud", otherwise)
    named = [moved for turn in turns for moved in turn.moved if moved.what == "quality"]
    assert named
    assert {moved.name for turn in turns for moved in turn.moved} == {"average_precision"}
    assert named[0].value < named[0].limit < named[0].was
    known = FIRST + CHANGED + DOMAINS["fraud"].label_wait.days
    assert known <= turns[0].day <= known + 10


def test_a_drift_that_ends_is_over() -> None:
    def passing(decision: Decision) -> Decision:
        return decision if day_of(decision.event_time) >= FIRST + PLANTED + 7 else doubled(decision)

    doubled = planted("fraud", amount)
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
