"""Scorers are killed, the broker is stopped hard: every payment still has its decision, and the row an undisturbed run gives."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.replay import Replay, at_speed
from apps.settings import Guarantee, Settings
from domain.decision import Decision
from domain.registry import DOMAINS
from tests.system.processes import Process, read_topic, start
from tests.system.source import emissions, expected_rows

pytestmark = pytest.mark.system
FRAUD = DOMAINS["fraud"]
PAYMENTS = 6_000
KILLS = 5


@pytest.mark.timeout(420)
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_every_payment_keeps_its_decision_through_kills_and_a_broker_crash(
    guarantee: Guarantee, fresh_broker: Any, bundle: Path, tmp_path: Path
) -> None:
    settings: Settings = fresh_broker.settings
    history = emissions(PAYMENTS, seed=3)
    rng = np.random.default_rng(11)
    scorer = start("stream", "fraud", "--model", str(bundle), "--guarantee", guarantee, settings=settings)
    sender = _send_in_background(settings, history)
    for _ in range(KILLS):
        time.sleep(float(rng.uniform(1.0, 3.0)))  # real time must pass for payments to flow: a random moment of the run
        scorer.kill_hard()
        scorer = scorer.again()
    fresh_broker.crash_and_restart()
    scorer = _keep_alive(scorer, settings, {e.value.id for e in history if e.stream == "events"})
    sender.join(120)
    assert not sender.is_alive(), "the sender did not finish"
    scorer.stop()
    decisions = [Decision.model_validate_json(m.value()) for m in read_topic(settings, FRAUD.decisions_topic)]
    _check(decisions, expected_rows(history), guarantee)


def _check(decisions: list[Decision], rows: dict[str, list[float]], guarantee: Guarantee) -> None:
    seen = Counter(d.decision_id for d in decisions)
    assert set(seen) == set(rows), f"{len(set(rows) - set(seen))} payments without a decision"
    if guarantee == "exactly-once":
        assert max(seen.values()) == 1, f"{sum(n > 1 for n in seen.values())} payments decided more than once"
    differing = [d.decision_id for d in decisions if _as_row(d) != _bits(rows[d.decision_id])]
    assert not differing, f"{len(differing)} of {len(decisions)} rows differ from an undisturbed run, first {differing[:3]}"


def _as_row(decision: Decision) -> bytes:
    return _bits([float("nan") if value is None else value for value in decision.features])


def _bits(row: list[float]) -> bytes:
    return np.array(row, dtype="<f8").tobytes()


def _send_in_background(settings: Settings, history: list[Any]) -> threading.Thread:
    """Sends over some 25 seconds, so that kills fall in the middle of it."""
    span = (history[-1].at - history[0].at).total_seconds()

    def send() -> None:
        Replay(settings, FRAUD).send(history, pace=at_speed(span / 25), stop=threading.Event(), progress=lambda *_: None)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def _keep_alive(scorer: Process, settings: Settings, wanted: set[str]) -> Process:
    """Restart the scorer when it gives up (as a supervisor would) until every payment is decided, or time is up."""
    give_up = time.monotonic() + 180
    while time.monotonic() < give_up:
        if not scorer.alive():
            scorer = scorer.again()
        found = {Decision.model_validate_json(m.value()).decision_id for m in read_topic(settings, FRAUD.decisions_topic)}
        if found >= wanted:
            break
        time.sleep(1.0)  # polling a real system
    return scorer
