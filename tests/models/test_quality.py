"""Labels that come days later, joined with their decisions in event time."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.decision import Decision
from domain.fraud.events import Label
from domain.registry import DOMAINS
from models.answers import answers
from models.days import Days, date_of, day_of
from models.quality import Quality, Window, windows_of
from tests.models.decided import decided

START = datetime(2025, 3, 3, tzinfo=UTC)
SMALL = {
    "fraud": (34, {"customers": 150, "terminals": 300}),
    "cross_sell": (26, {"shoppers": 40, "stores": 2}),
    "maintenance": (28, {"machines": 6}),
}


@cache
def world(name: str) -> tuple[tuple[Decision, ...], tuple[Any, ...]]:
    days, sizes = SMALL[name]
    emissions = list(DOMAINS[name].simulate(3, START, days=days, **sizes))
    labels = tuple(e.value for e in emissions if e.stream == "labels")
    labels = tuple(x for x in labels if hash_of(x.id) % 20)  # some never come
    if name == "fraud":
        labels += tuple(verdict(label) for label in labels[:400:3])
    return tuple(decided(DOMAINS[name], emissions)), labels


def hash_of(name: str) -> int:
    return sum(name.encode())


def verdict(label: Label) -> Label:
    """An analyst says within hours what the late label will say, or the opposite."""
    agrees = int(label.transaction_id[-1]) % 3
    return label.model_copy(update={
        "source": "analyst", "event_time": label.payment_time + timedelta(hours=3), "verdict": label.verdict if agrees else "chargeback",
    })  # fmt: skip


def days_of(name: str, messages: Iterable[Any], **options: int) -> Days:
    days = Days(DOMAINS[name], **options)
    for message in messages:
        (days.decided if isinstance(message, Decision) else days.learned)(message)
    return days


def table(days: Days) -> dict[tuple[Any, str], Window]:
    now = days.now
    assert now is not None
    return {(w.day, w.model_version): w for w in Quality(days).windows(now)}


def sorted_messages(name: str) -> list[Any]:
    decisions, labels = world(name)
    return sorted([*decisions, *labels], key=lambda m: (m.event_time, m.id))


@pytest.mark.parametrize("name", DOMAINS)
def test_order_repeats_and_lateness_leave_no_trace(name: str) -> None:
    straight = sorted_messages(name)
    expected = table(days_of(name, straight))
    assert any(w.metrics for w in expected.values())
    assert any(w.never for w in expected.values())
    assert any(w.worth for w in expected.values())
    for seed in range(3):
        mixed = [*straight, *straight[:: 3 + seed]]
        random.Random(seed).shuffle(mixed)
        assert table(days_of(name, mixed)) == expected


@pytest.mark.parametrize("name", DOMAINS)
def test_labels_of_other_days_decisions_are_left_out_and_would_change_nothing(name: str) -> None:
    days, (_, labels), left_out = days_of(name, sorted_messages(name)), world(name), 0
    in_order = sorted(set(labels), key=lambda label: (label.event_time, label.model_dump_json()))
    for window in table(days).values():
        day = day_of(datetime.combine(window.day, datetime.min.time(), UTC))
        known = [label for label in in_order if day <= day_of(label.event_time) <= day + days.wait]
        assert windows_of(days.domain, day, days.rows(day), known, window.settled) == [window]
        left_out += len(known) - len(days.labels(day))
    assert left_out > len(labels) or name != "fraud", "whose labels each speak of one payment"


@pytest.mark.parametrize(("first", "second"), [(0, 9), (9, 0)])
def test_a_label_counts_for_both_days_on_which_its_id_was_decided(first: int, second: int) -> None:
    decision, label = world("fraud")[0][0], world("fraud")[1][0]
    told = [decision.model_copy(update={"decision_id": label.id, "event_time": START + timedelta(days=day)}) for day in (first, second)]
    days = days_of("fraud", [*told, label.model_copy(update={"event_time": START + timedelta(days=10)})])
    begin = day_of(START)
    assert [len(days.labels(begin + day)) for day in (0, 9)] == [1, 1]


@pytest.mark.parametrize("name", DOMAINS)
def test_windows_that_are_told_day_by_day_and_let_go_end_as_the_same_table(name: str) -> None:
    straight = sorted_messages(name)
    expected = table(days_of(name, straight, late_days=99))
    rng = random.Random(7)  # each message up to two days late, some twice
    late = sorted(
        [(m.event_time + timedelta(days=rng.random() * 2), i, m) for i, m in enumerate([*straight, *straight[::5]])], key=lambda t: t[:2]
    )
    days = Days(DOMAINS[name], late_days=3)
    quality, found = Quality(days), dict[tuple[Any, str], Window]()
    for number, (_, _, message) in enumerate(late):
        (days.decided if isinstance(message, Decision) else days.learned)(message)
        if number % 500 == 499 or number == len(late) - 1:
            now = days.now
            assert now is not None
            found |= {(w.day, w.model_version): w for w in quality.windows(now)}
            days.let_go(now)
            quality.forget()
    assert days.too_late == 0
    assert len(list(days)) < len(expected), "days were let go"
    assert found == expected


def test_nothing_is_told_twice() -> None:
    days = days_of("fraud", sorted_messages("fraud"))
    quality, now = Quality(days), days.now
    assert now is not None
    assert quality.windows(now)
    assert quality.windows(now) == []
    decisions, labels = world("fraud")
    days.decided(decisions[0])
    days.learned(labels[0])
    assert quality.windows(now) == []


def test_a_window_of_payments_is_what_counting_by_hand_gives() -> None:
    decisions, labels = world("fraud")
    day = day_of(START) + 22
    fraud = {x.transaction_id: x.fraud for x in labels if x.late}
    everything = {d.decision_id: d for d in reversed(decisions) if day_of(d.event_time) == day}
    once = {name: d for name, d in everything.items() if name in fraud}
    alerts = [d for d in once.values() if d.alert]
    right = sum(fraud[d.decision_id] for d in alerts)
    window = table(days_of("fraud", sorted_messages("fraud")))[date_of(day), "v1"]
    assert (window.decisions, window.labelled) == (len(everything), len(once))
    assert window.metrics["alert_precision"] == pytest.approx(right / len(alerts))
    assert window.metrics["alert_recall"] == pytest.approx(right / sum(fraud[i] for i in once))
    stopped = sum(d.context["amount"] for d in alerts if fraud[d.decision_id])  # type: ignore[misc]
    assert window.worth["stopped amount"] == pytest.approx(stopped)
    assert window.worth["payments"] == len(everything)


def test_what_gets_no_label_in_time_is_counted_as_never_labelled() -> None:
    (first, *_), labels = world("fraud")
    label = next(x for x in labels if x.transaction_id == first.decision_id and x.late)
    wait = DOMAINS["fraud"].label_wait
    day = day_of(first.event_time)
    late = label.model_copy(update={"event_time": datetime.fromtimestamp(day * 86_400, UTC) + wait + timedelta(days=1)})
    in_time = late.model_copy(update={"event_time": late.event_time - timedelta(seconds=1)})
    for told, settled, counts in (
        ([], False, (0, 1, 0)),
        ([], True, (0, 0, 1)),
        ([late], True, (0, 0, 1)),
        ([in_time], True, (1, 0, 0)),
    ):
        days = days_of("fraud", [first, *told])
        (window,) = windows_of(DOMAINS["fraud"], day, days.rows(day), days.labels(day), settled)
        assert (window.labelled, window.waiting, window.never) == counts


def test_analysts_verdicts_have_counts_of_their_own_and_change_no_measure() -> None:
    decisions, labels = world("fraud")
    late = [x for x in labels if x.late]
    without, found = (table(days_of("fraud", [*decisions, *told])) for told in (late, labels))
    reviewed = [w for w in found.values() if w.reviewed]
    assert reviewed
    assert all(0 <= w.confirmed <= w.reviewed for w in reviewed)
    for place, window in found.items():
        assert (window.metrics, window.worth, window.labelled) == (without[place].metrics, without[place].worth, without[place].labelled)
        assert without[place].reviewed == 0


def test_versions_of_a_day_have_windows_of_their_own() -> None:
    decisions, labels = world("fraud")
    mixed = [d.model_copy(update={"model_version": "v2"}) if i % 2 else d for i, d in enumerate(decisions)]
    found = table(days_of("fraud", [*mixed, *labels]))
    assert {version for _, version in found} == {"v1", "v2"}


def test_of_a_decision_that_was_made_twice_the_first_counts() -> None:
    first = world("fraud")[0][0]
    again = first.model_copy(update={"model_version": "v2", "decided_us": first.decided_us + 5})
    for messages in ([first, again], [again, first]):
        days = days_of("fraud", messages)
        assert [row.decision.model_version for row in days.rows(day_of(first.event_time))] == ["v1"]


def test_a_wild_clock_does_not_make_time_pass() -> None:
    straight = sorted_messages("fraud")
    wild = [straight[5].model_copy(update={"event_time": datetime(2060, 1, 1, tzinfo=UTC)})]
    days, plain = days_of("fraud", [*straight, *wild]), days_of("fraud", straight)
    assert days.now == plain.now
    days.let_go(plain.now or 0)
    assert len(list(days)) > 1


def a_day(day: int, keys: int, of_each: int = 24) -> list[Decision]:
    """So many decisions of so many keys, the first of which is always ``k0``."""
    first, at = world("fraud")[0][0], START + timedelta(days=day)
    return [
        first.model_copy(update={"decision_id": f"{day} {key} {n}", "key": f"k{key}", "event_time": at + timedelta(minutes=n)})
        for key in range(keys)
        for n in range(of_each)
    ]


def test_one_machine_whose_clock_is_ahead_does_not_make_time_pass() -> None:
    fleet = [m for day in range(20) for m in a_day(day, 40)]
    ahead = [m for day in range(20) for m in a_day(30 + day, 1)]
    live = days_of("fraud", fleet)
    assert live.now == day_of(START) + 19
    for m in [*ahead, *(m for day in range(50, 130) for m in a_day(day, 1))]:
        live.decided(m)
    assert live.now == day_of(START) + 19
    assert days_of("fraud", [*fleet, *ahead]).now == day_of(START) + 19, "nor for who reads all of it at once"
    first = days_of("fraud", ahead)
    assert first.now == day_of(START) + 49, "of one machine alone nothing else is known"
    for m in fleet:
        first.decided(m)
    assert first.now == day_of(START) + 19


def test_after_a_flood_of_events_the_days_that_follow_pass_as_before() -> None:
    days = days_of("fraud", [m for day in range(8) for m in a_day(day, 10, 200 if day == 5 else 4)])
    assert days.now == day_of(START) + 7, "with forty of them, where the fifth day had two thousand"


def test_too_many_decisions_of_a_day_are_sampled_whatever_their_order() -> None:
    decisions, labels = world("fraud")
    found = [table(days_of("fraud", order, most=50)) for order in ([*decisions, *labels], [*labels, *reversed(decisions)])]
    assert found[0] == found[1]
    crowded = [w for w in found[0].values() if w.share < 1]
    assert crowded
    assert all(w.decisions <= 50 for w in crowded)
    whole = table(days_of("fraud", [*decisions, *labels]))
    estimated = sum(w.decisions / w.share for w in crowded)
    assert estimated == pytest.approx(sum(whole[w.day, "v1"].decisions for w in crowded), rel=0.1)


@pytest.mark.parametrize("name", DOMAINS)
def test_answers_of_raw_scores_are_what_the_scorer_answered(name: str) -> None:
    """A binary model's score, and what the policy of each domain judged, is among them to the bit."""
    decisions, _ = world(name)
    rows = days_of(name, decisions[:200])
    for row in (r for day in rows for r in rows.rows(day)):
        assert row.decision.score in answers(DOMAINS[name], row.raw[None, :])[0]
    with pytest.raises(ValueError, match="outputs"):
        answers(DOMAINS[name], np.zeros((1, 99)))
