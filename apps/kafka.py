"""How our processes reach Kafka: the address, and the client configurations that they share."""

from __future__ import annotations

import json
from typing import Any

from apps.errors import BrokerError
from apps.settings import Settings, security


def bootstrap(settings: Settings) -> str:
    """The brokers' address: ``KAFKA_BOOTSTRAP_SERVERS``, else that of the broker ``polyscore broker start`` runs.

    Raises ``BrokerError`` where there is neither.
    """
    if settings.kafka_bootstrap_servers:
        return settings.kafka_bootstrap_servers
    try:
        return str(json.loads((settings.broker_folder / "address.json").read_text())["bootstrap"])
    except (OSError, ValueError, KeyError):
        raise BrokerError("no Kafka: run `polyscore broker start`, or set KAFKA_BOOTSTRAP_SERVERS to a cluster's address") from None


def client_config(settings: Settings) -> dict[str, Any]:
    """What every client needs: the address, the security settings, and quiet logs."""
    return {"bootstrap.servers": bootstrap(settings), "topic.metadata.refresh.interval.ms": 10_000, **security()}


def producer_config(settings: Settings, *, linger_ms: float = 1.0) -> dict[str, Any]:
    """An idempotent producer: what it acknowledges is written once and in order. Keys map to partitions as in the Java client."""
    return {
        **client_config(settings),
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
        "group.id": group,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 20,
        **more,
    }
