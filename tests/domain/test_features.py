"""The incremental features equal the slow and obvious ones, row by row and bit for bit, whatever a stream does to them."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.contract import MalformedEvent
from domain.fraud.events import Label, Payment
from domain.fraud.features import SCHEMA, FraudFeatures, phrase
from domain.fraud.kernels import CAPACITY, TERMINAL_CAPACITY
from domain.fraud.simulator import simulate
from domain.history import seconds
from tests.domain import slow

START = datetime(2025, 3, 3, tzinfo=UTC)
NAN = float("nan")


def payment(number: int = 1, at: datetime = START, amount: float = 10.0, **changes: Any) -> Payment:
    fields = {"customer_id": "c", "terminal_id": "t", "merchant_category": "fuel", **changes}
    return Payment(transaction_id=f"p{number}", event_time=at, amount=amount, **fields)


def label(number: int, paid: datetime, verdict: str = "chargeback", late: timedelta = timedelta(days=7), terminal: str = "t") -> Label:
    return Label.model_validate({
        "transaction_id": f"p{number}", "event_time": paid + late, "payment_time": paid,
        "customer_id": "c", "terminal_id": terminal, "verdict": verdict,
    })  # fmt: skip


def bits(row: list[float]) -> bytes:
    return np.array([NAN if np.isnan(x) else x for x in row]).tobytes()


def value(row: list[float], name: str) -> float:
    return row[SCHEMA.names.index(name)]


@cache
def messages() -> tuple[tuple[Payment, ...], tuple[Label, ...]]:
    """45 days of a small world with late, repeated and incomplete messages."""
    found = list(simulate(3, START, customers=60, terminals=40, days=45))
    events = tuple(e.value for e in found if e.stream == "events")
    return events, tuple(e.value for e in found if e.stream == "labels")


def streamed(events: list[Payment], labels: list[Label]) -> dict[str, list[float]]:
    """The rows as a stream computes them: labels as their time comes, payments in the order given."""
    features, state, rows = FraudFeatures(), dict[str, bytes](), dict[str, list[float]]()
    waiting = sorted(labels, key=lambda x: x.event_time, reverse=True)
    for event in events:
        while waiting and waiting[-1].event_time <= event.event_time:
            features.learn(waiting.pop())
        computed = features.compute(event, state.get(event.key))
        state[event.key] = computed.state
        rows[event.id] = computed.row
    return rows


def test_every_row_equals_the_slow_computation_bit_for_bit() -> None:
    events, labels = messages()
    in_order = sorted(events, key=lambda e: (e.event_time, e.id))
    rows = streamed(in_order, list(labels))
    by_customer, by_terminal = defaultdict(list), defaultdict(list)
    for event in events:
        by_customer[event.customer_id].append(event)
    for known in labels:
        by_terminal[known.terminal_id].append(known)
    expected = {e.id: slow.row(e, by_customer[e.customer_id], by_terminal[e.terminal_id]) for e in in_order}
    evidence = SCHEMA.names.index("leak_evidence")  # a sum of logarithms, whose last bits are the mathematics library's
    for name, row in rows.items():
        assert row[evidence] == pytest.approx(expected[name][evidence], rel=1e-12, nan_ok=True)
        expected[name][evidence] = row[evidence]
    differing = [name for name, row in rows.items() if bits(row) != bits(expected[name])]
    assert len(rows) > 4_000
    assert differing == []
    present = (~np.isnan(np.array(list(rows.values())))).sum(axis=0)
    assert present.min() > 50, f"{SCHEMA.names[present.argmin()]} is nearly always missing: this world proves too little"


def test_a_row_does_not_depend_on_the_order_in_which_other_payments_arrived() -> None:
    events, labels = messages()
    rng = np.random.default_rng(0)
    hours = {e.id: e.event_time + timedelta(hours=float(rng.uniform(0, 20))) for e in events}
    late = streamed(sorted(events, key=lambda e: hours[e.id]), [])
    in_order = streamed(sorted(events, key=lambda e: (e.event_time, e.id)), [])
    last = {e.customer_id: e for e in sorted(events, key=lambda e: e.event_time)}
    arrived_last = {e.customer_id: e for e in sorted(events, key=lambda e: hours[e.id])}
    settled = [e.id for customer, e in last.items() if arrived_last[customer] == e]
    assert len(settled) > 20
    assert [i for i in settled if bits(late[i]) != bits(in_order[i])] == []
    assert labels


def test_the_state_is_the_same_in_whatever_order_payments_came() -> None:
    rng = np.random.default_rng(1)
    several = [payment(i, START + timedelta(hours=int(rng.integers(0, 200))), float(i)) for i in range(40)]
    states = set()
    for _ in range(5):
        state: bytes | None = None
        for i in rng.permutation(len(several)):
            state = FraudFeatures().compute(several[i], state).state
        states.add(state)
    assert len(states) == 1


def test_a_repeated_payment_gets_its_row_again_and_leaves_the_state_alone() -> None:
    features, state = FraudFeatures(), None
    rows = []
    for i in range(5):
        computed = features.compute(payment(i, START + timedelta(hours=i), 10 + i), state)
        state = computed.state
        rows.append(computed.row)
    again = features.compute(payment(2, START + timedelta(hours=2), 12), state)
    assert (again.repeated, again.state, bits(again.row)) == (True, state, bits(rows[2]))


@pytest.mark.parametrize("changed", [{"amount": 11.0}, {"at": START + timedelta(seconds=1)}])
def test_the_same_id_with_another_amount_or_time_is_refused(changed: dict[str, Any]) -> None:
    features = FraudFeatures()
    state = features.compute(payment(1), None).state
    with pytest.raises(MalformedEvent, match="p1") as refused:
        features.compute(payment(1, **changed), state)
    assert refused.value.code == "conflicting-duplicate"


def test_without_history_features_are_missing_not_zero() -> None:
    row = FraudFeatures().compute(payment(merchant_category=None), None).row
    known = {"amount", "hour", "night", "weekend"}
    assert [name for name in SCHEMA.names if not np.isnan(value(row, name))] == [n for n in SCHEMA.names if n in known]


def test_a_category_that_the_schema_does_not_list_is_unseen_not_missing() -> None:
    assert value(FraudFeatures().compute(payment(merchant_category="lottery"), None).row, "merchant_category") == -1.0


def test_a_label_counts_from_the_full_hour_after_it_became_known_and_never_before_seven_days() -> None:
    paid = START + timedelta(minutes=30)
    features = FraudFeatures()
    features.learn(label(1, paid, late=timedelta(days=2)))  # sooner than a label can be: it counts after seven days

    def count(at: datetime) -> float:
        return value(features.compute(payment(9, at), None).row, "terminal_count_30d")

    assert np.isnan(count(START + timedelta(days=7, minutes=59)))
    assert count(START + timedelta(days=7, hours=1)) == 1.0


def test_a_label_that_comes_late_changes_nothing_that_was_and_counts_from_its_arrival() -> None:
    features, at = FraudFeatures(), START + timedelta(days=9)
    before = features.compute(payment(9, at), None).row
    features.learn(label(1, START, late=timedelta(days=8)))
    after = features.compute(payment(9, at), None).row
    assert np.isnan(value(before, "terminal_fraud_rate_7d"))
    assert value(after, "terminal_fraud_rate_7d") == 1.0


def test_a_chargeback_overrules_an_all_clear_whichever_comes_first_and_repeats_count_once() -> None:
    clear, charge = label(1, START, "all-clear"), label(1, START, "chargeback", timedelta(days=8))
    for order in ([clear, charge], [charge, clear], [clear, clear, charge, charge]):
        features = FraudFeatures()
        for item in order:
            features.learn(item)
        row = features.compute(payment(9, START + timedelta(days=9)), None).row
        assert (value(row, "terminal_count_30d"), value(row, "terminal_fraud_rate_30d")) == (1.0, 1.0)


def test_an_analysts_verdict_is_no_part_of_a_terminals_rates() -> None:
    features, at = FraudFeatures(), START + timedelta(days=9)
    features.learn(label(1, START).model_copy(update={"source": "analyst"}))
    assert np.isnan(value(features.compute(payment(9, at), None).row, "terminal_count_30d"))
    features.learn(label(1, START, "all-clear"))
    assert value(features.compute(payment(9, at), None).row, "terminal_fraud_rate_30d") == 0.0


def test_a_busy_key_keeps_its_newest_and_an_old_one_lets_go() -> None:
    features, state = FraudFeatures(), None
    for i in range(2 * CAPACITY):
        state = features.compute(payment(i, START + timedelta(minutes=i)), state).state
    assert state is not None
    assert len(state) == 16 * CAPACITY
    for i in range(8):
        state = features.compute(payment(10_000 + i, START + timedelta(days=40, hours=i)), state).state
    assert state is not None
    assert len(state) == 16 * 8
    for i in range(3 * TERMINAL_CAPACITY):
        features.learn(label(i, START + timedelta(seconds=i)))
    assert features._terminals["t"].shape == (TERMINAL_CAPACITY, 2)


@pytest.mark.parametrize("wild", [1, 2, 5])
def test_a_few_events_with_a_wild_clock_do_not_wipe_a_history(wild: int) -> None:
    features, state = FraudFeatures(), None
    for i in range(3):
        state = features.compute(payment(i, START + timedelta(hours=i)), state).state
    for i in range(wild):
        state = features.compute(payment(70 + i, datetime(2060, 1, 1 + i, tzinfo=UTC)), state).state
    assert value(features.compute(payment(8, START + timedelta(hours=4)), state).row, "customer_count_1d") == 3.0


def test_partitions_five_months_apart_see_the_same_labels() -> None:
    """A scorer that works off a backlog learns labels up to its furthest partition; the others' windows stay whole."""
    paid = [START + timedelta(days=d) for d in range(200)]
    at = START + timedelta(days=35)
    in_time, ahead = FraudFeatures(), FraudFeatures()
    for number, moment in enumerate(paid):
        if moment + timedelta(days=7) <= at:
            in_time.learn(label(number, moment))
        if moment + timedelta(days=7) <= at + timedelta(days=150):
            ahead.learn(label(number, moment))
    assert bits(ahead.compute(payment(999, at), None).row) == bits(in_time.compute(payment(999, at), None).row)


def test_every_feature_has_a_description_and_words() -> None:
    for feature in SCHEMA.features:
        assert feature.description
        label_text = "fuel" if feature.categories else None
        words = phrase(feature.name, 2.0, label_text)
        assert "_" not in words
        assert feature.name.replace("_", " ") + " is" not in words or feature.name in ("night", "weekend")
        assert "nothing known" in phrase(feature.name, NAN)


def test_the_epoch_is_the_year_2000() -> None:
    assert seconds(datetime(2000, 1, 1, tzinfo=UTC)) == 0
    saturday = datetime(2000, 1, 1, 3, tzinfo=UTC)
    row = FraudFeatures().compute(payment(at=saturday), None).row
    assert [value(row, n) for n in ("hour", "night", "weekend")] == [3.0, 1.0, 1.0]
