"""The monitor without a broker: what it makes of messages, which partitions it follows, how it counts lag."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Event
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException

from apps import lag as lags
from apps import monitor as monitors
from apps import partitions
from apps.lag import Watch, behind
from apps.monitor import Monitor
from apps.partitions import Extent, KafkaSource, Partition
from apps.records import readers
from apps.settings import Settings
from apps.sla import merge
from apps.tables import SlaWindow, SlaWindowRow
from domain.registry import DOMAINS
from tests.apps.logged import fields
from tests.apps.memory_log import T0_MS, MemoryLog, decision

T0 = T0_MS * 1000


class Clock:
    """UTC microseconds that pass when told."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        return self.now


def seen_at(clock: Clock, monitor: Monitor, now_us: int, *bodies: bytes) -> None:
    log = MemoryLog()
    clock.now = T0 + now_us
    monitor.see([log.send("fraud.decisions", body) for body in bodies])


def test_latency_runs_from_the_source_to_the_moment_of_being_seen() -> None:
    clock = Clock()
    monitor = Monitor(clock)
    seen_at(clock, monitor, 40_000, decision(1, source_us=T0, decided_us=T0 + 3_000))
    seen_at(clock, monitor, 150_000, decision(2, source_us=T0, decided_us=T0 + 5_000), decision(3, source_us=None, action="block"))
    clock.now = T0 + 2_000_000
    ((key, value),) = monitor.close({"fraud": 12})
    found = orjson.loads(value)
    assert (key, found["kind"], found["domain"]) == ("fraud", "sla-window", "fraud")
    assert (found["decisions"], found["measured"], found["misses"], found["lag"]) == (3, 2, 1, 12)
    assert (found["max_ms"], found["throughput"], found["deadline_ms"]) == (150.0, 1.5, 100.0)
    assert found["decided_p99_ms"] == pytest.approx(5.0, rel=2e-3)
    assert found["actions"] == {"approve": 2, "block": 1}


def test_the_sink_reads_what_the_monitor_writes() -> None:
    clock = Clock()
    monitor = Monitor(clock)
    seen_at(clock, monitor, 7_000, decision(1, source_us=T0))
    clock.now += 1
    ((_, value),) = monitor.close({})
    record = readers([])["metrics"](MemoryLog().send("metrics", value))
    assert record is not None
    assert record.table is SlaWindowRow
    assert merge([SlaWindow(**record.row)]).p99_ms == 7.0


def test_a_decision_that_cannot_be_read_is_counted_and_passed_over() -> None:
    clock = Clock()
    monitor = Monitor(clock)
    seen_at(clock, monitor, 1, b"?", b"", decision(1))
    assert monitor.unreadable == 2
    assert len(monitor.close({})) == 1


@pytest.mark.parametrize(
    ("low", "high", "committed", "expected"),
    [(0, 10, None, 10), (4, 10, -1001, 6), (0, 10, 7, 3), (5, 10, 2, 5), (0, 10, 10, 0), (0, 3, 10, 0)],
)
def test_lag_is_what_lies_between_the_commit_and_the_end(low: int, high: int, committed: int | None, expected: int) -> None:
    assert behind(low, high, committed) == expected


class Following:
    """Notes what the monitor reads."""

    def __init__(self) -> None:
        self.stale = False
        self.assigned: dict[Partition, int] = {}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        self.assigned = dict(positions)

    def add(self, positions: Mapping[Partition, int]) -> None:
        self.assigned |= positions


def test_it_starts_at_the_end_and_reads_new_partitions_from_their_beginning() -> None:
    source: Any = Following()
    first = frozenset({("fraud.decisions", 0), ("fraud.decisions", 1)})
    assigned = monitors._follow(source, frozenset(), first)
    assigned = monitors._follow(source, assigned, first | {("fraud.decisions", 2)})
    assert list(source.assigned.values()) == [OFFSET_END, OFFSET_END, OFFSET_BEGINNING]
    assert source.assigned["fraud.decisions", 2] == OFFSET_BEGINNING
    assert monitors._follow(source, assigned, first) == assigned


def test_a_topic_made_anew_is_followed_from_its_end() -> None:
    source: Any = Following()
    there = frozenset({("fraud.decisions", 0)})
    assigned = monitors._follow(source, frozenset(), there)
    source.assigned, source.stale = {}, True
    monitors._follow(source, assigned, there)
    assert source.assigned == {("fraud.decisions", 0): OFFSET_END}
    assert not source.stale


def test_kafka_being_away_is_said_once_and_the_last_lag_kept(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    watch = object.__new__(Watch)
    groups = {"fraud": SimpleNamespace(events=lambda: 5)}
    watch.__dict__.update(_admin=None, _domains=DOMAINS, _groups=groups, _every=0.0, _stop_asked=Event(), lag={}, partitions=frozenset())
    asked = 0

    def extents(admin: Any, topics: list[str]) -> dict[Partition, Extent]:
        nonlocal asked
        asked += 1
        if asked == 4:
            watch._stop_asked.set()
        if asked > 1:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "away"))
        return {(topics[0], 0): Extent("id", 0, 9)}

    monkeypatch.setattr(lags, "extents", extents)
    with caplog.at_level(logging.WARNING):
        watch.run()
    assert watch.lag == {"fraud": 5}
    assert [(record.message, fields(record)) for record in caplog.records] == [("the consumer lag is not known", {"why": "away"})]


def test_a_decision_is_not_kept_waiting_for_others_before_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kafka gathers for a fifth of a second would be measured as the scorer's latency."""
    given: list[dict[str, Any]] = []

    class Refusing:
        def __init__(self, config: dict[str, Any]) -> None:
            given.append(config)
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    monkeypatch.setattr(partitions, "Consumer", Refusing)
    settings = Settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    with pytest.raises(KafkaException):
        monitors.run(settings, stop=Event())
    with pytest.raises(KafkaException):
        KafkaSource(settings, "a sink", ["fraud.decisions"])
    measuring, gathering = given
    assert {"fetch.min.bytes", "fetch.wait.max.ms"} & measuring.keys() == set()
    assert gathering["fetch.wait.max.ms"] == 200
