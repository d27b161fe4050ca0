"""What the scorer makes of a message, without a broker."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException
from quixstreams import message_context
from quixstreams.checkpointing.exceptions import CheckpointConsumerCommitError, CheckpointProducerTimeout
from quixstreams.context import set_message_context
from quixstreams.kafka.exceptions import KafkaProducerDeliveryError
from quixstreams.models import MessageContext

from apps import scorer
from apps.errors import BrokerError
from apps.settings import Settings
from apps.stream import _FENCED, Scoring, application, away, timed_out
from domain.contract import Computed
from domain.cross_sell.groups import GROUPS
from domain.decision import Decision
from domain.registry import DOMAINS
from exports.errors import ServerUnavailable
from exports.scorer import Scores
from models.at_work import AtWork
from models.decide import Contributions, Model
from tests.apps.logged import fields

FRAUD = DOMAINS["fraud"]
CARD = "4111111111111111"
MESSAGE = {"transaction_id": "t1", "event_time": "2026-03-01T12:00:00Z", "customer_id": "c1", "terminal_id": "x", "amount": 25.0}


class FakeScorer:
    """Fraud is whatever costs more than 100."""

    schema = FRAUD.schema

    def score(self, row: Sequence[float | None]) -> Scores:
        amount = row[0] or 0.0
        return Scores((amount,), (0.9 if amount > 100 else 0.001,))

    def score_batch(self, rows: Any) -> Any:
        return rows[:, :1]

    raw_batch = score_batch


class FakeState:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get_bytes(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def set_bytes(self, key: str, value: bytes) -> None:
        self.kept[key] = value


@pytest.fixture(autouse=True)
def _place() -> None:
    set_message_context(MessageContext(topic="fraud.payments", partition=3, offset=42, size=1))
    assert message_context().offset == 42


def pushes(**by_name: float) -> Contributions:
    """An explanation in which the named features push by so much and all others not at all."""
    found = np.array([[by_name.get(name, 0.0) for name in FRAUD.schema.names]])
    return lambda row: found


def scoring(guarantee: Any = "at-least-once", contributions: Contributions | None = None) -> Scoring:
    model = Model("v1", "native", FakeScorer(), contributions or pushes(amount=1.0))
    return Scoring(FRAUD, AtWork(model), FRAUD.features(), guarantee, lambda *_: None)


def send(to: Scoring, state: FakeState, headers: Any = (), key: bytes | None = b"c1", **changes: Any) -> list[Any]:
    return to.process(json.dumps(MESSAGE | changes).encode(), key, 1_700_000_000_000, headers, state)


def test_a_cheap_payment_gets_one_decision_and_no_alert() -> None:
    [out] = send(scoring(), FakeState(), [("source-us", b"1700000000000000")])
    decision = Decision.model_validate_json(out.value)
    assert out.topic == "fraud.decisions"
    assert (decision.decision_id, decision.action, decision.source_us) == ("t1", "approve", 1_700_000_000_000_000)
    assert decision.event_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert decision.broker_us == 1_700_000_000_000_000


def test_a_suspicious_payment_is_an_alert_with_reasons_as_well() -> None:
    first, second = send(scoring(), FakeState(), amount=500.0)
    assert (first.topic, second.topic) == ("fraud.decisions", "fraud.alerts")
    assert first.value == second.value
    assert Decision.model_validate_json(second.value).reasons == ["amount of 500.00"]


def test_the_reasons_are_the_three_features_that_push_the_score_up_most_the_strongest_first() -> None:
    explain = pushes(hour=0.5, amount=0.2, customer_count_1d=-9.0, weekend=0.1, merchant_category=0.7, night=0.3)
    first, _ = send(scoring(contributions=explain), FakeState(), amount=500.0, merchant_category="fuel")
    assert Decision.model_validate_json(first.value).reasons == ["merchant category fuel", "at 12 o'clock UTC", "night is 0"]


class AwayScorer(FakeScorer):
    """Its server does not answer."""

    def score(self, row: Sequence[float | None]) -> Scores:
        raise ServerUnavailable("http://127.0.0.1:8080: timed out")


@pytest.mark.parametrize(("amount", "action", "reasons"), [(5.0, "approve", []), (9_000.0, "review", ["judged by the average"])])
def test_without_an_answer_from_the_models_server_the_average_decides(
    amount: float, action: str, reasons: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    to, state = scoring(), FakeState()
    to.switch(AtWork(Model("v1", "remote", AwayScorer(), pushes(amount=1.0), average=(0.01,))))
    out = send(to, state, amount=amount)
    decision = Decision.model_validate_json(out[0].value)
    assert (decision.action, decision.format, decision.score, decision.raw) == (action, "fallback", 0.01, [])
    assert len(decision.reasons) == len(reasons)
    assert all(part in reason for part, reason in zip(reasons, decision.reasons, strict=True))
    to.switch(AtWork(Model("v1", "remote", FakeScorer(), pushes(amount=1.0), average=(0.01,))))
    [back] = send(to, state, transaction_id="t2", amount=5.0)
    assert Decision.model_validate_json(back.value).format == "remote"
    assert (to.counts.decided, to.counts.fallbacks) == (2, 1)
    assert [record.message for record in caplog.records] == [
        "the model's server does not answer; the average decides",
        "the model's server is back",
    ]


class Sure(FakeScorer):
    """Every group will be bought, with this chance."""

    def __init__(self, chance: float) -> None:
        self.chance = chance

    def score(self, row: Sequence[float | None]) -> Scores:
        return Scores((), (self.chance,) * len(GROUPS))


def test_an_offer_to_a_sighting_that_is_repeated_is_remembered_where_it_got_none_before() -> None:
    shop, state = DOMAINS["cross_sell"], FakeState()
    push = np.zeros((len(GROUPS), len(shop.schema)))
    none, offer = (AtWork(Model(name, "native", Sure(chance), lambda row: push)) for name, chance in (("v1", 1e-9), ("v2", 0.9)))
    to = Scoring(shop, none, shop.features(), "at-least-once", lambda *_: None)
    set_message_context(MessageContext(topic=shop.events_topic, partition=0, offset=1, size=1))

    def seen(ping: str, second: int) -> str:
        at = f"2026-03-01T12:00:{second:02}Z"
        message = {"type": "ping", "ping_id": ping, "event_time": at, "shopper_id": "s", "store_id": "a"}
        first, *_ = to.process(json.dumps(message).encode(), b"s", 1_700_000_000_000, (), state)
        return Decision.model_validate_json(first.value).action

    first = seen("p1", 1)
    to.switch(offer)
    assert (first, seen("p1", 1), seen("p2", 6)) == ("none", "offer", "none"), "one offer a visit"


LATER = KafkaError(KafkaError._TRANSPORT)


@pytest.mark.parametrize(("error", "waits"), [
    (KafkaException(LATER), True),
    (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), False),
    (CheckpointConsumerCommitError(LATER), True),
    (CheckpointConsumerCommitError(KafkaError(KafkaError.UNKNOWN_MEMBER_ID)), True),
    (KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION)), True),
    (KafkaProducerDeliveryError(KafkaError(KafkaError._MSG_TIMED_OUT)), True),
    (KafkaProducerDeliveryError(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)), False),
    (CheckpointProducerTimeout("3 messages"), True),
    (BrokerError("labels do not come"), True),
    (ValueError("a defect"), False),
])  # fmt: skip
def test_a_kafka_that_is_away_is_told_from_what_waiting_does_not_mend(error: Exception, waits: bool) -> None:
    assert away(error) is waits


@pytest.mark.parametrize("code", sorted(_FENCED))
def test_a_transaction_that_kafka_ended_while_it_was_away_is_told_from_one_that_a_second_process_took(code: int) -> None:
    fenced = KafkaException(KafkaError(code, "fenced by a newer instance"))
    assert timed_out(fenced, 30.0)
    assert not timed_out(fenced, 0.1), "it has just decided: somebody has its name, and beginning again would take it back"
    assert not timed_out(ValueError("a defect"), 30.0)
    assert not away(fenced)


def test_a_kafka_that_is_away_is_waited_for_however_long(tmp_path: Path) -> None:
    """Quix's own limit, after which the process would end, is two minutes."""
    app = application(Settings(home=tmp_path, kafka_bootstrap_servers="127.0.0.1:9"), FRAUD, "at-least-once", "one")
    assert app._broker_availability_timeout == 0
    app.stop(fail=True)
    assert not app.asked
    app.stop()
    assert app.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_waits_for_kafka_to_begin_again_can_be_stopped(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def __init__(self, _: object) -> None: ...

        def list_topics(self, timeout: float) -> None:
            os.kill(os.getpid(), number)
            raise KafkaException(LATER)

    monkeypatch.setattr(scorer, "AdminClient", Away)
    before = [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)]  # as Quix's handlers, whose loop has ended
    try:
        with pytest.raises(KeyboardInterrupt):
            scorer._begin_again(Settings(kafka_bootstrap_servers="127.0.0.1:9"))
    finally:
        for n, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(n, handler)


