"""Judged again by the same terms, decisions are what they were; by others, what a stream by those would have decided."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.decision import Decision
from domain.fraud.events import Label
from domain.maintenance.events import Ending
from domain.registry import DOMAINS
from models import what_if
from models.what_if import Labelled

START = datetime(2026, 3, 1, tzinfo=UTC)
FRAUD, MAINTENANCE = DOMAINS["fraud"], DOMAINS["maintenance"]


def decision(domain: str, ident: str, number: int, **changes: Any) -> Decision:
    said = {"domain": domain, "decision_id": ident, "event_time": START + timedelta(hours=number), "action": "", "alert": False}
    made = {"score": 0.0, "threshold": 0.0, "features": [], "reasons": [], "model_version": "v1", "format": "native"}
    return Decision.model_validate({**said, **made, "source_us": None, "broker_us": 0, "decided_us": 0, **changes})


def payments(number: int = 200) -> Labelled:
    """Amounts from 1 on, each second one likely a fraud; of the first half it is known that each fourth was."""
    found = [
        decision("fraud", f"t{i}", i, key=f"c{i % 7}", raw=[-0.5 if i % 2 else -4.0], context={"amount": float(i + 1)})
        for i in range(number)
    ]
    of = {"customer_id": "c", "terminal_id": "x", "event_time": START}
    labels = [
        Label(transaction_id=f"t{i}", payment_time=START, verdict="all-clear" if i % 4 else "chargeback", **of) for i in range(number // 2)
    ]
    made = what_if.gather(FRAUD, found[::-1], labels)
    assert made is not None
    return made


def cycles() -> Labelled:
    """A machine that wears out for a hundred cycles, and another, on which only five cycles in a row looked bad."""
    left = {"worn": [float(130 - i) for i in range(100)], "well": [5.0 if 40 <= i < 45 else 120.0 for i in range(100)]}
    found = [
        decision("maintenance", f"{machine}:{i}", i, key=machine, raw=[rul + 10, rul], context={"cycle": float(i)}, facts={"installed": 0})
        for machine, of in left.items()
        for i, rul in enumerate(of, 1)
    ]
    ends = {"worn": (140, START + timedelta(hours=141)), "gone before": (7, START)}
    failed = [Ending(machine_id=m, event_time=at, installed=0, cycle=cycle, kind="failure") for m, (cycle, at) in ends.items()]
    made = what_if.gather(MAINTENANCE, found, failed)
    assert made is not None
    return made


def test_a_policy_without_a_memory_gives_each_decision_what_it_got_by_its_own_terms() -> None:
    found, by = payments(), FRAUD.with_terms({"analyst": 9.0})
    acted = Counter(by.policy.judge(s, d, d.facts, None).action for s, d in zip(found.scores, found.decisions, strict=True))
    judgement = what_if.judged(found, {"analyst": 9.0})
    assert len(acted) > 1
    assert {a: judgement.of(a) for a in by.actions} == {**dict.fromkeys(by.actions, 0), **acted}
    assert judgement.otherwise == len(found.decisions), "what stands on these decisions is no action at all"
    assert found.known == 100


def test_the_books_and_precision_and_recall_are_of_what_would_have_been_done() -> None:
    found = payments()
    everything = what_if.judged(found, {"analyst": 0.0, "delayed_customer": 0.0})
    assert (everything.alerts, everything.precision, everything.recall) == (200, 0.25, 1.0)
    frauds, good = sum(range(1, 101, 4)), sum(i for i in range(1, 101) if i % 4 != 1)
    stopped = {"stopped payments": 25.0, "stopped amount": float(frauds)}
    assert everything.sums == {"payments": 200.0, "good held up payments": 75.0, "good held up amount": float(good), **stopped}
    assert what_if.judged(found, {}).alerts < 200


def test_a_memory_is_each_keys_own_and_starts_with_the_window() -> None:
    found = cycles()
    own, patient = what_if.judged(found, {}), what_if.judged(found, {"running": 6.0})
    assert (own.of("order"), patient.of("order")) == (1, 0), "of the five bad cycles the third orders; a sixth never comes"
    early = what_if.judged(found, {"lead": 40.0})
    assert (early.of("order"), early.sums["failures foreseen"]) == (2, 1.0)
    assert early.sums["failures"] == own.sums["failures"] == 1.0, "of all in the window"
    assert (own.precision, own.recall) == (None, None)
    late = found.newest(120)
    assert len(late.decisions) == 120
    assert what_if.judged(late, {}).of("order") == 1


def test_a_curve_goes_over_the_bounds_with_the_default_among_them() -> None:
    points = what_if.curve(payments(), {"caught_by_review": 0.8}, "analyst", points=5)
    assert [p.value for p in points] == [0.0, 5.0, 50.0, 100.0, 150.0, 200.0]
    assert points[0].alerts_a_day > points[-1].alerts_a_day
    assert points[1].sums == what_if.judged(payments(), {"caught_by_review": 0.8}).sums
    whole = what_if.curve(cycles(), {}, "running", points=4)
    assert [p.value for p in whole] == [1.0, 3.0, 7.0, 14.0, 20.0]


def test_what_no_model_had_a_part_in_is_left_out_and_counted() -> None:
    some = payments().decisions[:6]
    made = what_if.gather(FRAUD, [*some[:5], some[5].model_copy(update={"raw": []})], [])
    assert made is not None
    assert (len(made.decisions), made.left_out, made.known) == (5, 1, 0)
    assert what_if.gather(FRAUD, [some[5].model_copy(update={"raw": []})], []) is None
