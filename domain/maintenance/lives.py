"""What the ends of lives say of a cycle: its remaining useful life, the model's target."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from domain.contract import Judged
from domain.maintenance.events import Ending, cycle_of

CAP: Final = 125.0  # cycles: longer before failure nothing is to be seen yet (Heimes, PHM 2008; what studies of C-MAPSS share)


class _End(NamedTuple):
    cycle: int
    installed: int
    failed: bool


def targets(labels: Iterable[Ending]) -> Callable[[Judged], float]:
    """From an event to its remaining useful life in cycles, at most ``CAP``; nan where its life's end is unknown or was no failure.

    A failure overrules a planned replacement at the same cycle; a repeated label changes nothing.
    """
    known: dict[str, dict[int, Ending]] = defaultdict(dict)
    for label in labels:
        before = known[label.machine_id].get(label.cycle)
        if before is None or before.kind != "failure":
            known[label.machine_id][label.cycle] = label
    ends = {
        machine: [_End(cycle, found[cycle].installed, found[cycle].kind == "failure") for cycle in sorted(found)]
        for machine, found in known.items()
    }
    return lambda event: _remaining(ends.get(event.key, []), cycle_of(event))


def _remaining(ends: list[_End], cycle: int) -> float:
    at = bisect_left(ends, cycle, key=lambda end: end.cycle)
    if at == len(ends) or not ends[at].failed or cycle <= ends[at].installed:
        return math.nan
    return min(float(ends[at].cycle - cycle), CAP)