def test_an_approval_is_not_explained() -> None:
    asked: list[Sequence[float]] = []

    def explain(row: Sequence[float]) -> Any:
        asked.append(row)
        return np.zeros(len(row))

    to = scoring(contributions=explain)
    [approved] = send(to, FakeState())
    assert Decision.model_validate_json(approved.value).reasons == []
    assert asked == []
    send(to, FakeState(), amount=500.0)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("value", "key", "code"),
    [
        (b"{", b"c1", "not-json"),
        (None, b"c1", "empty"),
        (b'{"transaction_id": "t1"}', b"c1", "missing-field"),
        (json.dumps(MESSAGE | {"amount": "25"}).encode(), b"c1", "wrong-type"),
        (json.dumps(MESSAGE | {"amount": -1}).encode(), b"c1", "out-of-range"),
        (json.dumps(MESSAGE | {"card": 1}).encode(), b"c1", "unknown-field"),
        (json.dumps(MESSAGE).encode(), b"c2", "wrong-key"),
        (json.dumps(MESSAGE).encode(), None, "wrong-key"),
    ],
)
def test_what_cannot_be_processed_becomes_a_dead_letter_that_says_why_and_whence(value: bytes | None, key: bytes | None, code: str) -> None:
    state = FakeState()
    [letter] = scoring().process(value, key, 0, None, state)
    headers = dict(letter.headers)
    assert (letter.topic, letter.value) == ("fraud.dead-letters", value or b"")
    assert headers["code"] == code.encode()
    assert (headers["source-topic"], headers["source-partition"], headers["source-offset"]) == (b"fraud.payments", b"3", b"42")
    assert state.kept == {}


