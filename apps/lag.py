"""How far the scorers are behind: a thread beside the monitor asks, so that no decision's time of arrival waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event, Thread

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from apps.kafka import client_config, consumer_config
from apps.logs import logger
from apps.partitions import Partition, extents
from apps.settings import Settings
from apps.topics import consumer_group
from domain.contract import Domain

_TIMEOUT = 10.0
_log = logger(__name__)


class GroupLag:
    """How far a consumer group is behind on a topic.

    What is scored but not yet committed counts. Where the source writes in transactions, their end markers take offsets
    too: a scorer that has read everything may then still show one or two a partition.
    """

    def __init__(self, settings: Settings, group_id: str, topic: str) -> None:
        self._topic, self._admin = topic, AdminClient(client_config(settings))
        # A consumer that never joins asks for the offsets: librdkafka 2.12 dies (a null group) where an AdminClient
        # asks while the group's coordinator is still loading.
        self._consumer = Consumer(consumer_config(settings, group_id))

    def events(self) -> int:
        """Events of the topic that the group has not committed yet, over all partitions. Raises ``KafkaException``."""
        ends = extents(self._admin, [self._topic])
        if not ends:  # a table's topic that nobody has made yet: to ask for no partition at all is an error
            return 0
        asked = self._consumer.committed([TopicPartition(*place) for place in ends], timeout=_TIMEOUT)
        committed = {(p.topic, p.partition): p.offset for p in asked}
        return sum(behind(extent.low, extent.high, committed.get(place)) for place, extent in ends.items())

    def close(self) -> None:
        """Let go of the brokers."""
        self._consumer.close()


def behind(low: int, high: int, committed: int | None) -> int:
    """Offsets between what a group committed (None or below zero: nothing yet) and the partition's end."""
    return max(high - max(low, -1 if committed is None else committed), 0)


class Watch(Thread):
    """Keeps ``lag`` (events, by domain) and ``partitions`` (of the decisions topics) up to date until ``stop``."""

    def __init__(self, settings: Settings, domains: Mapping[str, Domain], every_s: float, stop: Event) -> None:
        super().__init__(name="lag", daemon=True)
        self._admin, self._domains, self._every, self._stop_asked = AdminClient(client_config(settings)), domains, every_s, stop
        self._groups = {name: GroupLag(settings, consumer_group(d), d.events_topic) for name, d in domains.items()}
        self.lag: dict[str, int] = {}
        self.partitions: frozenset[Partition] = frozenset()

    def run(self) -> None:
        """Ask, wait, ask again; what Kafka does not answer keeps its last value."""
        told = ""
        while not self._stop_asked.is_set():
            try:
                self.ask()
                told = ""
            except KafkaException as error:
                if told != (told := error.args[0].str()):
                    _log.warning("the consumer lag is not known", why=told)
            self._stop_asked.wait(self._every)

    def ask(self) -> None:
        """One look. Raises ``KafkaException``."""
        self.partitions = frozenset(extents(self._admin, [d.decisions_topic for d in self._domains.values()]))
        self.lag = {name: group.events() for name, group in self._groups.items()}
