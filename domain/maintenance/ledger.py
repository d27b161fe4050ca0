"""What the work orders were worth: failures foreseen in time, orders for nothing, cycles of life thrown away."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from domain.decision import Decision
from domain.maintenance.events import Ending, cycle_of
from domain.maintenance.policy import ORDER

MACHINES: Final = 50_000  # remembered; the one heard of longest ago goes first
LIVES: Final = 8  # ends, and as many orders, of a machine that wait for each other
FALSE_AFTER: Final = 3  # lead times: an order with more life left than that was for nothing
V = TypeVar("V")


@dataclass
class _Machine:
    """Orders as cycle -> lead time, ends by cycle; both the newest few."""

    orders: OrderedDict[int, float] = field(default_factory=OrderedDict)
    ends: OrderedDict[int, Ending] = field(default_factory=OrderedDict)
    served: dict[int, int] = field(default_factory=dict)  # ends whose order is found, and that: the first one in a life counts


class MaintenanceLedger:
    """Joins orders and the ends of lives by machine and cycle, whichever comes first; each counts once.

    Orders are judged as if carried out: the part in after the lead time. What it had left then is life thrown away; of a part that
    was replaced while it ran, the workshop's opinion (``Ending.unused``) is all there is.
    """

    def __init__(self) -> None:
        self._machines: OrderedDict[str, _Machine] = OrderedDict()
        self._added: dict[str, float] = defaultdict(float)

    def decided(self, decision: Decision) -> None:
        """Take in a decision; only one that opens an order counts, and once."""
        if decision.action != ORDER:
            return
        machine, cycle = self._machine(decision.key), cycle_of(decision)
        if cycle in machine.orders:
            return
        _remember(machine.orders, cycle, decision.threshold)
        self._added["orders"] += 1
        for end in machine.ends.values():
            self._join(machine, cycle, end)

    def learned(self, label: Ending) -> None:
        """Take in a life's end; a repeated one changes nothing."""
        machine = self._machine(label.machine_id)
        if label.cycle in machine.ends:
            return
        _remember(machine.ends, label.cycle, label)
        machine.served = {end: cycle for end, cycle in machine.served.items() if end in machine.ends}
        self._added["failures" if label.kind == "failure" else "planned replacements"] += 1
        for cycle in list(machine.orders):
            self._join(machine, cycle, label)

    def passed(self, now: datetime) -> None:
        """An order waits for nothing but its machine's next end."""

    def take(self) -> dict[str, float]:
        """What was added since the last time: counts, and cycles."""
        taken, self._added = {name: value for name, value in self._added.items() if value}, defaultdict(float)
        return taken

    def _machine(self, name: str) -> _Machine:
        machine = self._machines.pop(name, None) or _Machine()
        self._machines[name] = machine
        if len(self._machines) > MACHINES:
            self._machines.popitem(last=False)
        return machine

    def _join(self, machine: _Machine, cycle: int, end: Ending) -> None:
        """An order that lapsed may be followed by another in the same life; whichever of them comes first, the earlier one counts."""
        before = machine.served.get(end.cycle)
        if cycle not in machine.orders:  # older than all that are remembered
            return
        if not end.installed < cycle <= end.cycle or (before is not None and before <= cycle):
            return
        if before is not None:
            self._count(machine, before, end, -1)
        machine.served[end.cycle] = cycle
        self._count(machine, cycle, end, 1)

    def _count(self, machine: _Machine, cycle: int, end: Ending, sign: int) -> None:
        lead, left = machine.orders[cycle], end.cycle - cycle + (end.unused or 0.0)
        if end.kind == "failure":
            self._added["failures foreseen" if left >= lead else "failures ordered for too late"] += sign
        if end.kind == "failure" or end.unused is not None:
            self._added["false orders"] += sign * (left > FALSE_AFTER * lead)
            self._added["cycles thrown away"] += sign * max(0.0, left - lead)


def _remember(memory: OrderedDict[int, V], cycle: int, value: V) -> None:
    memory[cycle] = value
    if len(memory) > LIVES:
        memory.pop(min(memory))
