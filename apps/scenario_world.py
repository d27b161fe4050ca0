"""The worlds of scenarios: a domain's own simulator, cut into what was before and what a story plays; and what is planted into it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.scenario import Pace, World
from domain.contract import Emission
from domain.registry import DOMAINS

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)  # when a story begins: what lies before is history, and the models learned from such
LABELS_WITHIN = 10  # days; what becomes known of an event, if it does, is known by then, but for the latest few


def simulated(domain: str, seed: int, *, history: int, live: timedelta, drift_after_days: int = 0, **sizes: Any) -> World:
    """A domain's simulated world with so many days of history, and a live part."""
    end = BEGINS + live
    days = history + live.days + LABELS_WITHIN + 1
    drift = {"drift_after_days": drift_after_days} if drift_after_days else {}
    emissions = list(DOMAINS[domain].simulate(seed, BEGINS - timedelta(days=history), days=days, **sizes, **drift))
    return World(
        history=[e for e in emissions if e.at < BEGINS],
        live=[e for e in emissions if BEGINS <= e.at < end],
        truth=[e.value for e in emissions if e.stream == "labels" and e.at >= BEGINS],
    )


def joined(world: World, more: Iterable[Emission], truth: Iterable[object] = ()) -> World:
    """The world with more live emissions among its own, each at its time, and what becomes known of them."""
    live = sorted([*world.live, *more], key=lambda emission: emission.at)
    return replace(world, live=live, truth=[*world.truth, *truth])


def hurried(speed: float, first: datetime, last: datetime, times: float) -> Pace:
    """Event time passes at ``speed``, and ``times`` as fast between two moments: so many times the rate."""

    def seconds(at: datetime) -> float:
        inside = max(timedelta(0), min(at, last) - first)
        return ((at - BEGINS) - inside * (1 - 1 / times)).total_seconds() / speed

    return lambda emission: seconds(emission.at)
