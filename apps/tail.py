"""`polyscore tail TOPIC`: messages as they come, one a line, card numbers masked, and nothing in them that a terminal would obey."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

import orjson
from confluent_kafka import OFFSET_END, Consumer

from apps.errors import InputError
from apps.kafka import consumer_config, explained
from apps.partitions import KafkaSource, Message, watermarks
from apps.settings import Settings
from apps.topics import topic_specs
from domain.cards import masked

_WAIT: Final = 0.2  # seconds
_LONGEST: Final = 4_000  # characters of a message that are shown
_ESCAPE: Final = re.compile(r"(\\u[0-9a-f]{4}|\\x[0-9a-f]{2})")  # its digits belong to no number beside it


def run(settings: Settings, topic: str, last: int, duration_s: float | None, *, stop: Event, show: Callable[[str], None]) -> int:
    """Show the last messages of each partition (``last`` of each at most), and those that come until ``stop``, or for a time.

    Returns how many were shown. Raises ``InputError`` for a topic that there is not, ``BrokerError`` where Kafka does not answer.
    """
    starts = _starts(settings, topic, last)
    source, shown = KafkaSource(settings, "polyscore-tail", [topic], wait_s=_WAIT), 0
    try:
        source.assign({(topic, partition): offset for partition, offset in starts.items()})
        end = time.monotonic() + duration_s if duration_s else None
        while not stop.is_set() and (end is None or time.monotonic() < end):
            for message in sorted(source.read(), key=lambda m: m.timestamp()[1]):
                show(line(message))
                shown += 1
    finally:
        source.close()
    return shown


def _starts(settings: Settings, topic: str, last: int) -> dict[int, int]:
    with explained(settings):
        consumer = Consumer(consumer_config(settings, "polyscore-tail"))
        try:
            if topic not in (there := consumer.list_topics(timeout=10).topics):
                ours = [spec.name for spec in topic_specs() if spec.name in there]
                raise InputError(f"there is no topic {topic!r}; there are {', '.join(ours) or 'none yet: `polyscore setup` makes them'}")
            marks = watermarks(consumer, topic)
        finally:
            consumer.close()
    return {partition: max(low, high - last) if last else OFFSET_END for partition, (low, high) in marks.items()}


def line(message: Message) -> str:
    """Time (UTC, of the message), partition:offset, key and value of one message; what is no text, or not printable, is escaped."""
    at = datetime.fromtimestamp(message.timestamp()[1] / 1e3, UTC)
    headers = " ".join(f"{_shown(name)}={_text(value)}" for name, value in message.headers() or [] if value is not None)
    parts = (f"{at:%H:%M:%S.%f}"[:-3], f"{message.partition()}:{message.offset()}", _text(message.key()), _value(message.value()), headers)
    return "  ".join(part for part in parts if part)


def _value(value: bytes | None) -> str:
    if value is None:
        return "(deleted)"
    try:
        found: Any = orjson.loads(value)
    except orjson.JSONDecodeError:
        return _text(value)
    return _shown(orjson.dumps(found).decode())


def _text(value: bytes | None) -> str:
    return _shown((value or b"").decode("utf-8", errors="backslashreplace"))


def _shown(text: str) -> str:
    """Masked, then escaped, then cut: a card number in part, or behind the digits of an escape, would not be known for one."""
    hidden = "".join(masked(part) for part in _ESCAPE.split(text))
    return _cut("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in hidden))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"


def names() -> Iterator[str]:
    """Our topics, for completion."""
    return (spec.name for spec in topic_specs())
