"""What decisions were worth by themselves, as the domain's ledger counts it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from domain.contract import Domain
from domain.decision import Decision


def added(domain: Domain, decisions: Iterable[Decision], labels: Sequence[Any]) -> dict[str, float]:
    """The ledger's sums that these decisions make up: those of decisions and labels, less those of the labels alone.

    Both are told in order of event time: a ledger forgets the oldest of what waits for its label.
    """
    whole, alone = domain.ledger(), domain.ledger()
    for item in sorted([*decisions, *labels], key=lambda item: item.event_time):
        if isinstance(item, Decision):
            whole.decided(item)
        else:
            whole.learned(item)
            alone.learned(item)
    without = alone.take()
    return {name: value - without.get(name, 0.0) for name, value in whole.take().items()}
