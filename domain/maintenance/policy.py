"""From a bound on the remaining life to a work order: one a machine, no later than the part's lead time, by stated costs.

When to order is the newsvendor's question (Arrow, Harris and Marschak, "Optimal Inventory Policy", *Econometrica* 19, 1951): a part that
comes ``x`` cycles before the failure throws ``x * wasted`` away, one that comes ``x`` cycles after it costs ``x * late``. The expected cost
is least where the chance that the machine fails within the lead time is ``wasted / (wasted + late)``: the quantile of the remaining life at
that chance, the early bound, then equals the lead time.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from domain.contract import NOTHING, Judged, Value, Verdict
from domain.maintenance.events import cycle_of
from domain.terms import Term

RUNNING: Final = 3  # cycles in a row with the bound below the lead time before an order is opened: one noisy cycle opens none
LAPSE: Final = 250  # cycles after which an order counts as closed though no maintenance record said so: records get lost, too
JUMP: Final = 1_000  # cycles; a counter that leaps further, or begins there, is believed when the next cycle agrees with it
MARGIN: Final = 15.0  # cycles between estimate and bound where there is an estimate only: what lay between them near the lead time
ORDERS: Final = 4  # of a machine that are remembered, for cycles that come again
WAIT, ORDER, ORDERED = "wait", "order", "ordered"


@dataclass(frozen=True)
class Costs:
    """What things cost, in units of the operator's currency, and how long a part takes."""

    lead: float = 20.0  # cycles from the order until the part is in
    part: float = 4_000.0  # the part and its fitting, when planned
    life: float = 190.0  # cycles that a part lasts on average
    downtime: float = 200.0  # a machine that stands still, a cycle
    failure: float = 4_000.0  # what a failure breaks beside the part, towing and overtime
    running: float = RUNNING

    @property
    def wasted(self) -> float:
        """A cycle of life that an early replacement throws away."""
        return self.part / self.life

    @property
    def late(self) -> float:
        """A cycle that the part comes late: the standstill, and the failure's own cost spread over the lead time."""
        return self.downtime + self.failure / self.lead

    @property
    def chance(self) -> float:
        """The chance of failing within the lead time at which ordering becomes cheaper than waiting."""
        return self.wasted / (self.wasted + self.late)


# The money is in the early bound, which a model learns; what is left to the policy is when to believe that bound.
TERMS = (
    Term("lead", Costs.lead, 1, 200, 1, "cycles", "How long a part takes from its order; the books count with it, too."),
    Term("running", Costs.running, 1, 20, 1, "cycles", "How many in a row must be below the lead time to order a part.", whole=True),
)


class _Memory(NamedTuple):
    """Of one machine: the newest cycle judged, how many in a row up to it were below the lead time, and the cycles of its orders.

    ``far`` is a cycle much further on than ``newest``, which nothing has confirmed yet.
    """

    newest: int = 0
    below: int = 0
    far: int = 0
    orders: tuple[int, ...] = ()

    @classmethod
    def decode(cls, data: bytes | None) -> _Memory:
        if not data:
            return cls()
        newest, below, far, *orders = struct.unpack(f"<{len(data) // 8}q", data)
        return cls(newest, below, far, tuple(orders))

    def encode(self) -> bytes:
        return struct.pack(f"<{3 + len(self.orders)}q", self.newest, self.below, self.far, *self.orders)

    def order_at(self, cycle: int, installed: int) -> int | None:
        """The cycle of the order that is open at ``cycle``, for the part that was installed after ``installed``."""
        return next((o for o in reversed(self.orders) if installed < o <= cycle < o + LAPSE), None)


class MaintenancePolicy:
    """Judges a machine's remaining life against the lead time of its part; remembers its order until the part is replaced."""

    remembers = True

    def __init__(self, costs: Costs | None = None) -> None:
        self.costs = costs or Costs()

    def judge(self, scores: Sequence[float], event: Judged, facts: Mapping[str, Any] = NOTHING, memory: bytes | None = None) -> Verdict:
        """``order`` (and an alert) at the cycle that opens an order, ``ordered`` while it is open, else ``wait``.

        ``scores`` are the estimate and the early bound; ``threshold`` is the lead time. A new part (``facts["installed"]``)
        closes the order. A cycle that is not the newest gets what it got, or would have got, in its turn.
        """
        known, installed, cycle = _Memory.decode(memory), int(facts.get("installed", 0)), cycle_of(event)
        bound = scores[1] if len(scores) > 1 else scores[0] - MARGIN
        opened, changed = known.order_at(cycle, installed), None
        if opened is None and cycle > known.newest:
            changed = self._next(known, cycle, installed, bound)
            opened = changed.order_at(cycle, installed)
        action = WAIT if opened is None else ORDER if opened == cycle else ORDERED
        return Verdict(
            action=action,
            alert=action == ORDER,
            score=bound,
            threshold=self.costs.lead,
            memory=changed.encode() if changed else None,
            notes=self._notes(scores[0], bound, event.key, opened),
            output=len(scores) - 1,
        )

    def _next(self, known: _Memory, cycle: int, installed: int, bound: float) -> _Memory:
        """The memory after one more cycle, which is newer than all before and has no open order."""
        near = cycle <= known.newest + JUMP
        if not near and not 0 < cycle - known.far <= JUMP:
            return known._replace(far=cycle)
        before = known.below if installed < known.newest and near else 0
        below = before + 1 if bound < self.costs.lead else 0
        orders = (*known.orders, cycle)[-ORDERS:] if below >= self.costs.running else known.orders
        return _Memory(cycle, below, 0, orders)

    def _notes(self, rul: float, bound: float, machine: str, opened: int | None) -> dict[str, Value]:
        """What stands in the context beside the cycle; an order that is not open is there as none, over what another model noted."""
        notes: dict[str, Value] = {"rul": round(rul, 1), "early": round(bound, 1), "order": None, "ordered_at": None}
        if opened is not None:
            notes |= {"order": f"{machine}:{opened}:order", "ordered_at": float(opened)}
        return notes
