"""What a sender does where Kafka does not answer."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest

from apps import replay
from apps.errors import BrokerError
from apps.settings import Settings
from domain.registry import DOMAINS
from tests.system.source import emissions

FRAUD = DOMAINS["fraud"]


class Away:
    """A producer whose Kafka is away; it is asked to stop meanwhile."""

    def __init__(self, stop: Event) -> None:
        self.stop, self.asked_at, self.waited = stop, 3, 0

    def produce(self, *_: Any, **__: Any) -> None: ...

    def poll(self, timeout: float) -> None: ...

    def flush(self, timeout: float) -> int:
        self.waited += 1
        assert self.waited < 100, "it waits for ever"
        if self.waited == self.asked_at:
            self.stop.set()
        return 7


def test_who_is_asked_to_stop_waits_no_longer_for_a_kafka_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Event()
    away = Away(stop)
    monkeypatch.setattr(replay, "Producer", lambda _: away)
    monkeypatch.setattr(replay, "_label_ends", lambda *_: {0: 0})
    monkeypatch.setattr(replay, "_ASKED_TO_STOP", 0.0)
    sender = replay.Replay(Settings(kafka_bootstrap_servers="127.0.0.1:9"), FRAUD)
    with pytest.raises(BrokerError, match="7 messages were not acknowledged by Kafka; is it up"):
        sender.send(emissions(3, seed=1), pace=None, stop=stop, progress=lambda *_: None)
    assert away.waited == away.asked_at + 1
