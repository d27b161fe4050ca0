"""How our processes reach Kafka: the address, the client configurations that they share, and what is said where it refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from apps import address
from apps.errors import BrokerError
from apps.settings import Settings, security

# For consumers that nobody waits for: Kafka answers a fetch once there is much, or after this time. At a few hundred messages a second
# it would else answer with each of them; with six such consumers beside it, that was most of what a broker did.
GATHERED: Final = {"fetch.min.bytes": 100_000, "fetch.wait.max.ms": 200}
_LOGGED: Final = {"log_level": 5, "logger": logging.getLogger("librdkafka")}  # what librdkafka warns of, as our logs


def bootstrap(settings: Settings) -> str:
    """The brokers' address: ``KAFKA_BOOTSTRAP_SERVERS``, else that of the broker ``polyscore broker start`` runs.

    Raises ``BrokerError`` where there is neither, at once: a client would wait for an ended broker until its time is out.
    """
    if settings.kafka_bootstrap_servers:
        return settings.kafka_bootstrap_servers
    own = address.running(settings)
    if own is not None:
        return own.bootstrap
    ended = address.known(settings)
    what = f"the Kafka that answered at {ended.bootstrap} has ended" if ended else "no Kafka runs here"
    raise BrokerError(f"{what}: run `polyscore broker start`, or set KAFKA_BOOTSTRAP_SERVERS to a cluster's address")


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """What Kafka refuses, or does not answer, as a ``BrokerError`` that says where and what to do."""
    try:
        yield
    except KafkaException as error:
        raise BrokerError(f"Kafka at {bootstrap(settings)}: {in_words(error)}") from error


def in_words(error: KafkaException, heard: str = "") -> str:
    """Why Kafka refused (``heard``: what the client logged meanwhile), and the remedy."""
    first = error.args[0] if error.args else error
    why = first.str() if hasattr(first, "str") else str(first)
    detail = f" ({heard})" if heard else ""
    return (
        f"{why}{detail}; is it up? See KAFKA_BOOTSTRAP_SERVERS and the security settings (KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, "
        "KAFKA_SSL_*); without them, `polyscore broker start` starts one here"
    )


def client_config(settings: Settings) -> dict[str, Any]:
    """What every client needs: the address and the security settings. Who only asks needs no more: what goes wrong is raised."""
    return {"bootstrap.servers": bootstrap(settings), "topic.metadata.refresh.interval.ms": 10_000, "log_level": 0, **security()}


def producer_config(settings: Settings, *, linger_ms: float = 1.0) -> dict[str, Any]:
    """An idempotent producer: what it acknowledges is written once and in order. Keys map to partitions as in the Java client."""
    return {
        **client_config(settings),
        **_LOGGED,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": linger_ms,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "queue.buffering.max.messages": 200_000,
    }


def consumer_config(settings: Settings, group: str, **more: Any) -> dict[str, Any]:
    """A ``read_committed`` consumer that starts at the beginning and commits by itself only when told to."""
    return {
        **client_config(settings),
        **_LOGGED,
        "group.id": group,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 20,
        **more,
    }


class Committing(Protocol):
    """What is used of a ``Consumer``."""

    def commit(self, *, asynchronous: bool) -> object: ...


def commit(consumer: Committing) -> KafkaError | None:
    """Commit what was read. The error where that must be tried again, since the group moves or a broker is away.

    Where the partitions that were read are another's by now, nothing is left to do. Raises ``KafkaException`` for an error that stays.
    """
    try:
        consumer.commit(asynchronous=False)
    except KafkaException as error:
        why = error.args[0]
        if why.fatal():
            raise
        return None if why.code() == KafkaError._NO_OFFSET else why
    return None


def produce(producer: Producer, topic: str, value: bytes, key: bytes, **more: Any) -> None:
    """Hand over a message; where the producer's queue is full, once Kafka has taken some of it."""
    while True:
        try:
            producer.produce(topic, value, key, **more)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)
