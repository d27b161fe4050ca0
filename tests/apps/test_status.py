"""What `polyscore status` makes of what Kafka and the process table say, without either."""

from __future__ import annotations

import io
import time
from typing import Any

import orjson
import pytest
from rich.console import Console

from apps import sla, status
from apps.settings import Settings
from apps.sla import Seen, Windows
from apps.status import Running, Status
from apps.topics import METRICS
from domain.registry import DOMAINS
from tests.apps.memory_log import Stored

FRAUD = DOMAINS["fraud"]


def measured(end_us: int, **latencies_us: int) -> list[Stored]:
    """The messages of one window, a hundred decisions of each version."""
    windows = Windows({"fraud": 100.0}, end_us - 2_000_000)
    for version, latency in latencies_us.items():
        for _ in range(100):
            windows.add(Seen("fraud", version, "pmml", "approve", 1_000_000, 1_000_500, 1_000_000 + latency))
    return [message(kind=sla.KIND, **window.model_dump()) for window in windows.close(end_us, {})]


def message(**fields: Any) -> Stored:
    return Stored((METRICS, 0), 0, orjson.dumps(fields), ())


def test_all_who_decided_in_the_newest_window_count_together() -> None:
    now_us = round(time.time() * 1e6)
    told = [
        *measured(now_us - 2_000_000, old=90_000),
        *measured(now_us, champion=10_000, challenger=20_000),
        message(kind="outcomes"),
        Stored((METRICS, 0), 0, b"\xff no json", ()),
    ]
    found = status.newest(told)
    assert [window.model_version for window in found["fraud"]] == ["challenger", "champion"]
    standing = status.standing(FRAUD, None, {}, found["fraud"], 0)
    assert standing.a_second == 100.0
    assert (standing.p50_ms, standing.p99_ms) == (pytest.approx(10, rel=2e-3), pytest.approx(20, rel=2e-3))


def test_windows_of_a_while_ago_say_nothing_of_now() -> None:
    found = status.newest(measured(round(time.time() * 1e6) - 60_000_000, champion=10_000))
    standing = status.standing(FRAUD, None, {}, found["fraud"], 0)
    assert (standing.a_second, standing.p50_ms, standing.p99_ms) == (0.0, None, None)


def shown(monkeypatch: pytest.MonkeyPatch, found: Status) -> str:
    output = io.StringIO()
    monkeypatch.setattr(status, "look", lambda _: found)
    status.command(Settings(), Console(file=output, width=200), as_json=False)
    return output.getvalue()


@pytest.mark.parametrize(("up_s", "up"), [(59.6, "0:01:00"), (86_399.0, "23:59:59"), (90_061.0, "1 day, 1:01:01")])
def test_a_process_that_is_up_for_more_than_a_day_says_how_many(up_s: float, up: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, Status("Kafka runs", (Running("sink", 7, 5.0, up_s),), ())).splitlines()
    assert [line.split(maxsplit=4)[4].rstrip() for line in lines if line.startswith("sink")] == [up]


def test_what_is_counted_by_offsets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fraud = status.standing(FRAUD, None, {}, [], 0)
    assert "commit markers are counted too" in shown(monkeypatch, Status("Kafka runs", (), (fraud,)))
    assert "commit markers" not in shown(monkeypatch, Status("Kafka does not run", (), ()))
