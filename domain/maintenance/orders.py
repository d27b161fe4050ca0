"""The order list of a nightly batch: which machines need a part, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from domain.decision import Decision


class OrderLine(NamedTuple):
    """A machine as its newest cycle leaves it. ``rul`` and ``early`` in cycles from then; ``needed_by`` is the machine's cycle."""

    machine: str
    action: str  # "order": opened by this very cycle; "ordered": open since ``ordered_at``; "wait": none is needed
    order: str | None
    ordered_at: int | None
    cycle: int
    rul: float
    early: float
    lead: float
    needed_by: int  # the cycle by which the part must be in: where the early bound says that the life may end
    seen: datetime


def order_list(decisions: Iterable[Decision]) -> list[OrderLine]:
    """One line a machine, from its newest decision by cycle; open orders first, then by how little life is left.

    Decisions may come in any order and more than once.
    """
    newest: dict[str, Decision] = {}
    for decision in decisions:
        before = newest.get(decision.key)
        if before is None or _number(decision, "cycle") > _number(before, "cycle"):
            newest[decision.key] = decision
    return sorted(map(_line, newest.values()), key=lambda line: (line.order is None, line.early, line.machine))


def _line(decision: Decision) -> OrderLine:
    order, cycle = decision.context.get("order"), int(_number(decision, "cycle"))
    return OrderLine(
        machine=decision.key,
        action=decision.action,
        order=None if order is None else str(order),
        ordered_at=None if order is None else int(_number(decision, "ordered_at")),
        cycle=cycle,
        rul=_number(decision, "rul"),
        early=decision.score,
        lead=decision.threshold,
        needed_by=cycle + max(0, int(decision.score)),
        seen=decision.event_time,
    )


def _number(decision: Decision, name: str) -> float:
    return float(decision.context.get(name) or 0.0)
