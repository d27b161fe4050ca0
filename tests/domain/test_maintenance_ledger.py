"""What orders were worth is counted once, in whatever order decisions and labels come; and the order list of the batch."""

from __future__ import annotations

from itertools import permutations

from domain.maintenance.ledger import LIVES, MaintenanceLedger
from domain.maintenance.orders import order_list
from tests.domain.machines import decision, ending


def test_a_failure_is_foreseen_by_an_order_at_least_the_lead_time_before() -> None:
    for at, name in ((80, "failures foreseen"), (81, "failures ordered for too late")):
        ledger = MaintenanceLedger()
        ledger.decided(decision(at, "order"))
        ledger.learned(ending(100))
        assert ledger.take() == {"orders": 1.0, "failures": 1.0, name: 1.0}


def test_a_failure_without_an_order_is_neither() -> None:
    ledger = MaintenanceLedger()
    ledger.decided(decision(90, "ordered"))
    ledger.decided(decision(91))
    ledger.learned(ending(100))
    assert ledger.take() == {"failures": 1.0}


def test_an_early_order_throws_life_away_and_a_far_too_early_one_is_false() -> None:
    ledger = MaintenanceLedger()
    ledger.decided(decision(60, "order"))
    ledger.learned(ending(100))
    assert ledger.take()["cycles thrown away"] == 20.0
    ledger.decided(decision(110, "order"))
    ledger.learned(ending(190, "planned", installed=100, unused=30.0))
    found = ledger.take()
    assert (found["false orders"], found["cycles thrown away"], found["planned replacements"]) == (1.0, 90.0, 1.0)


def test_of_a_part_that_nobody_looked_at_nothing_is_said() -> None:
    ledger = MaintenanceLedger()
    ledger.decided(decision(10, "order"))
    ledger.learned(ending(190, "planned"))
    assert ledger.take() == {"orders": 1.0, "planned replacements": 1.0}


def test_the_order_of_messages_and_their_repetition_change_nothing() -> None:
    messages = [decision(80, "order"), ending(100), decision(170, "order"), ending(250, installed=100)]
    found = []
    for chosen in permutations(messages):
        ledger = MaintenanceLedger()
        for message in (*chosen, *chosen):
            (ledger.learned if hasattr(message, "installed") else ledger.decided)(message)  # type: ignore[arg-type]
        found.append(ledger.take())
    assert all(f == found[0] for f in found)
    assert found[0] == {"orders": 2.0, "failures": 2.0, "failures foreseen": 2.0, "false orders": 1.0, "cycles thrown away": 60.0}


def test_an_order_belongs_to_the_life_it_was_opened_in() -> None:
    ledger = MaintenanceLedger()
    ledger.decided(decision(80, "order"))
    ledger.learned(ending(200, installed=100))
    assert ledger.take() == {"orders": 1.0, "failures": 1.0}


def test_it_forgets_what_it_gave_and_keeps_a_bounded_number() -> None:
    ledger = MaintenanceLedger()
    for i in range(1, 10 * LIVES):
        ledger.decided(decision(100 * i, "order"))
        ledger.learned(ending(100 * i + 30, installed=100 * i - 50))
    assert ledger.take()["failures foreseen"] == 10 * LIVES - 1
    assert ledger.take() == {}
    machine = ledger._machines["m"]
    assert max(len(machine.orders), len(machine.ends), len(machine.served)) <= LIVES


def test_the_order_list_has_a_line_a_machine_as_its_newest_cycle_leaves_it() -> None:
    decisions = [
        decision(90, "ordered", "a", early=12.0, ordered_at=85), decision(88, machine="a", early=60.0),
        decision(40, machine="b", early=55.0), decision(40, machine="b", early=55.0),
        decision(70, "order", "c", early=3.0, ordered_at=70),
    ]  # fmt: skip
    lines = order_list(decisions)
    assert [(line.machine, line.action, line.order) for line in lines] == [
        ("c", "order", "c:70:order"), ("a", "ordered", "a:85:order"), ("b", "wait", None),
    ]  # fmt: skip
    assert (lines[1].cycle, lines[1].ordered_at, lines[1].early, lines[1].needed_by, lines[1].lead) == (90, 85, 12.0, 102, 20.0)
