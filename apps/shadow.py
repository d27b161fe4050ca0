"""`polyscore shadow`: challengers score what the champion decided, and write what they would have done on a topic of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import ValidationError

from apps import loading, loop_events, registry
from apps.errors import BrokerError
from apps.kafka import GATHERED, commit, consumer_config, explained, producer_config
from apps.logs import logger
from apps.monitor import now_us
from apps.partitions import to_end
from apps.settings import Settings
from apps.topics import MODELS
from domain.contract import Domain
from domain.decision import Decision
from models.registry import Registry, Standing
from models.shadow import Shadow

_BATCH, _WAIT = 500, 0.2  # messages; seconds
_COMMIT_EVERY, _PATIENCE = 1.0, 10.0  # seconds
_log = logger(__name__)


class Challengers:
    """The challengers of a domain as the topic ``models`` names them. One that cannot be loaded is refused, told and left out."""

    def __init__(self, settings: Settings, domain: Domain, model_format: str, producer: Producer) -> None:
        self._settings, self._domain, self._format, self._producer = settings, domain, model_format, producer
        self._known, read = Registry(domain.name), 0
        self._standing: Standing | None = None
        for message in to_end(settings, MODELS, {}):  # before the first decision: who challenged last week is no matter
            registry.take_in(self._known, message.value())
            read = message.offset() + 1
        self._consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-shadow-models"))
        self._consumer.assign([TopicPartition(MODELS, 0, read)])
        self.shadows: dict[str, Shadow] = {}
        self.refused = ""  # why Kafka did not take what was written
        self._failed: set[str] = set()  # versions of which it was told that they cannot decide everything

    def look(self) -> None:
        """Take in what was announced since the last look. A version keeps its memory while it challenges; a refused one is tried again."""
        for message in self._consumer.consume(1000, timeout=0):
            if message.error() is None:
                registry.take_in(self._known, message.value())
        standing = self._known.standing
        if standing is None or standing is self._standing:
            return
        self._standing, before = standing, list(self.shadows)
        self.shadows = {name: shadow for name in standing.challengers if (shadow := self.shadows.get(name) or self._load(name))}
        if list(self.shadows) != before:
            _log.info("challengers beside the champion", domain=self._domain.name, versions=list(self.shadows))

    def _load(self, name: str) -> Shadow | None:
        try:
            return Shadow(self._domain, loading.announced(self._settings, self._domain, self._known, name, self._format))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a bundle, the others go on
            text = f"the challenger {name} is refused: {error or type(error).__name__}"
            _log.warning(text, domain=self._domain.name)
            loop_events.tell(self._producer, loop_events.event(self._domain.name, "refused", name, text, shadow=True))
            return None

    def decide(self, value: bytes) -> int:
        """Write what each challenger would have done in place of this decision; returns how many did."""
        if not self.shadows:
            return 0
        try:
            made = Decision.model_validate_json(value)
        except ValidationError:  # the sink keeps it among the dead letters
            return 0
        found = [fields for shadow in self.shadows.values() if (fields := self._one(shadow, made)) is not None]
        for fields in found:
            self._producer.produce(self._domain.shadow_topic, orjson.dumps(fields), made.key.encode(), on_delivery=self._delivered)
        self._producer.poll(0)
        return len(found)

    def _one(self, shadow: Shadow, made: Decision) -> dict[str, Any] | None:
        try:
            return shadow.decide(made, now_us())
        except Exception as error:  # noqa: BLE001  # of one decision: those behind it go on
            version = shadow.model.version
            if version not in self._failed:
                self._failed.add(version)
                why = f"{type(error).__name__}: {error}"
                _log.error("a challenger cannot decide this; told once", domain=self._domain.name, version=version, why=why)
            return None

    def _delivered(self, error: Any, _: Any) -> None:
        if error is not None:
            self.refused = str(error.str())

    def close(self) -> None:
        self._consumer.close()


def run(settings: Settings, domains: Sequence[Domain], model_format: str, *, stop: Event) -> int:
    """Follow the domains' decisions until ``stop``, from where this group of processes was; returns how many were written.

    A first start begins with what is decided from then on. Raises ``BrokerError`` where Kafka does not answer.
    """
    with explained(settings):
        producer = Producer(producer_config(settings, linger_ms=20))
        beside = {d.decisions_topic: Challengers(settings, d, model_format, producer) for d in domains}
        name = f"polyscore-shadow-{'-'.join(d.name for d in domains)}"
        consumer = Consumer(consumer_config(settings, name, **GATHERED))
        consumer.subscribe([*beside], on_assign=_begin)
        try:
            return _follow(beside, consumer, producer, stop)
        finally:
            consumer.close()
            for challengers in beside.values():
                challengers.close()


def _begin(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    """Where the group has not been, begin at the end, and say so to Kafka at once: a crash before the first commit leaves no gap."""
    places = consumer.committed(partitions, timeout=_PATIENCE)
    new = [place for place in places if place.offset < 0]
    for place in new:
        place.offset = consumer.get_watermark_offsets(place, timeout=_PATIENCE)[1]
    if new:
        consumer.commit(offsets=new, asynchronous=False)
    consumer.assign(places)


def _follow(beside: Mapping[str, Challengers], consumer: Consumer, producer: Producer, stop: Event) -> int:
    written, committed, dirty = 0, time.monotonic(), False
    while not stop.is_set():
        for challengers in beside.values():
            challengers.look()
        for message in consumer.consume(_BATCH, timeout=_WAIT):
            error = message.error()
            if error is None:
                written += beside[message.topic()].decide(message.value() or b"")
                dirty = True
            elif error.fatal():
                raise BrokerError(f"reading decisions failed: {error.str()}")
        if dirty and time.monotonic() - committed >= _COMMIT_EVERY:
            committed, dirty = time.monotonic(), not _commit(beside, consumer, producer)
    if dirty:
        _commit(beside, consumer, producer)
    return written


def _commit(beside: Mapping[str, Challengers], consumer: Consumer, producer: Producer) -> bool:
    """What was read counts as done once what follows from it is written: a crash between the two writes the same again.

    False where the group moves, or a broker is away: to be tried again.
    """
    left = producer.flush(20)
    refused = next((c.refused for c in beside.values() if c.refused), "")
    if left or refused:
        raise BrokerError(f"Kafka did not take the challengers' decisions{f' ({refused})' if refused else ''}; is it up? Start this again")
    return commit(consumer) is None
