"""What an analyst does with an alert, sent to Kafka: one act, one message on ``<domain>.reviews``. It comes back through the sink.

A topic of one partition, kept for ever: acts have one order, also where the number of partitions is changed, and the database's history
of them can be made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Producer

from apps.errors import BrokerError
from apps.kafka import explained, producer_config
from apps.settings import Settings
from domain.contract import Closing, Domain, Value
from domain.registry import DOMAINS
from models.reviews import Act, What

WITHIN_MS = 8_000  # a person waits for it
_GRACE_S = 2.0


class _Event(NamedTuple):
    """An alert's event, as ``domain.contract.Judged``."""

    id: str
    key: str
    event_time: datetime
    context: dict[str, Value]


def act(domain: Domain, alert: Any, analyst: str, what: What, at_us: int, *, closing: Closing | None = None, note: str = "") -> Act:
    """An act on an alert's row as the analyst saw it: with the version and the id that stand on the row. ``at_us``: when it was done.

    Raises ``ValidationError`` (a ``ValueError``) for a name or a note that cannot be taken.
    """
    verdict, reason = (closing.verdict, closing.reason) if closing else ("", "")
    return Act(
        act_id=uuid4().hex,
        domain=domain.name,
        decision_id=alert.decision_id,
        analyst=analyst,
        at_us=at_us,
        what=what,
        version=alert.version,
        verdict=verdict,
        reason=reason,
        note=note,
        label=_label(domain, alert, verdict, at_us) if verdict else None,
    )


def _label(domain: Domain, alert: Any, verdict: str, at_us: int) -> dict[str, Any] | None:
    """The label that the verdict makes. It was given so long after the event as it was after the decision, by the clock of both.

    A simulated or replayed world's clock is not the wall's; a label that stood there years ahead would be of no day.
    """
    if domain.verdict_label is None:
        return None
    given = alert.event_time + timedelta(microseconds=max(at_us - alert.decided_us, 0))
    found = domain.verdict_label(_Event(alert.decision_id, alert.key, alert.event_time, alert.context), verdict, given)
    return dict(found.model_dump(mode="json"))


def publish(settings: Settings, done: Act) -> None:
    """Send the act, and wait until Kafka has it. Raises ``BrokerError`` where it does not say so in time.

    It may have it all the same. Nothing happens twice by doing it again: the second act is of the same version, and refused.
    """
    failed: list[KafkaError] = []
    with explained(settings):
        producer = Producer({**producer_config(settings, linger_ms=0), "message.timeout.ms": WITHIN_MS})
        producer.produce(
            DOMAINS[done.domain].reviews_topic,
            done.model_dump_json().encode(),
            done.decision_id.encode(),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        unsent = producer.flush(WITHIN_MS / 1000 + _GRACE_S)
        if failed:
            raise KafkaException(failed[0])
    if unsent:
        raise BrokerError("Kafka has not said that it took this; is it up? Look whether it came, and do it again if not")
