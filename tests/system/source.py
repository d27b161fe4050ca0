"""A small seeded source of payments and labels for the system tests, and what a run over them must give."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from apps.replay import Replay, at_speed
from apps.settings import Settings
from domain.contract import Emission
from domain.fraud.events import Label, Payment
from domain.fraud.features import CATEGORIES
from domain.registry import DOMAINS

START = datetime(2025, 1, 6, tzinfo=UTC)
LABEL_DELAY = timedelta(days=7)


def emissions(payments: int, *, seed: int, customers: int = 40, terminals: int = 30, days: float = 40.0) -> list[Emission]:
    """``payments`` payments spread over ``days``, each followed by its label seven days later, in order of time."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, days * 86_400, payments))
    found: list[Emission] = []
    for i, seconds in enumerate(at.tolist()):
        payment = _payment(i, START + timedelta(seconds=int(seconds)), rng, customers, terminals)
        label = Label(
            transaction_id=payment.transaction_id,
            event_time=payment.event_time + LABEL_DELAY,
            payment_time=payment.event_time,
            customer_id=payment.customer_id,
            terminal_id=payment.terminal_id,
            verdict="chargeback" if rng.random() < 0.1 else "all-clear",
        )
        found.append(Emission(payment.event_time, "events", payment.key, payment))
        found.append(Emission(label.event_time, "labels", label.key, label))
    end = START + timedelta(days=days)
    return sorted((e for e in found if e.at <= end), key=lambda e: (e.at, e.stream == "events"))


def _payment(number: int, at: datetime, rng: np.random.Generator, customers: int, terminals: int) -> Payment:
    return Payment(
        transaction_id=f"t{number:07d}",
        event_time=at,
        customer_id=f"c{rng.integers(customers)}",
        terminal_id=f"x{rng.integers(terminals)}",
        amount=round(float(rng.lognormal(3, 1)), 2),
        merchant_category=str(rng.choice(CATEGORIES)) if rng.random() < 0.9 else None,
    )


class Flow:
    """Sends a history beside the test, spread over so many seconds (None: as fast as it goes), until it is stopped or left.

    ``passed`` is told how far event time is, and may hold it up.
    """

    def __init__(
        self,
        settings: Settings,
        history: list[Emission],
        seconds: float | None,
        domain: str = "fraud",
        passed: Callable[[datetime], None] = lambda at: None,
    ) -> None:
        self._history, self._stop, self._replay, self._seen = history, threading.Event(), Replay(settings, DOMAINS[domain]), 0
        pace = at_speed((history[-1].at - history[0].at).total_seconds() / seconds) if seconds else None
        work = {"pace": pace, "stop": self._stop, "progress": lambda sent, at: passed(at)}
        self._thread = threading.Thread(target=self._replay.send, args=(history,), kwargs=work, daemon=True)
        self._thread.start()

    def __enter__(self) -> Flow:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def must_last(self) -> None:
        """Fail where nothing more is to come."""
        assert self._thread.is_alive(), "the events have ended"

    def must_go_on(self) -> None:
        """Fail where nothing was sent since the last look, or nothing more is to come."""
        self.must_last()
        sent = self._replay.sent.events
        assert sent > self._seen, "no event was sent since the last look"
        self._seen = sent

    def stop(self) -> list[Emission]:
        """End it; returns what was sent: all up to the last event."""
        self.must_last()
        self._stop.set()
        self._thread.join(90)
        assert not self._thread.is_alive(), "the sender did not finish"
        events = [i for i, e in enumerate(self._history) if e.stream == "events"]
        return self._history[: events[self._replay.sent.events - 1] + 1]


def expected_rows(history: Iterable[Emission]) -> dict[str, list[float]]:
    """Every payment's row, computed in one uninterrupted pass in order of time."""
    features, state, rows = DOMAINS["fraud"].features(), dict[str, bytes](), dict[str, list[float]]()
    for emission in history:
        if emission.stream == "labels":
            features.learn(emission.value)
            continue
        computed = features.compute(emission.value, state.get(emission.key))
        state[emission.key], rows[emission.value.id] = computed.state, computed.row
    return rows