def test_a_bad_source_time_is_a_dead_letter_and_leaves_the_state_alone() -> None:
    state = FakeState()
    [letter] = send(scoring(), state, [("source-us", b"yesterday")])
    assert dict(letter.headers)["code"] == b"bad-header"
    assert state.kept == {}


def test_a_repeated_payment_gets_the_same_decision_at_least_once() -> None:
    to, state = scoring(), FakeState()
    [once] = send(to, state)
    send(to, state, transaction_id="t2", event_time="2026-03-01T12:30:00Z")
    [again] = send(to, state)
    first, second = json.loads(once.value), json.loads(again.value)
    assert {k: v for k, v in first.items() if k != "decided_us"} == {k: v for k, v in second.items() if k != "decided_us"}


def test_a_repeated_payment_gets_no_second_decision_exactly_once() -> None:
    to, state = scoring("exactly-once"), FakeState()
    assert len(send(to, state)) == 1
    assert send(to, state) == []
    assert to.counts.repeated == 1


def test_another_payment_under_a_known_id_is_a_dead_letter() -> None:
    to, state = scoring(), FakeState()
    send(to, state)
    [letter] = send(to, state, amount=26.0)
    assert dict(letter.headers)["code"] == b"conflicting-duplicate"


def test_a_defect_in_the_scorer_hits_one_event_not_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    to = scoring()

    def fail(row: Sequence[float | None]) -> Scores:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(to.at_work.champion.scorer, "score", fail)
    [letter] = send(to, FakeState())
    assert dict(letter.headers)["code"] == b"processing-error"
    assert b"planted" in dict(letter.headers)["reason"]


