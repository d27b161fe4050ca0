"""What a story sees of the topics: each decision once, who came late, what it was worth by the truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from apps.partitions import Message
from apps.scenario_seen import Seen
from apps.topics import METRICS
from domain.decision import Decision
from domain.fraud.events import Label
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Read:
    """A message as a consumer gives it."""

    def __init__(self, topic: str, value: bytes) -> None:
        self._topic, self._value = topic, value

    def topic(self) -> str:
        return self._topic

    def value(self) -> bytes:
        return self._value

    def partition(self) -> int:
        return 0

    offset = partition

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 0


def decision(name: str, action: str = "approve", source_us: int | None = 0, amount: float = 10.0) -> Message:
    found = Decision(
        domain="fraud", decision_id=name, key="c1", event_time=AT, action=action, alert=action != "approve", score=0.1, threshold=0.5,
        raw=[0.1], features=[1.0], context={"amount": amount}, reasons=[], model_version="v1", format="pmml",
        source_us=source_us, broker_us=0, decided_us=0,
    )  # fmt: skip
    return Read(FRAUD.decisions_topic, found.model_dump_json().encode())


def label(name: str, verdict: Any) -> Label:
    known = {"event_time": AT + timedelta(days=7), "payment_time": AT, "customer_id": "c1", "terminal_id": "t1"}
    return Label(transaction_id=name, verdict=verdict, **known)


def seen(live: Sequence[str], truth: Sequence[Label] = ()) -> Seen:
    return Seen(FRAUD, frozenset(live), truth)


def test_a_decision_that_comes_twice_is_one_and_is_told() -> None:
    found = seen(["a", "b"])
    found.see([decision("a"), decision("b"), decision("a"), decision("of history"), decision("of history")], 0)
    assert (len(found.decisions), found.repeated(), found.visible) == (2, 1, 5)
    assert found.history == {"of history"}


def test_what_is_late_is_told_by_the_deadline() -> None:
    found = seen(["a", "b", "c"])
    found.see([decision("a", source_us=0)], 100_000)  # the deadline is 100 ms
    found.see([decision("b", source_us=0)], 100_001)
    found.see([decision("c", source_us=None)], 9_000_000)
    assert found.in_time(1.0) == 0.5
    assert found.in_time(10.0) == 1.0
    found.see([decision("a", source_us=0)], 9_000_000)
    assert found.in_time(1.0) == 0.5, "decided again: it was seen before"


def test_decisions_are_worth_what_the_truth_says_history_left_out() -> None:
    found = seen(["a", "b"], [label("a", "chargeback"), label("b", "chargeback"), label("old", "chargeback")])
    found.see([decision("a", "block", amount=70.0), decision("b", amount=30.0), decision("old", amount=500.0)], 0)
    assert dict(found.worth())["stopped amount"] == 70.0
    assert dict(found.worth())["missed amount"] == 30.0, "a second look adds nothing"


def test_dead_letters_and_what_cannot_be_read_are_counted() -> None:
    found = seen(["a"])
    found.see([Read(FRAUD.dead_letters_topic, b"broken"), Read(FRAUD.decisions_topic, b"{}")], 0)
    assert (found.letters, found.unreadable) == (1, 1)


def test_a_training_lasts_from_the_loops_word_to_the_gates() -> None:
    found = seen([])

    def tell(what: str, **details: Any) -> None:
        found.see([Read(METRICS, orjson.dumps({"kind": "loop-event", "domain": "fraud", "what": what, "details": details}))], 0)

    found.see([Read(METRICS, orjson.dumps({"kind": "quality-window", "domain": "fraud", "day": "2026-01-03"}))], 0)
    assert found.judged == date(2026, 1, 3)
    tell("retraining", labels=5)
    tell("retraining")  # the training's own word
    assert found.training
    tell("gate")
    assert not found.training
    found.see([Read(METRICS, orjson.dumps({"kind": "loop-event", "domain": "maintenance", "what": "drift", "details": {}}))], 0)
    assert found.happened["drift"] == 0, "another domain's"
