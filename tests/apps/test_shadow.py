"""Challengers as the topic ``models`` names them, and what becomes of what they write. Without a broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from apps import shadow
from apps.errors import BrokerError
from apps.settings import Settings
from domain.decision import Decision
from exports.scorer import Scores
from models.errors import BundleError
from models.registry import Standing
from tests.apps.test_follow import Announced, model
from tests.apps.test_stream import FRAUD, FakeScorer


def standing(*challengers: str) -> bytes:
    fields = {"domain": "fraud", "champion": "v1", "challengers": challengers, "at_us": 1, "by": "ann", "why": "to look at"}
    return Standing(**fields).model_dump_json().encode()  # type: ignore[arg-type]  # a test's shorthand


def decision(number: int, **changes: Any) -> bytes:
    made = {
        "domain": "fraud", "decision_id": f"t{number}", "key": "c1", "event_time": "2026-03-01T12:00:00Z", "action": "approve",
        "alert": False, "score": 0.1, "threshold": 0.5, "raw": [0.1], "features": [5.0] * len(FRAUD.schema), "context": {"amount": 5.0},
        "reasons": [], "model_version": "v1", "format": "pmml", "source_us": None, "broker_us": 0, "decided_us": 0,
    }  # fmt: skip
    return Decision.model_validate({**made, **changes}).model_dump_json().encode()


class Producer:
    """It keeps what is sent, or refuses it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.refuses: KafkaError | None = None

    def produce(self, topic: str, value: bytes, key: bytes, on_delivery: Any = None) -> None:
        self.sent.append(value)
        if on_delivery is not None:
            on_delivery(self.refuses, None)

    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the topic holds, the bundles that cannot be loaded, and a producer."""
    found = SimpleNamespace(held=[], bad=set(), loaded=[], producer=Producer())

    def load(settings: Any, domain: Any, known: Any, name: str, model_format: str) -> Any:
        found.loaded.append(name)
        if name in found.bad:
            raise BundleError("no bundle")
        return model(name)

    monkeypatch.setattr(shadow, "to_end", lambda *_: (SimpleNamespace(value=lambda v=v: v, offset=lambda: 0) for v in found.held))
    monkeypatch.setattr(shadow, "Consumer", Announced)
    monkeypatch.setattr(shadow.loading, "announced", load)
    return found


def challengers(world: SimpleNamespace) -> tuple[shadow.Challengers, Any]:
    made = shadow.Challengers(Settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"), FRAUD, "pmml", world.producer)
    topic: Any = made._consumer
    topic.consume = lambda number, timeout: [topic.waiting.get() for _ in range(topic.waiting.qsize())]
    return made, topic


def test_who_challenged_before_is_not_loaded_and_the_first_decision_finds_who_does_now(world: SimpleNamespace) -> None:
    world.held = [standing("v2"), standing("v3"), standing("v4")]
    made, _ = challengers(world)
    made.look()
    assert (world.loaded, list(made.shadows)) == (["v4"], ["v4"])
    assert made.decide(decision(1)) == 1


def test_a_refused_challenger_is_tried_again_when_it_is_named_again(world: SimpleNamespace) -> None:
    world.held, world.bad = [standing("v2", "v3")], {"v2"}
    made, topic = challengers(world)
    made.look()
    made.look()
    assert (world.loaded, list(made.shadows)) == (["v2", "v3"], ["v3"])
    kept = made.shadows["v3"]
    world.bad.clear()
    topic.say(standing("v2", "v3"))
    made.look()
    assert (world.loaded, list(made.shadows)) == (["v2", "v3", "v2"], ["v2", "v3"])
    assert made.shadows["v3"] is kept, "who was there keeps what it remembers"


def test_a_decision_that_a_challenger_cannot_make_is_left_out_and_told_once(
    world: SimpleNamespace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: FakeScorer, row: Any) -> Scores:
        if row[0] == 13.0:
            raise ValueError("thirteen")
        return Scores((0.1,), (0.1,))

    monkeypatch.setattr(FakeScorer, "score", score)
    world.held = [standing("v2")]
    made, _ = challengers(world)
    made.look()
    bad = {"features": [13.0] * len(FRAUD.schema)}
    assert [made.decide(decision(1, **bad)), made.decide(decision(2)), made.decide(decision(3, **bad))] == [0, 1, 0]
    assert len([r for r in caplog.records if "cannot decide this" in r.getMessage()]) == 1


class Group:
    """A consumer group that moves, for as long as there are errors."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)

    def commit(self, *, asynchronous: bool) -> None:
        if self.errors:
            raise KafkaException(KafkaError(self.errors.pop(0)))


def test_while_the_group_moves_a_commit_is_tried_again_and_what_kafka_refused_is_not_committed(world: SimpleNamespace) -> None:
    world.held = [standing("v2")]
    made, _ = challengers(world)
    made.look()
    made.decide(decision(1))
    group: Any = Group(KafkaError.REBALANCE_IN_PROGRESS, KafkaError._NO_OFFSET)
    assert [shadow._commit({"": made}, group, world.producer) for _ in range(3)] == [False, True, True]
    world.producer.refuses = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    made.decide(decision(2))
    with pytest.raises(BrokerError, match="did not take the challengers' decisions"):
        shadow._commit({"": made}, group, world.producer)
