"""The training set of a window of the topics: decisions with the rows that were scored, and the labels that came for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from pydantic import ValidationError

from apps import history
from apps.errors import InputError
from apps.kafka import consumer_config
from apps.labels import parse_keyed
from apps.partitions import watermarks
from apps.settings import Settings
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from models.dataset import Dataset, Progress, recall, silent

Offsets = Mapping[str, Mapping[str, list[int]]]  # topic -> partition, as JSON has it -> the first offset, and the one after the last
_TOLD_EVERY = 5_000  # messages


@dataclass(frozen=True)
class Wanted:
    """Which messages: ``offsets`` (None: all up to the ends now), in event time from ``since`` on (decisions) and before ``until``.

    ``foreign``: versions of the model whose features are not this code's.
    """

    since: datetime
    until: datetime
    offsets: Offsets | None = None
    foreign: Collection[str] = ()


@dataclass
class Recalled:
    """What was read: the offsets, and how many messages were taken and left out."""

    offsets: Offsets
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("decisions", "labels", "malformed", "foreign"), 0))


def read(settings: Settings, domain: Domain, wanted: Wanted, told: Progress = silent) -> tuple[Recalled, Dataset]:
    """What was read, and the rows of a window of the topics, read committed.

    Raises ``DataError`` where there are none, ``BrokerError`` without a Kafka, and ``InputError`` where the topics do not reach back to
    the wanted offsets any more.
    """
    consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-recall", **{"enable.partition.eof": True}))
    try:
        there = {topic: watermarks(consumer, topic) for topic in (domain.labels_topic, domain.decisions_topic)}
        found = Recalled(_within(there, wanted.offsets))
        messages = _Messages(consumer, found, told)
        return found, recall(domain, _decisions(domain, messages, wanted), _labels(domain, messages, wanted))
    finally:
        consumer.close()


def _within(there: Mapping[str, Mapping[int, tuple[int, int]]], offsets: Offsets | None) -> Offsets:
    if offsets is None:
        return {topic: {str(p): [*ends] for p, ends in sorted(found.items())} for topic, found in there.items()}
    for topic, found in there.items():
        for partition, (low, high) in offsets.get(topic, {}).items():
            first, end = found.get(int(partition), (0, 0))
            if low < high and (low < first or high > end):
                raise InputError(f"{topic}, partition {partition}: offsets {low} to {high} are wanted, and it holds {first} to {end}")
    return offsets


class _Messages:
    """A topic's messages within the window, partition after partition."""

    def __init__(self, consumer: Consumer, found: Recalled, told: Progress) -> None:
        self._consumer, self.found, self._told = consumer, found, told

    def of(self, topic: str, what: str) -> Iterator[Any]:
        extents = self.found.offsets.get(topic, {})
        total, done = sum(high - low for low, high in extents.values()), 0
        for partition, (low, high) in extents.items():
            if low >= high:
                continue
            self._consumer.assign([TopicPartition(topic, int(partition), low)])
            for message in history.messages(self._consumer, high):
                if done % _TOLD_EVERY == 0:
                    self._told(f"reading {what}", done, total)
                done += 1
                yield message
        self._told(f"reading {what}", total, total)

    def parsed(self, topic: str, what: str, parse: Callable[[Any], Any]) -> Iterator[Any]:
        """Without the malformed ones, which are counted."""
        for message in self.of(topic, what):
            try:
                yield parse(message)
            except (ValidationError, MalformedEvent):
                self.found.counts["malformed"] += 1


def _labels(domain: Domain, messages: _Messages, wanted: Wanted) -> Iterator[Any]:
    for label in messages.parsed(domain.labels_topic, "labels", lambda m: parse_keyed(domain.parse_label, m.value(), m.key())):
        if label.event_time < wanted.until:
            messages.found.counts["labels"] += 1
            yield label


def _decisions(domain: Domain, messages: _Messages, wanted: Wanted) -> Iterator[Decision]:
    counts = messages.found.counts
    for decision in messages.parsed(domain.decisions_topic, "decisions", lambda m: Decision.model_validate_json(m.value() or b"")):
        if decision.model_version in wanted.foreign or len(decision.features) != len(domain.schema):
            counts["foreign"] += 1
        elif wanted.since <= decision.event_time < wanted.until:
            counts["decisions"] += 1
            yield decision
