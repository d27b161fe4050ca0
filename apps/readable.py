"""What a topic holds that can be read; the rest is kept among the dead letters, by whoever is to tell of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from pydantic import ValidationError

from apps.partitions import to_end
from apps.settings import Settings
from domain.contract import MalformedEvent

T = TypeVar("T")


def values(settings: Settings, topic: str, parse: Callable[[bytes], T]) -> Iterator[T]:
    """A topic's values from its first to its end as it is reached. Raises ``BrokerError`` where Kafka falls silent before that."""
    for message in to_end(settings, topic, {}):
        try:
            yield parse(message.value() or b"")
        except (ValidationError, MalformedEvent):
            continue
