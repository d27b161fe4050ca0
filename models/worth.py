"""What decisions were worth by themselves, as the domain's ledger counts it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from domain.contract import Domain
from domain.decision import Decision


def added(domain: Domain, decisions: Iterable[Decision], labels: Sequence[Any]) -> dict[str, float]:
    """The ledger's sums that these decisions make up: those of decisions and labels, less those of the labels alone."""
    without = sums(domain, [], labels)
    return {name: value - without.get(name, 0.0) for name, value in sums(domain, decisions, labels).items()}


def sums(domain: Domain, decisions: Iterable[Decision], labels: Iterable[Any]) -> dict[str, float]:
    """The ledger's sums, told in order of event time: it forgets the oldest of what waits for its label."""
    ledger = domain.ledger()
    for item in sorted([*decisions, *labels], key=lambda item: item.event_time):
        if isinstance(item, Decision):
            ledger.decided(item)
        else:
            ledger.learned(item)
    return ledger.take()