def test_a_card_number_is_masked_where_people_read_and_kept_in_the_original_bytes() -> None:
    [letter] = send(scoring(), FakeState(), customer_id=CARD)
    assert CARD.encode() in letter.value
    assert CARD.encode() not in dict(letter.headers)["reason"]
    assert b"411111******1111" in dict(letter.headers)["reason"]


def test_a_card_number_is_masked_in_the_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    to = scoring()

    def fail(row: Sequence[float | None]) -> Scores:
        raise ValueError(f"no such card: {CARD}")

    monkeypatch.setattr(to.at_work.champion.scorer, "score", fail)
    with caplog.at_level(logging.ERROR):
        send(to, FakeState())
    told = str([fields(record) for record in caplog.records])
    assert "no such card: 411111******1111" in told
    assert CARD not in told


def test_before_the_first_event_after_an_assignment_the_newest_models_are_taken() -> None:
    to, settled = scoring(), list[int]()

    def settle() -> None:
        settled.append(len(settled))
        to.switch(AtWork(Model("v2", "native", FakeScorer(), pushes())))

    to.__dict__["_settle"] = settle
    assert [json.loads(out.value)["model_version"] for out in send(to, FakeState())] == ["v1"]
    assert settled == []
    to.unsettle()
    [next_one] = send(to, FakeState(), transaction_id="t2")
    assert json.loads(next_one.value)["model_version"] == "v2", "the event itself, not the one after it"
    send(to, FakeState(), transaction_id="t3")
    assert settled == [0]


def test_a_scorer_that_cannot_settle_decides_nothing() -> None:
    to, state = scoring(), FakeState()

    def fail() -> None:
        raise ConnectionError("no answer")

    to.__dict__["_settle"] = fail
    to.unsettle()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            send(to, state)
    assert state.kept == {}


def test_a_switch_of_terms_between_two_events_is_named_by_the_second_alone_and_moves_its_threshold() -> None:
    to, state = scoring(), FakeState()
    [first] = send(to, state)
    to.switch(AtWork(to.at_work.champion, domain=FRAUD.with_terms({"analyst": 0.0, "delayed_customer": 0.0})))
    second, _ = send(to, state, transaction_id="t2")
    assert b"terms" not in first.value, "by the domain's own numbers a decision is as it was before there were terms"
    before, after = (Decision.model_validate_json(out.value) for out in (first, second))
    assert (before.action, before.terms) == ("approve", {})
    assert (after.action, after.terms, after.threshold) == ("review", {"analyst": 0.0, "delayed_customer": 0.0}, 0.0)


class Stateless:
    """Features that need nothing of their key's past."""

    schema = FRAUD.schema

    def learn(self, label: Any) -> None: ...

    def compute(self, event: Any, state: bytes | None) -> Computed:
        assert state is None
        return Computed([5.0, *[0.0] * (len(FRAUD.schema) - 1)], b"", False)


def test_a_domain_without_a_state_leaves_nothing_under_its_keys() -> None:
    """Rows of a table have a key each, which never comes again: a changelog of them would grow without end."""
    to, state = scoring(), FakeState()
    to.features = Stateless()
    assert [out.topic for out in send(to, state)] == ["fraud.decisions"]
    assert state.kept == {}
