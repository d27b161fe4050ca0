"""One order a part, opened by a bound that stays below the lead time, closed by the part's replacement; and the costs behind it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contract import Verdict
from domain.maintenance.policy import LAPSE, ORDERS, RUNNING, Costs, MaintenancePolicy
from tests.domain.machines import telemetry

LEAD = Costs().lead
LOW, HIGH = LEAD - 5, LEAD + 40
FINITE = st.floats(-1e12, 1e12)


def judged(bounds: dict[int, float], memory: bytes | None = None, installed: int = 0) -> tuple[dict[int, Verdict], bytes | None]:
    """The verdicts on these cycles' bounds, in the order given, and the memory at the end."""
    found = {}
    for cycle, bound in bounds.items():
        found[cycle] = MaintenancePolicy().judge((bound + 20, bound), telemetry(cycle), {"installed": installed}, memory)
        memory = found[cycle].memory or memory
    return found, memory


def actions(verdicts: dict[int, Verdict]) -> list[str]:
    return [v.action for v in verdicts.values()]


@given(
    st.lists(FINITE, min_size=1, max_size=3), st.integers(1, 10**8), st.integers(0, 10**8),
    st.one_of(st.none(), st.lists(st.integers(0, 10**8), min_size=3, max_size=7)),
)  # fmt: skip
def test_any_scores_and_any_memory_get_a_verdict(scores: list[float], cycle: int, installed: int, memory: list[int] | None) -> None:
    data = None if memory is None else np.array(memory, dtype="<i8").tobytes()
    verdict = MaintenancePolicy().judge(scores, telemetry(cycle), {"installed": installed}, data)
    assert verdict.action in ("wait", "order", "ordered")
    assert verdict.alert == (verdict.action == "order")
    assert math.isfinite(verdict.score)
    assert verdict.threshold == LEAD
    assert len(verdict.memory or b"") <= 8 * (3 + max(ORDERS, len(memory or [])))


def test_an_order_opens_once_the_bound_stays_below_the_lead_time_and_only_once() -> None:
    found, _ = judged(dict.fromkeys(range(1, 31), LOW))
    assert actions(found) == ["wait"] * (RUNNING - 1) + ["order"] + ["ordered"] * (30 - RUNNING)
    opened = [v for v in found.values() if v.alert]
    assert len(opened) == 1
    assert opened[0].notes["order"] == f"m:{RUNNING}:order"
    assert all(v.notes.get("order") == opened[0].notes["order"] for c, v in found.items() if c > RUNNING)


def test_a_bound_that_flaps_about_the_lead_time_opens_no_order() -> None:
    found, _ = judged({c: LOW if c % RUNNING else HIGH for c in range(1, 100)})
    assert set(actions(found)) == {"wait"}


def test_an_open_order_stays_though_the_bound_rises_again() -> None:
    found, _ = judged({**dict.fromkeys(range(1, 5), LOW), **dict.fromkeys(range(5, 50), HIGH)})
    assert set(actions(found)[RUNNING:]) == {"ordered"}


def test_a_new_part_closes_the_order_and_may_get_one_of_its_own() -> None:
    _, memory = judged(dict.fromkeys(range(1, 10), LOW))
    found, memory = judged({10: HIGH, 11: LOW, 12: LOW, 13: LOW, 14: LOW}, memory, installed=9)
    assert actions(found) == ["wait", "wait", "wait", "order", "ordered"]
    assert found[13].notes["order"] == "m:13:order"


def test_the_old_part_lends_no_low_bound_to_the_new_one() -> None:
    _, memory = judged({1: LOW, 2: LOW})
    found, _ = judged({3: LOW, 4: LOW}, memory, installed=2)
    assert actions(found) == ["wait", "wait"]


def test_every_cycle_that_comes_again_gets_its_first_verdict() -> None:
    bounds = {**dict.fromkeys(range(1, 8), HIGH), **dict.fromkeys(range(8, 20), LOW)}
    first, memory = judged(bounds)
    second, memory = judged({c + 20: b for c, b in bounds.items()}, memory, installed=20)
    for installed, before in ((0, first), (20, second)):
        for cycle, verdict in before.items():
            bound = bounds[cycle - installed]
            again = MaintenancePolicy().judge((bound + 20, bound), telemetry(cycle), {"installed": installed}, memory)
            assert again._replace(memory=None) == verdict._replace(memory=None)
            assert again.memory is None


def test_a_late_cycle_neither_opens_an_order_nor_stops_one() -> None:
    _, memory = judged({1: LOW, 3: LOW})
    late, memory = judged({2: HIGH}, memory)
    assert (late[2].action, late[2].memory) == ("wait", None)
    assert actions(judged({4: LOW}, memory)[0]) == ["order"]


def test_one_cycle_with_a_wild_counter_silences_no_machine() -> None:
    _, memory = judged({1: HIGH, 90_000_000: LOW})
    assert actions(judged(dict.fromkeys(range(2, 10), LOW), memory)[0]).count("order") == 1


def test_a_wild_counter_at_the_very_start_silences_no_machine() -> None:
    _, memory = judged({90_000_000: HIGH})
    assert actions(judged(dict.fromkeys(range(1, 9), LOW), memory)[0]).count("order") == 1


def test_a_machine_that_is_taken_in_late_in_its_life_is_believed_at_its_second_cycle() -> None:
    assert actions(judged(dict.fromkeys(range(50_001, 50_010), LOW))[0]).count("order") == 1


def test_a_counter_that_really_went_on_is_believed_at_the_second_cycle() -> None:
    _, memory = judged({1: HIGH})
    assert "order" in actions(judged(dict.fromkeys(range(50_001, 50_010), LOW), memory)[0])


def test_an_order_whose_record_was_lost_lapses() -> None:
    found, _ = judged(dict.fromkeys(range(1, LAPSE + 20), LOW))
    assert [c for c, v in found.items() if v.alert] == [RUNNING, RUNNING + LAPSE]


def test_an_estimate_alone_is_judged_with_a_margin() -> None:
    verdict = MaintenancePolicy().judge((LEAD + 5,), telemetry(1))
    assert verdict.score < LEAD


@given(st.floats(1, 1e5), st.floats(0, 1e4), st.floats(0, 1e5), st.floats(5, 60))
def test_ordering_at_the_stated_chance_costs_least(part: float, downtime: float, failure: float, lead: float) -> None:
    """Against a life that is uniform over 0 to 100 cycles: no other moment of ordering is cheaper by more than the grid's width."""
    costs = Costs(part=part, downtime=downtime, failure=failure, lead=lead)
    assert 0 < costs.chance <= 1
    left = (np.arange(10_000) + 0.5) / 100

    def cost(arrival: float) -> float:
        return float(np.mean(np.where(left > arrival, (left - arrival) * costs.wasted, (arrival - left) * costs.late)))

    best = cost(float(np.quantile(left, costs.chance)))
    assert best <= min(cost(a) for a in np.linspace(0, 100, 101)) * (1 + 1e-3)


def test_a_dearer_failure_makes_orders_earlier() -> None:
    chances = [Costs(failure=f).chance for f in (0, 4_000, 40_000)]
    assert chances == sorted(chances, reverse=True)
    assert Costs().chance == pytest.approx(0.05, abs=0.005)
