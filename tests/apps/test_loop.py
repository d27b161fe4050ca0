"""The loop's hands: one training at a time, begun when the rules say so, told, and not repeated after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from apps import moves, registry
from apps.errors import InputError
from apps.loop import Loop
from apps.settings import Settings
from apps.topics import METRICS, MODELS, QUALITY_WINDOW
from domain.contract import Domain
from domain.registry import DOMAINS
from models.registry import Step, Version
from models.rules import Rules
from tests.apps.memory_log import MemoryLog

FRAUD = DOMAINS["fraud"]


@dataclass
class Hands:
    """What a loop did: trainings begun, and events told; a training runs until it is let end."""

    begun: list[tuple[str, str]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    running: bool = False
    returncode: int = 0

    def retrain(self, domain: Domain, why: str) -> Any:
        self.begun.append((domain.name, why))
        self.running = True
        return self

    @property
    def popen(self) -> Any:
        return self

    def last_words(self) -> str:
        return "read 1,000 decisions"

    def produce(self, topic: str, *, key: bytes, value: bytes) -> None:
        self.told.append(orjson.loads(value))

    def poll(self, timeout: float) -> None:
        pass

    def flush(self, timeout: float) -> int:
        return 0


@pytest.fixture
def hands() -> Hands:
    return Hands()


def loop(hands: Hands, **rules: Any) -> Loop:
    found = Loop(Settings(), [FRAUD], Rules(**{"retry_labels": 100, **rules}), hands.retrain, hands)  # type: ignore[arg-type]
    see(found, MODELS, {"domain": "fraud", "champion": "v1", "at_us": 1, "by": "train", "why": "the first"})
    return found


def see(found: Loop, topic: str, *messages: dict[str, Any]) -> None:
    log = MemoryLog(batch=100)
    for fields in messages:
        log.send(topic, orjson.dumps(fields))
    log.assign({(topic, 0): 0})
    found.see(log.read())


def event(what: str, **details: Any) -> dict[str, Any]:
    text = f"{what}: amount moved"
    return {"kind": "loop-event", "domain": "fraud", "at_us": 5, "what": what, "version": "v1", "text": text, "details": details}


def test_an_alarm_begins_one_training_and_tells_why(hands: Hands) -> None:
    found = loop(hands)
    see(found, METRICS, event("drift"))
    found.step({"fraud": 100})
    found.step({"fraud": 300})
    assert hands.begun == [("fraud", "drift: amount moved")], "it runs already"
    (told,) = hands.told
    assert (told["what"], told["details"]["labels"]) == ("retraining", 100)
    hands.running = False
    found.step({"fraud": 300})
    assert len(hands.begun) == 2, "the alarm was not answered, and there are new labels"


def test_a_restart_knows_from_the_topic_what_was_begun_and_answered(hands: Hands) -> None:
    again = loop(hands)
    see(again, METRICS, event("drift"), event("retraining", labels=100))
    again.step({"fraud": 199})
    assert hands.begun == []
    again.step({"fraud": 200})
    assert len(hands.begun) == 1


def test_another_champion_or_the_end_of_a_drift_answers_it(hands: Hands) -> None:
    over = loop(hands)
    see(over, METRICS, event("drift"), event("drift-over"))
    over.step({"fraud": 10_000})
    answered = loop(hands)
    see(answered, METRICS, event("drift"))
    see(answered, MODELS, {"domain": "fraud", "champion": "v2", "former": ["v1"], "at_us": 2, "by": "ann", "why": "better"})
    see(answered, METRICS, event("drift"))
    answered.step({"fraud": 10_000})
    assert hands.begun == []


def versions(found: Loop, champion_by: str) -> None:
    """v2 decides, made the champion by this one, in the place of v1."""
    steps = {"v1": [("candidate", "train"), ("archived", champion_by)], "v2": [("candidate", "train"), ("champion", champion_by)]}
    for name, taken in steps.items():
        known = [Step(stage=stage, at_us=1, by=by, why="a test") for stage, by in taken]  # type: ignore[arg-type]  # a text
        made = Version(domain="fraud", version=name, created=datetime(2026, 1, 1, tzinfo=UTC), steps=tuple(known), manifest={}, report={})
        see(found, MODELS, made.model_dump(mode="json"))
    see(found, MODELS, {"domain": "fraud", "champion": "v2", "former": ["v1"], "at_us": 2, "by": champion_by, "why": "a test"})


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The moves that were tried; each fails, since a bundle is gone."""
    tried: list[str] = []

    def fail(what: str) -> Any:
        def move(*_: Any) -> str:
            tried.append(what)
            raise InputError("its bundle is gone")

        return move

    for what in ("challenge", "archive", "rollback"):
        monkeypatch.setattr(moves, what, fail(what))
    return tried


def test_a_move_that_fails_is_tried_once_and_trainings_go_on(hands: Hands, moved: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = loop(hands, labels=100)
    versions(found, "gate")
    monkeypatch.setattr(registry, "read", lambda _, name: found._known[name])
    for labels in (100, 200):
        found.step({"fraud": labels})
        hands.running = False
    assert moved == ["challenge"]
    assert len(hands.begun) == 2


@pytest.mark.parametrize(("by", "tried"), [("gate", ["challenge", "rollback"]), ("ann", [])])
def test_a_promotion_is_taken_back_by_rule_unless_a_person_wanted_it(
    hands: Hands, moved: list[str], monkeypatch: pytest.MonkeyPatch, by: str, tried: list[str]
) -> None:
    found = loop(hands)
    versions(found, by)
    monkeypatch.setattr(registry, "read", lambda _, name: found._known[name])
    monkeypatch.setattr(moves, "challenge", lambda *_: moved.append("challenge") or "challenged")
    for day in ("2026-01-01", "2026-01-02", "2026-01-03"):
        for version, value in (("v1", 0.8), ("v2", 0.4)):
            window = {"day": day, "model_version": version, "labelled": 100, "metrics": {"average_precision": value}}
            see(found, METRICS, {"kind": QUALITY_WINDOW, "domain": "fraud", **window})
    found.step({"fraud": 0})
    assert moved == tried


@pytest.mark.parametrize(("status", "tells"), [(0, []), (1, []), (3, []), (-9, ["not retrained: killed by SIGKILL"])])
def test_a_training_that_was_killed_is_told_since_it_could_not_tell_itself(hands: Hands, status: int, tells: list[str]) -> None:
    found = loop(hands)
    see(found, METRICS, event("drift"))
    found.step({"fraud": 100})
    hands.running, hands.returncode = False, status
    found.step({"fraud": 100})
    assert [told["text"].partition(";")[0] for told in hands.told[1:]] == tells
    assert all(told["details"]["reason"] for told in hands.told[1:])


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"kind": "loop-event"}', b'{"kind": 5, "domain": "fraud"}', b"\xff"])
def test_what_is_no_metric_is_passed_over(hands: Hands, value: bytes) -> None:
    found, log = loop(hands), MemoryLog(batch=10)
    log.send(METRICS, value)
    log.assign({(METRICS, 0): 0})
    found.see(log.read())
    found.step({"fraud": 10_000})
    assert hands.begun == []
