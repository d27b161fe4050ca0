"""The live screen's numbers, from what the topics say."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from apps import outcomes, summary
from apps.settings import Settings
from apps.topics import METRICS
from domain.registry import DOMAINS
from tests.apps.memory_log import MemoryLog


@pytest.mark.parametrize("value", [b"\xff", b"[1]", b'"a"', b'{"domain": "fraud"}', b'{"domain": [], "kind": "outcomes"}'])
def test_what_cannot_be_read_is_passed_over_and_what_comes_after_it_is_not(value: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog(batch=10)
    log.send(METRICS, value)
    log.send(METRICS, orjson.dumps({"domain": "fraud", "kind": outcomes.KIND, "sums": {"stopped amount": 12_345.0}}))

    def source(*_: Any, **__: Any) -> MemoryLog:
        return log

    monkeypatch.setattr(summary, "KafkaSource", source)
    monkeypatch.setattr(log, "assign", lambda positions: None)
    found = summary.Summary(Settings(kafka_bootstrap_servers="127.0.0.1:9"), [DOMAINS["fraud"]], {}, {})
    MemoryLog.assign(log, {(METRICS, 0): 0})
    found.update()
    assert "12,345" in found._seen["fraud"].worth_in_words()
