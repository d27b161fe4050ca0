"""What the decisions were worth: every domain's ledger, told all decisions and labels from the first on; published on ``metrics``.

Beside that it sends what analysts said of alerts as labels (``apps.verdicts``): it reads the topics that this takes, in any case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import UTC, datetime
from threading import Event

import orjson
from confluent_kafka import KafkaError, Producer
from pydantic import ValidationError

from apps import contests, rereading
from apps.errors import BrokerError
from apps.kafka import explained, producer_config
from apps.logs import logger
from apps.monitor import now_us
from apps.partitions import KafkaSource, Message, Partition
from apps.settings import Settings
from apps.tables import Outcomes
from apps.topics import METRICS
from apps.verdicts import ACT, Verdicts
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from domain.registry import DOMAINS

KIND = "outcomes"  # the "kind" of these messages on ``metrics``
_EVERY_S = 2.0
_log = logger(__name__)


class Books:
    """One ledger a domain, and the sums of all that they gave. ``clock``: UTC microseconds."""

    def __init__(self, domains: Iterable[Domain], clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self._ledgers = {domain.name: domain.ledger() for domain in domains}
        self._sums: dict[str, dict[str, float]] = {name: defaultdict(float) for name in self._ledgers}
        self._decided = {domain.decisions_topic: domain for domain in domains}
        self._labels = {domain.labels_topic: domain for domain in domains}
        self.unreadable = 0

    @property
    def topics(self) -> list[str]:
        return [*self._decided, *self._labels]

    def see(self, messages: Iterable[Message]) -> None:
        """Enter decisions and labels. What cannot be read is told by the sink, or among the dead letters."""
        for message in messages:
            topic, value = message.topic(), message.value() or b""
            try:
                if topic in self._decided:
                    self._ledgers[self._decided[topic].name].decided(Decision.model_validate_json(value))
                elif topic in self._labels:
                    self._ledgers[self._labels[topic].name].learned(self._labels[topic].parse_label(value))
            except (ValidationError, MalformedEvent):
                self.unreadable += 1

    def balance(self) -> list[Outcomes]:
        """The sums up to now of each domain in which something changed since the last time."""
        now, found = self._clock(), []
        for name, ledger in self._ledgers.items():
            ledger.passed(datetime.fromtimestamp(now / 1e6, UTC))
            added = ledger.take()
            for what, amount in added.items():
                self._sums[name][what] += amount
            if added:
                found.append(Outcomes(domain=name, end_us=now, sums=dict(self._sums[name])))
        return found


def encode(outcomes: Outcomes) -> bytes:
    """Sums as they travel on ``metrics``."""
    return orjson.dumps({"kind": KIND, **outcomes.model_dump()})


def run(settings: Settings, *, stop: Event) -> None:
    """Read from the first decision on, and publish when caught up and then every two seconds, until ``stop``.

    The sums count from the beginning of the topics, so a restart publishes the same ones. Raises ``BrokerError``.
    """
    domains = [*DOMAINS.values()]
    books, duels, verdicts = Books(domains), contests.Contests(domains), Verdicts(domains)
    source = KafkaSource(settings, "polyscore-outcomes", list(dict.fromkeys([*books.topics, *duels.topics, *verdicts.topics])))

    def see(messages: Sequence[Message]) -> None:
        books.see(messages)
        duels.see(messages)
        verdicts.see(messages)

    def tell(unread: Set[Partition]) -> None:
        if not unread:
            _publish(producer, [(found.domain, encode(found)) for found in books.balance()])
            _publish(producer, [(found.domain, contests.encode(found)) for found in duels.balance()])
            _tell(producer, verdicts)

    producer = Producer(producer_config(settings))
    try:
        with explained(settings):
            rereading.follow(source, see, tell, stop, every_s=_EVERY_S)
    finally:
        source.close()
        producer.flush(5)
    if books.unreadable:
        _log.warning("decisions or labels could not be read", count=books.unreadable)


def _tell(producer: Producer, verdicts: Verdicts) -> None:
    """Send the labels that analysts' verdicts make."""
    for owed in verdicts.take():

        def taken(error: KafkaError | None, _: object, act_id: str = owed.act_id) -> None:
            if error is not None:
                verdicts.again(act_id)

        try:
            producer.produce(owed.topic, owed.value, owed.key, headers=[(ACT, owed.act_id.encode())], on_delivery=taken)
        except BufferError as error:
            raise BrokerError("Kafka takes no more labels; is it up? Start this again") from error
    producer.poll(0)


def _publish(producer: Producer, found: Iterable[tuple[str, bytes]]) -> None:
    for domain, value in found:
        try:
            producer.produce(METRICS, key=domain.encode(), value=value)
        except BufferError as error:
            raise BrokerError("Kafka takes no more metrics; is it up? Start this again") from error
    producer.poll(0)
