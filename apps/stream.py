"""The scorer: wires the pure decision to Kafka through Quix Streams. Every event gives one decision, or one dead letter."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, NamedTuple

import orjson
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from quixstreams import Application, message_context
from quixstreams.checkpointing.exceptions import CheckpointProducerTimeout
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.exceptions import QuixException
from quixstreams.kafka import ConnectionConfig
from quixstreams.kafka.exceptions import BaseKafkaException
from quixstreams.models import Serializer, Topic

from apps.errors import AppError, BrokerError
from apps.follow import Models
from apps.kafka import bootstrap
from apps.labels import LABELS_UNTIL, LabelReader
from apps.logs import logger
from apps.settings import Guarantee, Settings, security
from apps.topics import SOURCE_US, Headers, consumer_group, dead_letter_body, dead_letter_headers, incoming
from domain.cards import masked
from domain.contract import Domain, Event, Features, MalformedEvent
from models.at_work import AtWork
from models.decide import FALLBACK, Decided, decide

_STATE, _MEMORY = "history", "policy"
_DEFAULT_COMMIT = {"exactly-once": 0.05, "at-least-once": 1.0}  # seconds; exactly-once shows nothing before its commit
# Small fetches keep the partitions of a backlog close together in event time: the features hold back only so many labels.
_CONSUMER = {
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 10,
    "session.timeout.ms": 10_000,
    "max.partition.fetch.bytes": 131_072,
    "queued.min.messages": 2_000,
}
# A defect in a feature or a format hits one event, not the stream. What has to do with memory, disk or Kafka is not among
# these: it stops the process, and nothing is committed.
_PASSES = {  # what a client says of brokers that are away, or just back
    KafkaError._TIMED_OUT,
    KafkaError._MSG_TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.UNKNOWN_MEMBER_ID,  # this and the next two: a group that has taken its silent member for gone
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.REBALANCE_IN_PROGRESS,
}
# What Kafka says of a transaction that is not this process's any more: a second one of its name has come, or Kafka was away for longer
# than a transaction may take. The first is told at the next commit, a moment after the last message; the second when Kafka is back, which
# takes it longer: 4 s after a kill (Kafka 4.3.0, two cores).
_FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.INVALID_TXN_STATE}
_SILENT_S = 3.0
_DEFECTS = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError)
_log = logger(__name__)


class Outgoing(NamedTuple):
    """One message to produce."""

    topic: str
    value: bytes
    headers: Headers = ()


class _Payload(Serializer):
    """Takes the bytes of an ``Outgoing`` as they are."""

    def __call__(self, value: Outgoing, ctx: Any) -> bytes:
        return value.value


@dataclass
class Counts:
    """What passed, for the log line at the end."""

    decided: int = 0
    alerts: int = 0
    dead_letters: int = 0
    repeated: int = 0
    fallbacks: int = 0  # of the decided: those that the model's server had no part in


class Scoring:
    """Turns one raw message into outgoing ones, given the key's state. Knows Kafka's metadata, not its client.

    ``at_work`` is replaced from another thread, by one assignment; each event looks at it once.
    """

    def __init__(
        self,
        domain: Domain,
        at_work: AtWork,
        features: Features,
        guarantee: Guarantee,
        advance: Callable[..., None],
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        self.domain, self.at_work, self.features, self.advance, self._settle = domain, at_work, features, advance, settle
        self.suppress_repeated = guarantee == "exactly-once"
        self._unsettled = False
        self.counts = Counts()
        self._away = False
        self.read_at = time.monotonic()  # when it was done with the last message

    def process(self, value: bytes | None, key: bytes | None, broker_ms: int, headers: Headers | None, state: Any) -> list[Outgoing]:
        """The decision (and the alert) for this message, or its dead letter; nothing for an event that only changes the state."""
        try:
            return self._process(value, key, broker_ms, headers, state)
        finally:
            self.read_at = time.monotonic()

    def _process(self, value: bytes | None, key: bytes | None, broker_ms: int, headers: Headers | None, state: Any) -> list[Outgoing]:
        if self._unsettled:
            self._take_newest()
        found = dict(headers or ())
        try:
            event = self._read(value, key)
            if event.decides:
                self.advance(event.event_time, found.get(LABELS_UNTIL))
            memory = state.get_bytes(_MEMORY) if self.domain.policy.remembers and event.decides else None
            at_work = self.at_work
            domain, model = at_work.domain or self.domain, at_work.of(event.key.encode())
            decided = decide(domain, self.features, model, event, state.get_bytes(_STATE), memory)
            source_us = _source(found)
        except MalformedEvent as error:
            return [self._dead_letter(value, error.code, str(error))]
        except _DEFECTS as error:
            _log.error("an event could not be processed", domain=self.domain.name, trace=masked(traceback.format_exc()))
            return [self._dead_letter(value, "processing-error", f"{type(error).__name__}: {error}")]
        if decided.repeated:
            self.counts.repeated += 1
            if self.suppress_repeated:
                return []
        elif decided.state:  # a domain that keeps none leaves nothing behind: its keys may never come again
            state.set_bytes(_STATE, decided.state)
        if decided.memory is not None:  # of a repeated event, too: other models or terms may have decided otherwise now
            state.set_bytes(_MEMORY, decided.memory)
        return self._messages(decided, source_us, broker_ms) if decided.fields else []

    def switch(self, at_work: AtWork) -> None:
        """Decide by these models from the next event on."""
        self.at_work = at_work

    def unsettle(self) -> None:
        """Before the next event, take the newest models: its partition may come from a scorer that has them."""
        self._unsettled = True

    def _take_newest(self) -> None:
        self._unsettled = False  # before: who unsettles meanwhile is heard
        try:
            self._settle()
        except BaseException:
            self._unsettled = True
            raise

    def _read(self, value: bytes | None, key: bytes | None) -> Event:
        event: Event = self._parse()(value or b"")
        if key != event.key.encode():
            raise MalformedEvent("wrong-key", f"the message's key is not {event.key!r}, the key of its event: its state lives elsewhere")
        return event

    def _parse(self) -> Callable[[bytes], Any]:
        """What reads the messages of this one's topic."""
        return incoming(self.domain)[message_context().topic] if self.domain.changelogs else self.domain.parse_event

    def _messages(self, decided: Decided, source_us: int | None, broker_ms: int) -> list[Outgoing]:
        at, times = message_context(), {"source_us": source_us, "broker_us": broker_ms * 1000, "decided_us": time.time_ns() // 1000}
        body = orjson.dumps({**decided.fields, "partition": at.partition, "offset": at.offset, **times})
        self.counts.decided += 1
        self._watch(decided.fields["format"] == FALLBACK)
        if not decided.fields["alert"]:
            return [Outgoing(self.domain.decisions_topic, body)]
        self.counts.alerts += 1
        return [Outgoing(self.domain.decisions_topic, body), Outgoing(self.domain.alerts_topic, body)]

    def _watch(self, fallback: bool) -> None:
        """Say when the model's server goes away, and when it is back."""
        self.counts.fallbacks += fallback
        if fallback != self._away:
            self._away = fallback
            text = "does not answer; the average decides" if fallback else "is back"
            _log.warning(f"the model's server {text}", domain=self.domain.name)

    def _dead_letter(self, value: bytes | None, code: str, reason: str) -> Outgoing:
        self.counts.dead_letters += 1
        at = message_context()
        headers = dead_letter_headers(code, reason, at.topic, at.partition, at.offset)
        return Outgoing(self.domain.dead_letters_topic, dead_letter_body(value), headers)


def _source(headers: dict[str, bytes]) -> int | None:
    raw = headers.get(SOURCE_US)
    if raw is None:
        return None
    if not raw.isdigit() or len(raw) > 17:
        raise MalformedEvent("bad-header", f"header {SOURCE_US} holds no microseconds since the epoch")
    return int(raw)


class Assigning(Application):
    """Quix's application, which has no public word for partitions that were assigned: ``assigned`` is called at each such moment.

    ``asked``: whether somebody has asked it to stop.
    """

    assigned: Callable[[], None] = staticmethod(lambda: None)
    asked = False

    def stop(self, fail: bool = False) -> None:
        """Stop after the message at hand; ``fail``: for a reason of its own."""
        self.asked |= not fail
        super().stop(fail)

    def _on_assign(self, consumer: Any, topic_partitions: list[TopicPartition]) -> None:
        self.assigned()
        super()._on_assign(consumer, topic_partitions)


def application(settings: Settings, domain: Domain, guarantee: Guarantee, instance: str, group: str | None = None) -> Assigning:
    """A Quix application for one scorer process; ``instance`` names its local state and, exactly-once, its transactions."""
    commit_interval = interval(settings, guarantee)
    producer: dict[str, Any] = {"linger.ms": 1, "compression.type": "lz4", "queue.buffering.max.messages": 500_000}
    if guarantee == "exactly-once":
        # A fixed id fences a killed predecessor at once; its open transaction would hold readers back until it timed out.
        producer |= {"transactional.id": f"polyscore-{domain.name}-{instance}", "transaction.timeout.ms": 15_000}
    return Assigning(
        broker_address=ConnectionConfig.from_librdkafka_dict({"bootstrap.servers": bootstrap(settings), **security()}),
        consumer_group=group or consumer_group(domain),
        auto_offset_reset="earliest",
        commit_interval=commit_interval,
        consumer_poll_timeout=min(commit_interval / 2, 0.1),
        consumer_extra_config=_CONSUMER,
        producer_extra_config=producer,
        broker_availability_timeout=0,  # a Kafka that is away is waited for, however long
        state_dir=settings.state / f"{domain.name}-{instance}",
        processing_guarantee=guarantee,
        loglevel="WARNING",
    )


def interval(settings: Settings, guarantee: Guarantee) -> float:
    """Seconds from one commit to the next."""
    return settings.commit_interval or _DEFAULT_COMMIT[guarantee]


def away(error: Exception) -> bool:
    """Whether it says that Kafka is away, or just back."""
    return _code(error) in _PASSES or isinstance(error, BrokerError | CheckpointProducerTimeout)


def timed_out(error: Exception, silent_s: float) -> bool:
    """Whether it says that Kafka has ended this process's transaction because it was away for too long; ``silent_s``: since a message."""
    return _code(error) in _FENCED and silent_s > _SILENT_S


def _code(error: Exception) -> int | None:
    """What Kafka or its client calls it; None where it is none of theirs."""
    if isinstance(error, KafkaException):
        return int(error.args[0].code())
    return error.code if isinstance(error, BaseKafkaException) else None


def wire(app: Application, domain: Domain, process: Callable[..., list[Outgoing]]) -> None:
    """The events and what is known of their keys in; decisions, alerts and dead letters out.

    The streams share one state: they have the same keys and the same number of partitions.
    """
    names = (domain.decisions_topic, domain.alerts_topic, domain.dead_letters_topic)
    topics: dict[str, Topic] = {name: app.topic(name, value_serializer=_Payload(), key_serializer="bytes") for name in names}
    streams = [app.dataframe(app.topic(name, value_deserializer="bytes", key_deserializer="bytes")) for name in incoming(domain)]
    outgoing = reduce(StreamingDataFrame.concat, streams).apply(process, stateful=True, metadata=True, expand=True)
    outgoing = outgoing.set_headers(lambda value, *_: value.headers)
    outgoing.to_topic(lambda value, *_: topics[value.topic])


def run(settings: Settings, domain: Domain, models: Models, at_work: AtWork, guarantee: Guarantee, instance: str = "0") -> Counts:
    """Score until stopped by SIGINT or SIGTERM, first by what is at work. Raises ``AppError`` where the stream cannot go on."""
    features = domain.features()
    labels = LabelReader(settings, domain, features.learn)
    scoring = Scoring(domain, at_work, features, guarantee, labels.advance, models.settle)
    app = application(settings, domain, guarantee, instance)
    app.assigned = scoring.unsettle
    wire(app, domain, scoring.process)
    try:
        models.follow(scoring.switch, failed=scoring.unsettle)
        app.run()
    except KeyError as error:
        raise AppError(f"the stream of {domain.name} stopped: {error}") from error
    except (KafkaException, QuixException, BrokerError) as error:
        gone = timed_out(error, time.monotonic() - scoring.read_at - 2 * interval(settings, guarantee))
        if gone and not app.asked:
            raise BrokerError(f"{error.args[0]}: Kafka was away for longer than a transaction may take") from error
        if not (app.asked and (gone or away(error))):
            raise
        _log.warning("stopped while Kafka was away; what was not committed is decided again", domain=domain.name)
    finally:
        labels.close()
        models.close()
        _log.info("stopped", domain=domain.name, **asdict(scoring.counts))
    return scoring.counts
