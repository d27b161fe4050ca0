"""For who reads topics from the beginning at every start, and then on and on: what they publish is a view that a restart makes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from threading import Event
from time import monotonic

from confluent_kafka import OFFSET_BEGINNING

from apps.partitions import KafkaSource, Message, Partition

_LOOK_EVERY_S = 5.0
_REST = 1  # times as long as it took until it is told again
_STEP_MS = 15_000  # by which no partition is read further than another
_SILENT_S = 30.0  # after which nothing is waited for: a partition may have no leader


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

    What was written at about the same time is read at about the same time: who joins one topic's messages with another's remembers so
    many of them only.

    ``begun`` is told first which partitions do not begin with their first message: retention has cut them. Raises ``BrokerError``.
    """
    found = source.look()
    there, unread = set(found), {place: extent.high for place, extent in found.items() if extent.high > extent.low}
    begun({place for place, extent in found.items() if extent.low > 0})
    source.assign({place: extent.low for place, extent in found.items()})
    step, looked = _Step(source), monotonic()
    due = looked + every_s
    while not stop.is_set():
        messages = source.read()
        see(messages)
        unread = left(unread, messages, source.ended)
        step.keep(messages, unread.keys())
        if monotonic() >= due:
            began = monotonic()
            tell(unread.keys())
            due = monotonic() + max(every_s, _REST * (monotonic() - began))
        if monotonic() - looked >= _LOOK_EVERY_S:
            looked = monotonic()
            new = set(source.look()) - there
            source.add(dict.fromkeys(new, OFFSET_BEGINNING))
            there |= new


class _Step:
    """Holds back the partitions that are ahead, by Kafka's time, of one whose start is not read yet."""

    def __init__(self, source: KafkaSource) -> None:
        self._source, self._heard = source, monotonic()
        self._newest: dict[Partition, int] = {}
        self._held: Set[Partition] = set()
        self._over = False

    def keep(self, messages: Iterable[Message], unread: Set[Partition]) -> None:
        """After these messages; ``unread``: the partitions that must not be left behind."""
        if self._over:
            return
        for message in messages:
            self._heard, self._newest[message.topic(), message.partition()] = monotonic(), message.timestamp()[1]
        self._over = not unread or monotonic() - self._heard > _SILENT_S
        behind = min((self._newest.get(place, 0) for place in unread), default=0)
        ahead = set() if self._over else {place for place, at in self._newest.items() if at > behind + _STEP_MS}
        self._source.hold(ahead - self._held, self._held - ahead)
        self._held = ahead


def left(unread: dict[Partition, int], messages: Iterable[Message], ended: Set[Partition]) -> dict[Partition, int]:
    """The partitions that are not read to their end of the start, nor to a later one (``ended``)."""
    reached = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
    return {place: high for place, high in unread.items() if place not in ended and reached.get(place, 0) < high}
