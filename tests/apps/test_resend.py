"""A dead letter sent again: where it goes and what goes with it, what is refused, and the news of it in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from apps import resend
from apps.errors import BrokerError, InputError
from apps.letter import place, placed
from apps.records import readers
from apps.tables import DeadLetterRow, Resent, ResentRow
from domain.registry import DOMAINS
from tests.apps.memory_log import MemoryLog
from ui.letter_text import corrected, shown

GOOD = b'{"transaction_id":"t9","event_time":"2026-01-07T00:00:00Z","customer_id":"c9","terminal_id":"x","amount":1.5}'
BAD = GOOD.replace(b"1.5", b'"1.5"')
CARD = b'{"customer_id":"4111111111111111","terminal_id":"5555555555554444","amount":"1"}'


def letter(original: bytes = BAD, source: str = "fraud.payments", domain: str = "fraud") -> Any:
    place = {"topic": "fraud.dead-letters", "partition": 0, "offset": 7, "source_topic": source, "source_partition": 3, "source_offset": 9}
    said = {"domain": domain, "code": "wrong-type", "reason": "payment: amount", "original": original, "failed_us": 1}
    return SimpleNamespace(**DeadLetterRow(**place, **said).model_dump())


@dataclass
class Memory:
    """A producer that keeps what it is given. ``refused``: what Kafka says to every message."""

    refused: str = ""
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def produce(self, topic: str, **message: Any) -> None:
        self.sent.append((topic, message))
        if tell := message.get("on_delivery"):
            error = SimpleNamespace(str=lambda: self.refused) if self.refused else None
            tell(error, SimpleNamespace(partition=lambda: 2, offset=lambda: 41))

    def flush(self, timeout: float) -> int:
        return 0


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(resend, "Producer", lambda config: memory)
    monkeypatch.setattr(resend, "producer_config", lambda settings: {})
    return memory


def send(of: Any, correction: bytes | None = None, by: str = "ada") -> Resent:
    return resend.resend(SimpleNamespace(kafka_bootstrap_servers="x"), of, by, correction)  # type: ignore[arg-type]


def test_a_corrected_message_goes_to_its_topic_under_its_events_key_and_says_of_which_letter_it_is_a_replay(kafka: Memory) -> None:
    told = send(letter(), GOOD, by=" ada  lovelace ")
    topic, message = kafka.sent[0]
    assert (topic, message["value"], message["key"]) == ("fraud.payments", GOOD, b"c9")
    assert "partition" not in message, "the key says which"
    assert dict(message["headers"]) == {"replay-of": b"fraud.dead-letters/0/7", "replayed-by": b"ada lovelace"}
    assert (told.to_topic, told.to_partition, told.to_offset, told.changed, told.event_id) == ("fraud.payments", 2, 41, True, "t9")


def test_a_correction_that_would_come_back_is_refused_with_the_parsers_reason_and_nothing_is_sent(kafka: Memory) -> None:
    with pytest.raises(InputError, match=r"would come back.*amount.*wrong-type"):
        send(letter(), BAD)
    assert kafka.sent == []


def test_a_message_is_sent_unchanged_on_purpose_to_the_partition_that_it_came_from(kafka: Memory) -> None:
    told = send(letter())
    message = kafka.sent[0][1]
    assert (message["value"], message["partition"], "key" in message) == (BAD, 3, False)
    assert (told.changed, told.event_id) == (False, "")


def test_an_unchanged_message_that_can_be_read_goes_under_its_key(kafka: Memory) -> None:
    send(letter(GOOD))
    assert kafka.sent[0][1]["key"] == b"c9", "its key was the fault"


@pytest.mark.parametrize("name", list(DOMAINS))
def test_events_changelogs_and_labels_of_every_domain_can_be_sent_again_and_nothing_else(name: str) -> None:
    domain = DOMAINS[name]
    for topic in (domain.events_topic, domain.labels_topic, *map(domain.topic, domain.changelogs)):
        assert resend.refusal(letter(source=topic, domain=name)) == ""
    for topic in (domain.decisions_topic, domain.alerts_topic, "models", "metrics", ""):
        assert "only events and labels" in resend.refusal(letter(source=topic, domain=name))
    assert resend.refusal(letter(source=domain.events_topic, domain=""))


@pytest.mark.parametrize("by", ["", "  ", "x" * 65, "a\x00b"])
def test_who_sends_it_has_a_name(by: str, kafka: Memory) -> None:
    with pytest.raises(InputError, match="name"):
        send(letter(), GOOD, by=by)
    assert kafka.sent == []


def test_a_decision_is_not_forged(kafka: Memory) -> None:
    with pytest.raises(InputError, match=r"fraud\.decisions"):
        send(letter(source="fraud.decisions"), GOOD)
    assert kafka.sent == []


def test_what_kafka_refuses_is_told_to_nobody_as_sent(kafka: Memory) -> None:
    kafka.refused = "too large"
    with pytest.raises(BrokerError, match="too large"):
        send(letter(), GOOD)
    assert [topic for topic, _ in kafka.sent] == ["fraud.payments"]


def test_the_news_of_it_becomes_a_row(kafka: Memory) -> None:
    told = send(letter(), GOOD)
    topic, message = kafka.sent[1]
    found = readers([DOMAINS["fraud"]])[topic](MemoryLog().send(topic, message["value"]))
    assert found is not None
    assert (found.table, found.row) == (ResentRow, told.model_dump())


def test_a_place_is_read_as_it_is_written() -> None:
    assert placed(place(letter())) == ("fraud.dead-letters", 0, 7)
    assert [placed(text) for text in ("", "a/b/c", "a/1", "a/1/2/3", "a/1/٣", f"a/1/{'9' * 19}")] == [None] * 6


def test_a_message_is_shown_in_lines_with_its_card_numbers_masked_and_they_are_back_in_what_is_sent() -> None:
    seen = shown(CARD)
    assert seen.text.splitlines()[1] == '  "customer_id": "411111******1111",'
    assert (seen.language, seen.whole) == ("json", True)
    edited = seen.text.replace('"amount": "1"', '"amount": 1')
    assert orjson.loads(corrected(edited, CARD)) == {"customer_id": "4111111111111111", "terminal_id": "5555555555554444", "amount": 1}
    assert corrected(seen.text, CARD) == CARD, "nothing was changed"


def test_two_cards_that_look_alike_masked_are_not_guessed() -> None:
    twins = b"4111110000091111 and 4111110000171111"
    text = shown(twins).text
    with pytest.raises(ValueError, match="look alike"):
        corrected(text + "!", twins)


@pytest.mark.parametrize(
    ("original", "text", "whole"),
    [
        (b"\xff{", "\ufffd{", False),
        (b"{ no json", "{ no json", True),
        (b'{"a":NaN}', '{"a":NaN}', True),
        (b'{"a":1e999}', '{"a":1e999}', True),
        (b'"\\ud800"', '"\\ud800"', True),
        (b"[" * 100_000, "[" * 20_000 + "\n...", False),
        (b"", "", True),
        (b"a\x00", "a\x00", False),
    ],
)
def test_what_is_no_json_or_no_text_is_shown_as_far_as_it_goes(original: bytes, text: str, whole: bool) -> None:
    seen = shown(original)
    assert (seen.text, seen.whole) == (text, whole)
