"""The partitions a process reads by itself, without a consumer group: which there are, how far they go, and their messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from apps.errors import BrokerError
from apps.kafka import GATHERED, bootstrap, client_config, consumer_config, explained, in_words
from apps.logs import logger
from apps.settings import Settings

Partition = tuple[str, int]
Headers = Sequence[tuple[str, bytes | None]]
_TIMEOUT = 10.0  # seconds for one question to the brokers
# What makes the positions doubtful: the log was cut or made anew under the reader.
_STALE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART}
# What passes by itself: a topic was made, or made anew, or a broker came back a moment ago.
_SETTLING = {  # the last two: client and broker have not both heard of a topic that was made anew
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
}
_UNKNOWN = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_PATIENCE = 30.0  # seconds it is waited for
_Answer = TypeVar("_Answer")
_log = logger(__name__)


class Message(Protocol):
    """What is used of a ``confluent_kafka.Message``."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Headers | None: ...
    def timestamp(self) -> tuple[int, int]: ...


class Extent(NamedTuple):
    """A partition's first offset, the one after its last, and Kafka's id of the topic (another id: made anew)."""

    topic_id: str
    low: int
    high: int


class Source(Protocol):
    """Kafka, as the sink needs it; the tests have one in memory."""

    stale: bool  # a partition could not be read on: look again

    def look(self) -> dict[Partition, Extent]: ...
    def assign(self, positions: Mapping[Partition, int]) -> None: ...
    def read(self) -> Sequence[Message]: ...
    def close(self) -> None: ...


class KafkaSource:
    """Reads topics ``read_committed`` from positions that the caller keeps. A topic that does not exist yet is left out.

    ``ended``: the partitions of which an end was reached since they were assigned. That is not told by the messages alone: where a
    transaction was the last to write, its marker stands at the end, which is no message. ``prompt``: a message is wanted at once, however
    much that asks of Kafka; else it waits for others, a fifth of a second at most.
    """

    def __init__(
        self, settings: Settings, name: str, topics: Sequence[str], *, batch: int = 2000, wait_s: float = 0.2, prompt: bool = False
    ) -> None:
        self._admin, self._topics, self._batch, self._wait = AdminClient(client_config(settings)), list(topics), batch, wait_s
        config = {"auto.offset.reset": "error", "enable.partition.eof": True, **({} if prompt else GATHERED)}
        self._consumer = Consumer(consumer_config(settings, name, **config))
        self._settings, self._address = settings, bootstrap(settings)
        self.stale = False
        self.ended: set[Partition] = set()

    def look(self) -> dict[Partition, Extent]:
        """The partitions there are now. Raises ``BrokerError`` where the brokers do not answer."""
        with explained(self._settings):
            found = extents(self._admin, self._topics)
        self.stale = False
        return found

    def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions from these offsets (``OFFSET_END`` and the like are taken too)."""
        self.ended.clear()
        self._consumer.assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()])

    def add(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions too."""
        self._consumer.incremental_assign([TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()])

    def hold(self, places: Iterable[Partition], others: Iterable[Partition]) -> None:
        """Read nothing of these partitions until they are among the ``others``, which are read on."""
        self._consumer.pause([TopicPartition(*place) for place in places])
        self._consumer.resume([TopicPartition(*place) for place in others])

    def read(self) -> list[Message]:
        """What arrives in a short time, up to a batch. Raises ``BrokerError`` where the client gave up for good."""
        return self.sound(self._consumer.consume(self._batch, timeout=self._wait))

    def wait(self, seconds: float) -> list[Message]:
        """What is there already, or the first message as soon as it comes."""
        first = self._consumer.poll(seconds)
        return [] if first is None else self.sound([first, *self._consumer.consume(self._batch, timeout=0)])

    def sound(self, messages: Iterable[Any]) -> list[Message]:
        """The messages without the errors among them, which are logged, and the ends, which are kept."""
        kept: list[Message] = []
        for message in messages:
            error = message.error()
            if error is None:
                kept.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self.ended.add((message.topic(), message.partition()))
            elif error.fatal():
                raise BrokerError(f"reading from Kafka at {self._address} failed: {error.str()}")
            else:
                self.stale |= error.code() in _STALE
                _log.warning("a partition cannot be read for now", topic=message.topic(), partition=message.partition(), why=error.str())
        return kept

    def close(self) -> None:
        """Leave the brokers, with both clients: the administrator's has no other way to be closed."""
        self._consumer.close()
        del self._admin


