"""How is measured: never on the caller's own Kafka, every part though another fails, and from the right moment on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import psutil
import pytest

from apps.settings import Settings
from tests.bench import __main__, counting, latency, speed
from tests.bench.__main__ import first_failure
from tests.bench.counting import Clock
from tests.environment import forget_the_callers


def test_the_callers_kafka_and_settings_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = dict.fromkeys(("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_PASSWORD", "POLYSCORE_HOME"), "theirs")
    kept = {"POLYSCORE_TEST_DATA": "data", "PATH": "/bin"}
    monkeypatch.setattr(os, "environ", {**theirs, **kept})
    forget_the_callers()
    assert os.environ == kept


def test_every_part_is_measured_though_one_fails_and_the_first_failure_is_told(tmp_path: Path) -> None:
    for name in ("formats", "stream", "drift"):
        (tmp_path / f"{name}.json").write_text("of an earlier run")
    ran = list[str]()

    def part(name: str, status: int) -> int:
        ran.append(name)
        return status

    parts = {"formats": lambda: part("formats", 3), "stream": lambda: part("stream", 4)}
    assert first_failure(tmp_path, parts) == 3
    assert ran == ["formats", "stream"]
    assert [file.name for file in tmp_path.iterdir()] == ["drift.json"], "what failed is not told by an earlier run's figures"


@pytest.mark.parametrize("module", [__main__, speed])
def test_they_are_forgotten_before_anything_is_measured(module: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Either may be called by itself."""

    def seen(*_: Any) -> Any:
        raise SystemExit(os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "nobody's"))

    monkeypatch.setattr(os, "environ", {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "theirs"})
    monkeypatch.setattr(module, "first_failure" if module is __main__ else "measured", seen)
    monkeypatch.setattr(sys, "argv", ["bench", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="nobody's"):
        module.main()


class FakeProducer:
    """Sends nowhere, and takes two seconds over its third message."""

    def __init__(self, clock: list[float]) -> None:
        self.clock, self.values = clock, list[bytes]()

    def poll(self, seconds: float) -> None:
        self.clock[0] += seconds

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any) -> None:
        self.values.append(value)
        self.clock[0] += 2.0 if len(self.values) == 3 else 0.0

    def flush(self, seconds: float) -> None:
        """Nothing is under way."""


def test_a_payment_behind_a_late_one_counts_from_when_it_was_due_and_one_that_comes_again_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: now[0], time_ns=lambda: 0))
    monkeypatch.setattr(latency, "SETTLE", 2.0)
    producer = FakeProducer(now)
    source = [(b"k", b'{"transaction_id":"%d"}' % number) for number in (0, 1, 2, 3, 4, 1, 9)]
    sent = latency._send(producer, source, 1.0, {b"9"})
    assert len(producer.values) == len(source), "all are sent"
    assert sent.due == {b"2": 102.0, b"3": 103.0, b"4": 104.0}
    assert sent.at == pytest.approx([102.0, 104.0, 104.0], abs=0.01)
    assert sent.figures()["latest_ms"] == pytest.approx(1000.0, abs=10)


def test_the_bare_consumers_clock_starts_before_its_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()

    class FakeConsumer:
        def __init__(self, config: Any) -> None:
            self.left = 2_000

        def subscribe(self, topics: Any) -> None:
            """There is one."""

        def consume(self, most: int, timeout: float) -> list[Any]:
            asked.append(most)
            given = 0 if len(asked) == 1 else min(most, self.left)
            self.left -= given
            return [SimpleNamespace(value=lambda: b"{}")] * given

        def close(self) -> None:
            """Nothing was opened."""

    monkeypatch.setattr(counting, "Consumer", FakeConsumer)
    monkeypatch.setattr(counting, "consumer_config", lambda *_: {})
    assert counting.run_consumer(Settings(), 1_500)["payments"] == 1_500
    assert asked == [1, 1, 1_000, 499], "it never waits for more than is still to come"


def test_the_servers_cpu_counts_as_the_scorers(monkeypatch: pytest.MonkeyPatch) -> None:
    user_s, clock = 2.0, Clock(os.getpid())
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda _: SimpleNamespace(user=user_s, system=1.0))
    clock.tick()
    user_s += 5.0
    found = clock.result()
    assert found["payments"] == 1
    assert 5.0 <= found["cpu_s"] < 6.0
