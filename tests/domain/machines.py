"""Machines and their messages for the tests of maintenance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from domain.decision import Decision
from domain.maintenance.events import Ending, Replacement, Telemetry
from domain.maintenance.features import MaintenanceFeatures

START = datetime(2025, 3, 3, tzinfo=UTC)
Event = Telemetry | Replacement


def telemetry(cycle: int = 1, shift: float = 0.0, machine: str = "m") -> Telemetry:
    """A cycle with noise of its own (the same for the same cycle), all sensors moved by ``shift``."""
    noise = np.random.default_rng(cycle).normal(0.0, 1.0, 21)
    return Telemetry(
        machine_id=machine,
        event_time=START + timedelta(hours=min(cycle, 200_000)),  # a wild counter is no wild clock
        cycle=cycle,
        settings=(10.0, 0.25, 100.0),
        sensors=tuple((100.0 + noise + shift).tolist()),
    )


def replacement(cycle: int, machine: str = "m") -> Replacement:
    return Replacement(type="replacement", machine_id=machine, event_time=START + timedelta(hours=cycle, minutes=30), cycle=cycle)


def ending(cycle: int, kind: str = "failure", installed: int = 0, machine: str = "m", unused: float | None = None) -> Ending:
    return Ending.model_validate({
        "machine_id": machine, "event_time": START + timedelta(hours=cycle + 2), "installed": installed, "cycle": cycle,
        "kind": kind, "unused": unused,
    })  # fmt: skip


def run(events: Iterable[Event], state: bytes | None = None) -> tuple[list[list[float]], bytes | None]:
    """The rows of one machine's events in the order given, and the state at the end."""
    features, rows = MaintenanceFeatures(), []
    for event in events:
        computed = features.compute(event, state)
        state = computed.state
        rows.append(computed.row)
    return rows, state


def decision(cycle: int, action: str = "wait", machine: str = "m", early: float = 15.0, ordered_at: int | None = None) -> Decision:
    context: dict[str, str | float | None] = {"cycle": float(cycle), "rul": early + 10, "early": early}
    if ordered_at is not None:
        context |= {"order": f"{machine}:{ordered_at}:order", "ordered_at": float(ordered_at)}
    return Decision(
        domain="maintenance", decision_id=f"{machine}:{cycle}", key=machine, event_time=START + timedelta(hours=cycle), action=action,
        alert=action == "order", score=early, threshold=20.0, raw=[], features=[], context=context, reasons=[], model_version="v",
        format="native", source_us=None, broker_us=0, decided_us=0,
    )  # fmt: skip
