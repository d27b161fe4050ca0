"""The topics, each with its partitions, retention and clean-up; nothing relies on auto-creation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from apps.errors import BrokerError
from apps.kafka import bootstrap, client_config, in_words
from apps.partitions import unreadable
from apps.settings import Settings
from domain.cards import masked
from domain.contract import Domain
from domain.registry import DOMAINS

Headers = Sequence[tuple[str, bytes]]
DAY_MS = 86_400_000
_MOST_BYTES = 900_000  # of a letter's body: a producer takes a million bytes with all headers
_LEADERS_WITHIN = 30.0  # seconds
METRICS = "metrics"
MODELS = "models"
QUALITY_WINDOW, DRIFT_WINDOW = "quality-window", "drift-window"  # the "kind" of ``apps.quality``'s messages on ``metrics``
SOURCE_US = "source-us"  # header of a live event: UTC microseconds at its source


@dataclass(frozen=True)
class TopicSpec:
    """One topic as it is created; ``partitions`` 0 means the setting's number."""

    name: str
    partitions: int = 0
    retention_days: int = 60
    settings: dict[str, str] = field(default_factory=dict)


# Events and labels carry the broker's clock: it is the "broker time" of every decision, and retention then counts from
# arrival, so that replayed history is not deleted for its age.
_ARRIVAL = {"message.timestamp.type": "LogAppendTime"}


MODEL_BYTES = 16_000_000  # of one message: a model of thousands of columns says much of them
_MODELS = {"cleanup.policy": "compact", "max.message.bytes": str(MODEL_BYTES)}


def topic_specs() -> list[TopicSpec]:
    """Every topic of every domain, and the two that all share."""
    specs = [TopicSpec(METRICS, partitions=1, retention_days=30), TopicSpec(MODELS, partitions=1, settings=_MODELS)]
    return [*specs, *(spec for d in DOMAINS.values() for spec in specs_of(d))]


def specs_of(d: Domain) -> list[TopicSpec]:
    """Every topic of one domain."""
    return [
        TopicSpec(d.events_topic, settings=_ARRIVAL),
        TopicSpec(d.labels_topic, settings=_ARRIVAL),
        *(TopicSpec(d.topic(name), settings={"cleanup.policy": "compact"}) for name in d.changelogs),
        TopicSpec(d.decisions_topic),
        TopicSpec(d.alerts_topic),
        TopicSpec(d.batch_topic),
        TopicSpec(d.shadow_topic, retention_days=30),
        TopicSpec(d.dead_letters_topic, partitions=1),
        TopicSpec(d.reviews_topic, partitions=1, settings={"retention.ms": "-1", **_ARRIVAL}),  # one order of what people did, for ever
    ]


def incoming(domain: Domain) -> dict[str, Callable[[bytes], Any]]:
    """The topics that a domain's scorers read events from, and what parses them."""
    return {domain.events_topic: domain.parse_event, **{domain.topic(name): parse for name, parse in domain.changelogs.items()}}


def consumer_group(domain: Domain) -> str:
    """The consumer group of a domain's scorers."""
    return f"polyscore-{domain.name}"


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing and return its names. Raises ``BrokerError`` where Kafka refuses or cannot be reached."""
    return _create(settings, topic_specs())


def create_own(settings: Settings, domain: Domain) -> None:
    """The topics of a table, which came after the others: whoever needs them first creates what is missing. Raises as ``create_topics``."""
    if domain.name in DOMAINS.own:
        _create(settings, specs_of(domain))


def _create(settings: Settings, specs: Sequence[TopicSpec]) -> list[str]:
    admin = AdminClient(client_config(settings))
    created = []
    asked = admin.create_topics([_new_topic(s, settings) for s in specs], operation_timeout=20, request_timeout=25)
    for name, future in asked.items():
        try:
            future.result(timeout=30)
            created.append(name)
        except (KafkaException, TimeoutError) as error:
            if isinstance(error, TimeoutError) or error.args[0].code() == KafkaError._TIMED_OUT:
                raise BrokerError(
                    f"Kafka at {bootstrap(settings)}: {in_words(KafkaException(KafkaError(KafkaError._TIMED_OUT)))}"
                ) from None
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                why = error.args[0].str()
                raise BrokerError(f"topic {name} cannot be created: {why}; look at KAFKA_BOOTSTRAP_SERVERS and the rights there") from error
    _wait_for_leaders(admin, [spec.name for spec in specs])
    return created


def _wait_for_leaders(admin: AdminClient, names: Sequence[str]) -> None:
    """Until each partition can be read: who looks at once must not miss one. Raises ``BrokerError``."""
    give_up = time.monotonic() + _LEADERS_WITHIN
    while missing := unreadable(admin, names):
        if time.monotonic() > give_up:
            which = ", ".join(sorted({topic for topic, _ in missing}))
            raise BrokerError(f"Kafka has no leader for partitions of {which} after {_LEADERS_WITHIN:.0f} s; look at its log")
        time.sleep(0.05)


def _new_topic(spec: TopicSpec, settings: Settings) -> NewTopic:
    config = {"retention.ms": str(spec.retention_days * DAY_MS), **spec.settings}
    return NewTopic(spec.name, num_partitions=spec.partitions or settings.partitions, replication_factor=-1, config=config)


def dead_letter_body(value: bytes | None) -> bytes:
    """The original, which a letter carries; of one that Kafka would not take with a letter's headers, its beginning."""
    return (value or b"")[:_MOST_BYTES]


def dead_letter_headers(code: str, reason: str, topic: str, partition: int, offset: int) -> Headers:
    """What a dead letter says beside its original bytes (the letter's body). The reason is for people: a card number in it is masked."""
    fields = {
        "code": code,
        "reason": masked(reason),
        "source-topic": topic,
        "source-partition": str(partition),
        "source-offset": str(offset),
        "failed-us": str(time.time_ns() // 1000),
    }
    return [(name, text.encode()) for name, text in fields.items()]
