"""A topic's past, as a batch goes through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from apps.history import _partition
from domain.fraud.events import Label
from domain.registry import DOMAINS

START = datetime(2026, 1, 1, tzinfo=UTC)
END = 4
WILD = datetime(2060, 1, 1, tzinfo=UTC)


def label(number: int, at: datetime) -> Any:
    found = Label(
        transaction_id=f"t{number}", event_time=at, payment_time=START - timedelta(days=7), customer_id="c", terminal_id="x",
        verdict="chargeback",
    )  # fmt: skip
    return SimpleNamespace(
        error=lambda: None, value=lambda: found.model_dump_json().encode(), key=found.key.encode,
        offset=lambda: number, timestamp=lambda: (0, 1_000 + number),
    )  # fmt: skip


class Stored:
    """A consumer of a partition that holds these messages."""

    def __init__(self, *messages: Any) -> None:
        self.left = [*messages, SimpleNamespace(error=lambda: None, offset=lambda: END)]

    def poll(self, timeout: float) -> Any:
        return self.left.pop(0)

    def consume(self, number: int, timeout: float) -> list[Any]:
        return []


def test_a_label_with_a_wild_clock_holds_back_no_other_and_waits_for_its_time() -> None:
    days = [timedelta(days=n) for n in range(4)]
    stored = Stored(label(0, START), label(1, WILD), label(2, START + days[2]), label(3, START + days[3]))
    past = [*_partition(stored, DOMAINS["fraud"].parse_label, END)]  # type: ignore[arg-type]  # as much of a consumer as is used
    assert [(p.at, p.value.id) for p in past] == [(START, "t0"), (START + days[2], "t2"), (START + days[3], "t3"), (WILD, "t1")]