def extents(admin: AdminClient, topics: Sequence[str]) -> dict[Partition, Extent]:
    """First and next offset of every partition of the topics that exist; next is where a committed reader ends.

    Raises ``KafkaException`` where the brokers do not answer.
    """
    ids = _topic_ids(admin, topics)
    low, high = (_offsets(admin, ids, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
    return {place: Extent(topic_id, low[place], high[place]) for place, topic_id in ids.items() if place in low and place in high}


def unreadable(admin: AdminClient, topics: Sequence[str]) -> set[Partition]:
    """The partitions that are not in ``extents`` yet: they have no leader, or one that does not know of it yet.

    Of a topic that the broker has not heard of yet it is the first one, which every topic has.
    """
    return ({(topic, 0) for topic in topics} | set(_topic_ids(admin, topics))) - set(extents(admin, topics))


def _topic_ids(admin: AdminClient, topics: Sequence[str]) -> dict[Partition, str]:
    found = {}
    for name, future in admin.describe_topics(TopicCollection(list(topics)), request_timeout=_TIMEOUT).items():
        try:
            description = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        found.update({(name, partition.id): str(description.topic_id) for partition in description.partitions})
    return found


def _offsets(admin: AdminClient, places: Iterable[Partition], spec: OffsetSpec) -> dict[Partition, int]:
    wanted = {TopicPartition(*place): spec for place in places}
    if not wanted:
        return {}
    found = {}
    for place, future in admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT).items():
        try:
            found[place.topic, place.partition] = future.result().offset
        except KafkaException as error:  # a partition between two leaders, or just made: it is seen at the next look
            if not error.args[0].retriable() and error.args[0].code() not in _SETTLING:
                raise
    return found


def partition_ids(consumer: Consumer, topic: str) -> list[int]:
    """The topic's partitions; a topic made a moment ago is waited for. Raises ``BrokerError`` where it stays unknown."""

    def ask() -> list[int]:
        metadata = consumer.list_topics(topic, timeout=_PATIENCE).topics[topic]
        if metadata.error is not None:
            raise KafkaException(metadata.error)
        return sorted(metadata.partitions)

    return _patiently(ask, f"topic {topic}")


def watermarks(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """First and next offset of each of the topic's partitions; one between two leaders is waited for.

    Raises ``BrokerError`` where Kafka does not answer.
    """

    def ask(partition: int) -> tuple[int, int]:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_PATIENCE)
        return int(low), int(high)

    return {p: _patiently(partial(ask, p), f"topic {topic}, partition {p}") for p in partition_ids(consumer, topic)}


def _patiently(ask: Callable[[], _Answer], what: str) -> _Answer:
    give_up = time.monotonic() + _PATIENCE
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > give_up:
                why = "Kafka does not know it; make it with `polyscore setup`" if error.args[0].code() in _UNKNOWN else in_words(error)
                raise BrokerError(f"{what}: {why}") from error
        time.sleep(0.1)


def read_to_end(settings: Settings, topic: str, start: Mapping[Partition, int], **config: Any) -> list[Message]:
    """Every message of a topic from ``start`` (a partition that is not named: its first) to its end as it is reached.

    Raises ``BrokerError`` where Kafka gives nothing any more.
    """
    return list(to_end(settings, topic, start, **config))


def to_end(settings: Settings, topic: str, start: Mapping[Partition, int], **config: Any) -> Iterator[Message]:
    """The same, one by one: a topic need not fit into memory. Raises ``BrokerError`` where Kafka falls silent before its end."""
    consumer = Consumer(consumer_config(settings, "polyscore-read", **{"enable.partition.eof": True, "fetch.wait.max.ms": 50, **config}))
    try:
        unread, heard = set(partition_ids(consumer, topic)), time.monotonic()
        consumer.assign([TopicPartition(topic, p, start.get((topic, p), 0)) for p in unread])
        while unread:
            if time.monotonic() - heard > _PATIENCE:
                raise BrokerError(f"topic {topic}: Kafka has said nothing for {_PATIENCE:.0f} s, and its end is not reached; is it up?")
            for message in consumer.consume(5000, timeout=1.0):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(message.partition())
                else:
                    continue
                heard = time.monotonic()
    finally:
        consumer.close()
