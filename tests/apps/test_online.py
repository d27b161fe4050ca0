"""The online challenger's process: silent while it catches up, then a decision for each, and judged by the gate that candidates pass."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from apps.online import FORMAT, VERSION, Challenger, judged
from apps.settings import Settings
from domain.decision import Decision
from models.gate import Limits
from tests.apps.memory_log import MemoryLog, Stored
from tests.domain.worlds import labels, quick
from tests.models.test_online import made, told

FRAUD = quick("fraud")


class Producer:
    """Keeps what is produced."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def produce(self, topic: str, value: bytes, key: bytes) -> None:
        self.sent.append((topic, orjson.loads(value)))

    def poll(self, timeout: float) -> None:
        pass


@pytest.fixture
def producer() -> Producer:
    return Producer()


def challenger(producer: Producer, every: int = 10**9) -> Challenger:
    return Challenger(Settings(), FRAUD, producer, every)  # type: ignore[arg-type]


def messages(first: int, end: int) -> list[Stored]:
    log = MemoryLog()
    return [log.send(FRAUD.decisions_topic, d.model_dump_json().encode()) for d in payable()[first:end]]


def payable() -> list[Decision]:
    """The policy asks for an amount."""
    return [d.model_copy(update={"context": {"amount": 25.0}}) for d in made("fraud")[:60]]


def test_it_writes_a_decision_for_each_that_comes_and_nothing_of_what_was_there_before(producer: Producer) -> None:
    beside = challenger(producer)
    assert beside.see(messages(0, 20), live=False) == 0
    assert producer.sent == []
    assert beside.see([*messages(20, 30), *messages(20, 30)], live=True) == 10
    assert {topic for topic, _ in producer.sent} == {FRAUD.shadow_topic}
    found = [Decision.model_validate(fields) for _, fields in producer.sent]
    assert [d.decision_id for d in found] == [d.decision_id for d in payable()[20:30]]
    assert {(d.model_version, d.format, d.source_us) for d in found} == {(VERSION, FORMAT, None)}
    assert all(0 <= d.score <= 1 and d.action in FRAUD.actions for d in found)


def test_what_cannot_be_read_is_passed_over_and_labels_are_learned(producer: Producer) -> None:
    beside, log = challenger(producer), MemoryLog()
    wanted = {d.decision_id for d in payable()}
    about = [label for label in labels("fraud") if label.id in wanted]
    broken = [log.send(FRAUD.decisions_topic, b"{"), log.send(FRAUD.labels_topic, b"?")]
    sent = [log.send(FRAUD.labels_topic, label.model_dump_json().encode()) for label in about]
    beside.see([*messages(0, 60), *broken, *sent], live=False)
    assert beside.online.learned_rows == len({label.id for label in about}) > 0


def test_the_gate_says_how_good_it_is_and_does_not_pass_what_no_format_carries() -> None:
    seen = list(told("fraud").seen)[-4_000:]
    verdict = judged(FRAUD, seen, 50.0, Limits(resamples=20))
    assert verdict is not None
    assert not verdict.better
    assert (verdict.champion, verdict.candidate, verdict.rows) == ("v1", VERSION, 4_000)
    checks = {check.name: check for check in verdict.checks}
    assert checks["headline"].passed, "the champion here answers the same to all"
    assert checks["headline"].candidate > 10 * checks["headline"].champion
    assert not checks["parity"].passed


def test_too_little_is_not_judged() -> None:
    seen = list(told("fraud").seen)
    assert judged(FRAUD, seen[:499], 50.0, Limits()) is None
    assert judged(FRAUD, [], 50.0, Limits()) is None
    assert judged(FRAUD, [s._replace(y=0.0) for s in seen[:600]], 50.0, Limits()) is None
