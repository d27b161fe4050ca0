"""A dead letter's message sent once more, corrected or as it was, to the topic that it came from; that it was is told on ``metrics``.

One message, by a person's will. Whole histories are sent by ``apps.replay``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import orjson
from confluent_kafka import Producer

from apps.errors import BrokerError, InputError
from apps.kafka import explained, producer_config
from apps.letter import Letter, place
from apps.monitor import now_us
from apps.settings import Settings
from apps.tables import Resent
from apps.topics import METRICS, incoming
from domain.cards import masked
from domain.contract import Domain, MalformedEvent
from domain.registry import DOMAINS

KIND = "letter-resent"  # the "kind" of these messages on ``metrics``
REPLAY_OF, REPLAYED_BY = "replay-of", "replayed-by"  # headers of the message: the letter's place as ``place`` writes it, and who
LONGEST_NAME = 64
_PATIENCE_S = 20.0


class UntoldError(BrokerError):
    """The message is sent, and Kafka did not take the news of it."""

    def __init__(self, sent: Resent) -> None:
        place = f"{sent.to_topic}/{sent.to_partition}/{sent.to_offset}"
        super().__init__(f"the message went to {place}, but Kafka did not take the news of it; is it up?")
        self.sent = sent


class Target(Protocol):
    """What is used of a ``confluent_kafka.Producer``."""

    def produce(self, topic: str, **message: Any) -> None: ...
    def flush(self, timeout: float) -> int: ...


class _Outgoing(NamedTuple):
    """The message, with the key and the id of its event; both are unknown (None, empty) of one that cannot be read."""

    value: bytes
    key: str | None
    event_id: str


def readers(domain: Domain) -> dict[str, Callable[[bytes], Any]]:
    """The topics to which a message can be sent again, and what parses it: events, what is known of their keys, labels."""
    return {**incoming(domain), domain.labels_topic: domain.parse_label}


def refusal(letter: Letter) -> str:
    """Why this letter cannot be sent again at all; empty where it can."""
    domain = DOMAINS.get(letter.domain)
    if domain is not None and letter.source_topic in readers(domain):
        return ""
    what = f"a message of {letter.source_topic or 'an unknown topic'} is not sent again"
    return f"{what}: only events and labels are, all else is made of them"


def resend(settings: Settings, letter: Letter, by: str, corrected: bytes | None = None) -> Resent:
    """Send ``corrected``, or the original bytes where it is None, and tell so. Returns what was told, with the place where it landed.

    Raises ``InputError`` for a letter that cannot be sent again, a correction that would come back (with the reason), and a person
    without a name; ``BrokerError`` where Kafka does not take it.
    """
    outgoing, name = _outgoing(letter, corrected), _name(by)
    with explained(settings):
        return send(Producer(producer_config(settings)), letter, outgoing, name, changed=outgoing.value != letter.original)


def send(producer: Target, letter: Letter, outgoing: _Outgoing, by: str, *, changed: bool) -> Resent:
    """The message, and once it is acknowledged the news of it. Raises ``BrokerError``."""
    landed: list[tuple[int, int] | str] = []

    def delivered(error: Any, message: Any) -> None:
        landed.append(str(error.str()) if error is not None else (message.partition(), message.offset()))

    # Without a key the message goes where it came from: the partition is all that is known of its place.
    where = {"key": outgoing.key.encode()} if outgoing.key is not None else {"partition": max(letter.source_partition, 0)}
    headers: Sequence[tuple[str, bytes]] = [(REPLAY_OF, place(letter).encode()), (REPLAYED_BY, by.encode())]
    began_us = now_us()
    producer.produce(letter.source_topic, value=outgoing.value, headers=headers, on_delivery=delivered, **where)
    if producer.flush(_PATIENCE_S) or not landed or isinstance(landed[0], str):
        why = landed[0] if landed else f"no answer within {_PATIENCE_S:.0f} s"
        raise BrokerError(f"{letter.source_topic} did not take the message: {why}; is Kafka up?")
    partition, offset = landed[0]
    told = Resent(
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        at_us=began_us,
        domain=letter.domain,
        by=by,
        changed=changed,
        event_id=outgoing.event_id,
        to_topic=letter.source_topic,
        to_partition=partition,
        to_offset=offset,
    )
    producer.produce(METRICS, key=told.domain.encode(), value=orjson.dumps({"kind": KIND, **told.model_dump()}))
    if producer.flush(_PATIENCE_S):
        raise UntoldError(told)
    return told


def _outgoing(letter: Letter, corrected: bytes | None) -> _Outgoing:
    if why := refusal(letter):
        raise InputError(why)
    value = letter.original if corrected is None else corrected
    try:
        event = readers(DOMAINS[letter.domain])[letter.source_topic](value)
    except MalformedEvent as error:
        if corrected is not None:
            raise InputError(f"it would come back, so it was not sent: {masked(str(error))} ({error.code})") from None
        return _Outgoing(value, None, "")
    return _Outgoing(value, event.key, event.id)


def _name(by: str) -> str:
    name = " ".join(by.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"a name is wanted, of at most {LONGEST_NAME} letters: it is told with the message who sent it again")
    return masked(name)
