"""The labels as every scorer sees them: read whole, beside the stream, and told to the features in time.

A customer's payments live in one partition, a terminal's labels would live in another; sending each payment on a second
hop through Kafka would double its latency (and its commits, under exactly-once). What labels say counts only days
later, so each scorer process keeps all of it in memory, from a consumer of its own, and no decision waits for it.
"""

from __future__ import annotations

import time
from bisect import insort
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from apps.errors import BrokerError
from apps.kafka import consumer_config
from apps.logs import logger
from apps.partitions import partition_ids
from apps.settings import Settings
from domain.contract import Domain, MalformedEvent

LABELS_UNTIL = "labels-until"  # header of a replayed payment: the label offsets it must see, "12,15,11,9"
_FULL, _DRAINED = 5_000, 1_000  # labels held back per partition before it is paused, and when it goes on
_POLL_EVERY = 0.005  # seconds; labels count from full hours, so this is soon enough
_WAIT_FOR_STAMP, _WAIT_FOR_END, _DOUBT = 60.0, 10.0, 0.5  # seconds
_EVER, _NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_Held = tuple[datetime, int, Any]  # event time, offset, label
_log = logger(__name__)


class LabelReader:
    """Tells ``learn`` every label of a domain up to the event time asked for, never before that time.

    Three rules hold. A (re)started reader blocks the first payments until it has read each partition to its end, or
    beyond their time: no decision with half the history. After that it never blocks, a label is seen once it has
    arrived. A payment stamped with label offsets (a replay) waits until those are read, which makes replays exact.
    """

    def __init__(self, settings: Settings, domain: Domain, learn: Callable[[Any], None]) -> None:
        self._learn, self._parse, self._topic = learn, domain.parse_label, domain.labels_topic
        config = consumer_config(settings, f"polyscore-{domain.name}-labels")
        self._consumer = Consumer({**config, "enable.partition.eof": True, "fetch.wait.max.ms": 50})
        self._assign()
        self._last_poll = 0.0
        self._last_stamp: bytes | None = None
        self._told = False  # of a stamp beyond the end
        self._due = _NEVER  # the earliest event time held back
        self._complete = _EVER  # until then every partition behind its end is read
        self.unreadable = 0

    def _assign(self) -> None:
        # In order of event time; as labels mostly come in it, the ends of a deque are cheaper than a heap.
        self._held: dict[int, deque[_Held]] = {p: deque() for p in partition_ids(self._consumer, self._topic)}
        self._last_two = dict.fromkeys(self._held, (_EVER, _EVER))  # event times of the labels that arrived last
        self._next = dict.fromkeys(self._held, 0)
        self._paused: set[int] = set()
        self._behind = set(self._held)  # partitions not yet read to their end since the start
        self._consumer.assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in self._held])

    def advance(self, moment: datetime, stamp: bytes | None = None) -> None:
        """Learn what was known by ``moment`` (and, with a ``stamp``, wait until the stamped labels are read).

        Raises ``MalformedEvent`` where the stamp is none, ``BrokerError`` where labels that exist do not come.
        """
        if stamp is not None and stamp != self._last_stamp:
            self._reach(stamp, moment)
        if self._behind and moment >= self._complete:
            self._catch_up(moment)
        now = time.monotonic()
        if now - self._last_poll >= _POLL_EVERY:
            self._last_poll = now
            self._read(0.0)
        if moment >= self._due:
            self._release(moment)

    def _catch_up(self, moment: datetime) -> None:
        while not all(self._is_ahead(p, moment) for p in self._behind):
            self._read(0.05)
            self._release(moment)
        self._complete = min((min(self._last_two[p]) for p in self._behind), default=_NEVER)

    def close(self) -> None:
        self._consumer.close()

    def _reach(self, stamp: bytes, moment: datetime) -> None:
        wanted = {p: offset for p, offset in enumerate(_offsets(stamp)) if p in self._held}
        there, came, checked = sum(self._next.values()), time.monotonic(), False
        while any(self._lacks(p, offset, moment) for p, offset in wanted.items()):
            self._read(0.05)
            self._release(moment)
            silent_s = time.monotonic() - came
            if sum(self._next.values()) > there:
                there, came = sum(self._next.values()), time.monotonic()
            elif silent_s > _WAIT_FOR_STAMP:  # with half the history a decision would be a wrong one
                raise BrokerError(f"labels up to offsets {stamp.decode()} are on {self._topic} and do not come; is Kafka up?")
            elif silent_s > _DOUBT and not checked:  # not before: the question waits behind a fetch, 50 ms a partition
                wanted, checked = self._that_can_be(wanted, stamp), True
        self._last_stamp = stamp

    def _that_can_be(self, wanted: dict[int, int], stamp: bytes) -> dict[int, int]:
        """What lies beyond the end of the log cannot be meant: a bad stamp must not hold up a partition."""
        ends = {p: self._end(p, offset) for p, offset in wanted.items()}
        if ends != wanted and not self._told:
            self._told = True
            _log.warning(
                "a stamp lies beyond the end of its topic; it counts as the end",
                header=LABELS_UNTIL,
                stamp=stamp.decode(),
                topic=self._topic,
            )
        return ends

    def _end(self, partition: int, offset: int) -> int:
        """``offset``, or the end of the partition where that comes before it."""
        try:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_WAIT_FOR_END)
        except KafkaException:  # Kafka is away: the wait for the labels goes on until it is back
            return offset
        return min(offset, int(end))

    def _lacks(self, partition: int, offset: int, moment: datetime) -> bool:
        return self._next[partition] < offset and not self._is_ahead(partition, moment)

    def _is_ahead(self, partition: int, moment: datetime) -> bool:
        """Whether it is read beyond ``moment``: by two labels, because one may have a wild clock, or by all that it may hold back."""
        if partition in self._paused and self._held[partition][0][0] > moment:
            return True
        return min(self._last_two[partition]) > moment

    def _read(self, timeout: float) -> None:
        first = self._consumer.poll(timeout)  # `consume` with a timeout would wait for all thousand
        if first is None:
            return
        for message in (first, *self._consumer.consume(1000, timeout=0)):
            error = message.error()
            if error is None:
                self._hold(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._reached_end(message.partition(), message.offset())
            elif error.fatal():
                raise BrokerError(f"reading {self._topic} failed: {error.str()}")

    def _reached_end(self, partition: int, offset: int) -> None:
        self._next[partition] = max(self._next[partition], offset)
        self._behind.discard(partition)

    def _hold(self, message: Any) -> None:
        partition = message.partition()
        if message.offset() < self._next[partition]:
            return  # fetched before its partition was let go of, and again after that
        self._next[partition] = message.offset() + 1
        try:
            label = parse_keyed(self._parse, message.value(), message.key())
        except MalformedEvent:  # the monitor sends it to the dead letters, once; every scorer only counts it
            self.unreadable += 1
            return
        held, new = self._held[partition], (label.event_time, message.offset(), label)
        if held and new < held[-1]:
            insort(held, new)
        else:
            held.append(new)
        self._last_two[partition] = (self._last_two[partition][1], label.event_time)
        self._due = min(self._due, label.event_time)
        if len(held) >= _FULL and partition not in self._paused:
            self._paused.add(partition)
            self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])

    def _release(self, moment: datetime) -> None:
        for partition, held in self._held.items():
            while held and held[0][0] <= moment:
                self._learn(held.popleft()[2])
            if partition in self._paused and len(held) <= _DRAINED:
                # Not `pause` and `resume`: after an end of partition librdkafka 2.12 resumes one message too far.
                self._paused.discard(partition)
                self._consumer.incremental_assign([TopicPartition(self._topic, partition, self._next[partition])])
        self._due = min((held[0][0] for held in self._held.values() if held), default=_NEVER)


def parse_keyed(parse: Callable[[bytes], Any], value: bytes | None, key: bytes | None) -> Any:
    """The label of a message. Raises ``MalformedEvent``, also where the message's key is not the label's."""
    label = parse(value or b"")
    if key != label.key.encode():
        raise MalformedEvent("wrong-key", f"the message's key is not {label.key!r}, the key of its label")
    return label


def _offsets(stamp: bytes) -> list[int]:
    parts = stamp.split(b",")
    if not all(part.isdigit() and len(part) <= 19 for part in parts):
        raise MalformedEvent("bad-header", f"header {LABELS_UNTIL} holds no offsets, one a partition, with commas between them")
    return [int(part) for part in parts]
