"""For who reads topics from the beginning at every start, and then on and on: what they publish is a view that a restart makes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from threading import Event
from time import monotonic

from confluent_kafka import OFFSET_BEGINNING

from apps.partitions import KafkaSource, Message, Partition

_LOOK_EVERY_S = 5.0
_REST = 1  # times as long as it took until it is told again


def follow(
    source: KafkaSource,
    see: Callable[[Sequence[Message]], None],
    tell: Callable[[Set[Partition]], None],
    stop: Event,
    *,
    every_s: float,
    begun: Callable[[Set[Partition]], None] = lambda cut: None,
) -> None:
    """Give all messages to ``see``, and every ``every_s`` seconds tell ``tell`` which partitions are not read to their ends of the start.

    Less often where the telling itself takes long: it gets half of the time at most.

    ``begun`` is told first which partitions do not begin with their first message: retention has cut them. Raises ``BrokerError``.
    """
    found = source.look()
    there, unread = set(found), {place: extent.high for place, extent in found.items() if extent.high > extent.low}
    begun({place for place, extent in found.items() if extent.low > 0})
    source.assign({place: extent.low for place, extent in found.items()})
    looked = monotonic()
    due = looked + every_s
    while not stop.is_set():
        messages = source.read()
        see(messages)
        unread = left(unread, messages, source.ended)
        if monotonic() >= due:
            began = monotonic()
            tell(unread.keys())
            due = monotonic() + max(every_s, _REST * (monotonic() - began))
        if monotonic() - looked >= _LOOK_EVERY_S:
            looked = monotonic()
            new = set(source.look()) - there
            source.add(dict.fromkeys(new, OFFSET_BEGINNING))
            there |= new


def left(unread: dict[Partition, int], messages: Iterable[Message], ended: Set[Partition]) -> dict[Partition, int]:
    """The partitions that are not read to their end of the start, nor to a later one (``ended``)."""
    reached = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
    return {place: high for place, high in unread.items() if place not in ended and reached.get(place, 0) < high}
