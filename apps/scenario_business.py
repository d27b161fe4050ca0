"""What the business asks at the end of a story: money stopped, customers wrongly blocked, offers before exit, failures without an order."""

from __future__ import annotations

from collections.abc import Callable, Collection

from apps.scenario import System, share
from domain.decision import Decision
from domain.maintenance.events import Ending, cycle_of


def of_planted(system: System) -> dict[str, Decision]:
    """The decisions that are there of what was planted."""
    return {name: decision for name, decision in system.decisions.items() if name in system.world.planted}


def how_many(system: System, are: Callable[[Decision], bool]) -> int:
    """Decisions of which this is true."""
    return sum(map(are, system.decisions.values()))


def unstored(system: System) -> int:
    """Decisions that a reader sees and the database does not hold."""
    return system.visible() - system.stored()


def stopped(system: System, payments: Collection[str]) -> float:
    """The share of these payments' money that was not simply let through."""
    made = system.decisions
    amounts = {name: float(made[name].context["amount"] or 0.0) for name in payments}
    return share(sum(amount for name, amount in amounts.items() if made[name].action != "approve"), sum(amounts.values()))


def blocked(system: System) -> int:
    """Good payments that were blocked."""
    return sum(decision.action == "block" for decision in _good(system))


def blocked_share(system: System) -> float:
    """Their share of all good payments; 0 where there is none."""
    good = _good(system)
    return sum(decision.action == "block" for decision in good) / max(len(good), 1)


def _good(system: System) -> list[Decision]:
    frauds = {label.transaction_id for label in system.world.truth if label.fraud}
    return [decision for name, decision in system.decisions.items() if name not in frauds]


def before_exit(system: System) -> float:
    """The share of the offers that a shopper saw before they left, of those whose visit is known."""
    return share(system.worth("offers before exit"), system.worth("offers with an outcome"))


def failures(system: System) -> list[Ending]:
    """Failures of parts whose last cycle was decided."""
    made = system.decisions
    return [end for end in system.world.truth if end.kind == "failure" and f"{end.machine_id}:{end.cycle}" in made]


def ordered_share(system: System) -> float:
    """The share of the failures that had an order, however late; what is left failed without one."""
    found = {(end.machine_id, end.cycle): end for end in failures(system)}
    orders = [(d.key, cycle_of(d)) for d in system.decisions.values() if d.context.get("order")]
    served = {key for key, end in found.items() if any(m == end.machine_id and end.installed < c <= end.cycle for m, c in orders)}
    return share(len(served), len(found))


def foreseen_share(system: System) -> float:
    """The share of the failures with an order whose part came in before the failure."""
    foreseen, late = system.worth("failures foreseen"), system.worth("failures ordered for too late")
    return share(foreseen, foreseen + late)
