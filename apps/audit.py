"""Did every event of a run get its answer? Read from the topics, as anybody could."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from confluent_kafka.admin import AdminClient

from apps.kafka import client_config, explained
from apps.lag import GroupLag
from apps.partitions import Partition, extents, read_to_end
from apps.settings import Settings
from apps.topics import consumer_group, incoming
from domain.contract import Domain, MalformedEvent

Ends = Mapping[Partition, int]


@dataclass(frozen=True)
class Audit:
    """What came in and what came out since the start of a run."""

    events: int  # distinct, well-formed, that ask for a decision
    decided: int  # of these
    malformed: int  # each must have its dead letter
    dead_letters: int

    @property
    def missing(self) -> int:
        """Events without a decision, and malformed ones without a dead letter."""
        return self.events - self.decided + max(self.malformed - self.dead_letters, 0)

    @property
    def passed(self) -> bool:
        """Something was decided, and nothing is missing."""
        return self.decided > 0 and self.missing == 0


def ends(settings: Settings, domain: Domain) -> dict[Partition, int]:
    """Where the domain's topics end now: what a run starts from. Raises ``BrokerError`` where Kafka does not answer."""
    topics = [*incoming(domain), domain.decisions_topic, domain.dead_letters_topic]
    with explained(settings):
        admin = AdminClient(client_config(settings))
        return {place: extent.high for place, extent in extents(admin, topics).items()}


def wait_until_scored(settings: Settings, domain: Domain, patience: float) -> bool:
    """Whether the scorers' lag was gone within ``patience`` seconds. Raises ``BrokerError`` where Kafka does not answer."""
    group, give_up = GroupLag(settings, consumer_group(domain), domain.events_topic), time.monotonic() + patience
    try:
        with explained(settings):
            while time.monotonic() < give_up:
                if group.events() == 0:
                    return True
                time.sleep(0.25)
    finally:
        group.close()
    return False


def audit(settings: Settings, domain: Domain, start: Ends) -> Audit:
    """Compare the events after ``start`` with the decisions; an event decided before (a repeat) counts as decided.

    Raises ``BrokerError`` where Kafka does not answer.
    """
    wanted: set[str] = set()
    malformed = 0
    for topic, parse in incoming(domain).items():
        for value in _values(settings, topic, start):
            try:
                event = parse(value)
            except MalformedEvent:
                malformed += 1
                continue
            if event.decides:
                wanted.add(event.id)
    decided = {orjson.loads(value)["decision_id"] for value in _values(settings, domain.decisions_topic, start)}
    if not wanted <= decided:
        decided |= {orjson.loads(value)["decision_id"] for value in _values(settings, domain.decisions_topic, {})}
    letters = sum(1 for _ in _values(settings, domain.dead_letters_topic, start))
    return Audit(len(wanted), len(wanted & decided), malformed, letters)


def _values(settings: Settings, topic: str, start: Ends) -> Iterator[bytes]:
    """All committed values of a topic, from the given ends on, to its end now."""
    return (message.value() or b"" for message in read_to_end(settings, topic, start))
