"""Analysts' verdicts as labels: of accepted closings alone, on the right id, told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from apps import reviews
from apps.verdicts import ACT, GIVEN_UP_US, Owed, Verdicts
from domain.contract import Closing
from domain.fraud.events import parse_label
from domain.registry import DOMAINS
from models.reviews import Act
from tests.apps.memory_log import T0_MS, MemoryLog

FRAUD = DOMAINS["fraud"]
SEEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
DECIDED_US = 1_000_000
CONFIRMED = FRAUD.closings[0]


def alert(number: int, version: int) -> Any:
    context = {"amount": 12.5, "terminal_id": "t000009", "merchant_category": None}
    return SimpleNamespace(decision_id=f"p{number}", key="c1", event_time=SEEN, decided_us=DECIDED_US, context=context, version=version)


def done(number: int, version: int, what: Any, *, closing: Closing | None = None, after_s: int = 60) -> Act:
    return reviews.act(FRAUD, alert(number, version), "Ana", what, DECIDED_US + after_s * 1_000_000, closing=closing)


class Topics:
    """The topics in memory, and who owes labels."""

    def __init__(self) -> None:
        self.log, self.now_us = MemoryLog(), T0_MS * 1000
        self.verdicts = self.another()

    def another(self) -> Verdicts:
        return Verdicts([*DOMAINS.values()], lambda: self.now_us)

    def act(self, *acts: Act) -> None:
        self.verdicts.see([self.log.send(FRAUD.reviews_topic, one.model_dump_json().encode()) for one in acts])

    def tell(self) -> list[Owed]:
        """Send what is owed, as the process does."""
        found = self.verdicts.take()
        sent = [self.log.send(owed.topic, owed.value, headers=[(ACT, owed.act_id.encode())]) for owed in found]
        self.verdicts.see(sent)
        return found

    def restart(self) -> None:
        """A new process reads everything again, the labels first."""
        self.verdicts = self.another()
        for place in sorted(self.log.messages):
            self.verdicts.see(self.log.messages[place])


def test_an_accepted_closing_is_told_as_an_analysts_label_of_its_payment() -> None:
    topics = Topics()
    closing = done(7, 1, "close", closing=CONFIRMED)
    topics.act(done(7, 0, "claim"), closing)
    (owed,) = topics.tell()
    label = parse_label(owed.value)
    assert (owed.topic, owed.key, owed.act_id) == ("fraud.labels", "t000009", closing.act_id)
    assert (label.id, label.source, label.verdict, label.customer_id) == ("p7", "analyst", "chargeback", "c1")
    assert (label.payment_time, label.event_time) == (SEEN, SEEN + timedelta(minutes=1)), "so long after the payment as after its decision"
    assert topics.tell() == []


def test_a_refused_closing_leaves_no_label() -> None:
    topics = Topics()
    good = next(c for c in FRAUD.closings if c.verdict == "not fraud")
    topics.act(
        done(7, 0, "claim"), done(7, 1, "close", closing=CONFIRMED), done(7, 1, "close", closing=good), done(8, 0, "close", closing=good)
    )
    assert [parse_label(owed.value).verdict for owed in topics.tell()] == ["chargeback"]


def test_a_closing_that_says_nothing_makes_no_label() -> None:
    topics = Topics()
    topics.act(done(7, 0, "claim"), done(7, 1, "close", closing=Closing("nobody can tell")))
    assert topics.tell() == []


def test_a_restart_tells_nothing_twice_and_what_was_not_told_yet() -> None:
    topics = Topics()
    topics.act(done(7, 0, "claim"), done(7, 1, "close", closing=CONFIRMED))
    topics.tell()
    topics.act(done(8, 0, "claim"), done(8, 1, "close", closing=CONFIRMED))
    topics.restart()
    assert [parse_label(owed.value).id for owed in topics.tell()] == ["p8"]
    topics.restart()
    assert topics.tell() == []


def test_a_label_that_kafka_did_not_take_is_sent_again() -> None:
    topics = Topics()
    topics.act(done(7, 0, "claim"), done(7, 1, "close", closing=CONFIRMED))
    (owed,) = topics.verdicts.take()
    topics.verdicts.again(owed.act_id)
    assert topics.tell() == [owed]


def test_an_alert_that_is_reopened_and_closed_otherwise_has_a_later_label() -> None:
    topics = Topics()
    good = next(c for c in FRAUD.closings if c.verdict == "not fraud")
    late = done(7, 4, "close", closing=good, after_s=90)
    topics.act(done(7, 0, "claim"), done(7, 1, "close", closing=CONFIRMED), done(7, 2, "reopen"), done(7, 3, "claim"), late)
    labels = [parse_label(owed.value) for owed in topics.tell()]
    assert FRAUD.verdicts is not None
    judged = SimpleNamespace(id="p7", key="c1", event_time=SEEN, context={})
    assert (FRAUD.verdicts(labels[:1])(judged), FRAUD.verdicts(labels)(judged)) == (1.0, 0.0)


def test_an_act_of_before_the_labels_retention_is_not_owed_any_more() -> None:
    topics = Topics()
    topics.now_us += GIVEN_UP_US + 1_000_000
    topics.act(done(7, 0, "claim"), done(7, 1, "close", closing=CONFIRMED))
    assert topics.tell() == []


def test_a_label_of_another_payment_is_not_sent() -> None:
    topics = Topics()
    closing = done(7, 1, "close", closing=CONFIRMED)
    topics.act(done(7, 0, "claim"), closing.model_copy(update={"label": {**(closing.label or {}), "transaction_id": "p8"}}))
    assert topics.tell() == []
