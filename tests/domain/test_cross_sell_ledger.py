"""What offers were worth is counted once, in whatever order and how often decisions and labels come; the wall clock ends visits."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import numpy as np

from domain.cross_sell import ledger as ledgers
from domain.cross_sell.events import Label
from domain.cross_sell.groups import GROUPS, MARGINS
from domain.cross_sell.ledger import CrossSellLedger
from domain.decision import Decision
from tests.domain.shopping import START, label

MINUTE = timedelta(minutes=1)


def decision(name: str, minute: float = 0, offer: str | None = None, took: float = 0.1, start: float = 0, key: str = "s") -> Decision:
    at = START + minute * MINUTE
    micro = round(at.timestamp() * 1e6)
    return Decision(
        domain="cross_sell", decision_id=name, key=key, event_time=at, action="offer" if offer else "none", alert=offer is not None,
        score=0.5, threshold=0.3, raw=[], features=[], reasons=[], model_version="1", format="native",
        context={"visit": (START + start * MINUTE).isoformat(), "offer": offer, "expected_margin": 0.4 if offer else None},
        source_us=micro, broker_us=micro, decided_us=micro + round(took * 1e6),
    )  # fmt: skip


def told(*bought: tuple[str, float], end: float = 30, name: str = "a") -> Label:
    return label(name, START, START, START + end * MINUTE, [(group, START + minute * MINUTE) for group, minute in bought])


def sums(*messages: Decision | Label) -> dict[str, float]:
    ledger = CrossSellLedger()
    for message in messages:
        if isinstance(message, Label):
            ledger.learned(message)
        else:
            ledger.decided(message)
    return ledger.take()


def test_an_offer_that_was_taken_on_the_visit_is_worth_its_margin() -> None:
    found = sums(decision("a"), decision("b", 5, "dairy"), told(("dairy", 10)))
    assert found == {
        "pings": 2, "visits": 1, "offers": 1, "expected margin": 0.4, "offers with an outcome": 1, "offers before exit": 1,
        "offers taken": 1, "offers taken on the visit": 1, "margin of offers taken": MARGINS[GROUPS.index("dairy")],
    }  # fmt: skip


def test_an_offer_taken_in_the_week_after_counts_apart() -> None:
    found = sums(decision("b", 5, "dairy"), told(("dairy", 2_000)))
    assert (found["offers taken"], found.get("offers taken on the visit")) == (1, None)


def test_what_was_bought_before_the_offer_or_is_another_group_was_not_taken() -> None:
    for bought in (("dairy", 4), ("meat", 10)):
        assert "offers taken" not in sums(decision("b", 5, "dairy"), told(bought))


def test_an_offer_that_was_decided_after_the_exit_came_too_late() -> None:
    late = sums(decision("b", 29, "dairy", took=61), told())
    assert (late["offers with an outcome"], late.get("offers before exit")) == (1, None)
    assert sums(decision("b", 29, "dairy", took=59), told())["offers before exit"] == 1
    replayed = decision("b", 29, "dairy", took=1e6).model_copy(update={"source_us": None})
    assert sums(replayed, told())["offers before exit"] == 1, "replayed history has no latency"


def test_neither_order_nor_repetition_changes_the_sums() -> None:
    messages = [decision("a"), decision("b", 5, "dairy"), told(("dairy", 10)), told(("dairy", 10), name="b"), decision("c", 8)]
    expected = sums(*messages)
    assert expected["offers taken"] == 1
    for order in permutations(messages):
        assert sums(*order, *order) == expected


def test_an_offer_goes_with_the_label_of_its_own_visit() -> None:
    second = label("z", START + 60 * MINUTE, START + 60 * MINUTE, START + 90 * MINUTE, [("meat", START + 70 * MINUTE)])
    offers = [decision("b", 5, "dairy"), decision("y", 65, "meat", start=60), decision("x", 66, key="another")]
    for labels in ([told(), second], [second, told()]):
        found = sums(*offers, *labels)
        assert (found["visits"], found["offers with an outcome"], found["offers taken"]) == (3, 2, 1)
    assert "offers with an outcome" not in sums(decision("b", 5, "dairy"), second)


def test_the_wall_clock_ends_a_visit_after_silence() -> None:
    ledger = CrossSellLedger()
    ledger.decided(decision("a"))
    ledger.decided(decision("b", 10))
    now = START + 11 * MINUTE
    ledger.passed(now)
    ledger.passed(now + 20 * MINUTE)
    assert "visits ended" not in ledger.take()
    ledger.passed(now + 20 * MINUTE + timedelta(seconds=1))
    ledger.passed(now + 60 * MINUTE)
    assert ledger.take() == {"visits ended": 1, "visits without an offer": 1}


def test_a_sighting_keeps_a_visit_open_and_a_later_offer_corrects_its_end() -> None:
    ledger = CrossSellLedger()
    ledger.decided(decision("a"))
    for minute in (1, 15):
        ledger.passed(START + minute * MINUTE)
    ledger.decided(decision("b", 15))
    ledger.passed(START + 30 * MINUTE)
    assert "visits ended" not in ledger.take()
    ledger.passed(START + 60 * MINUTE)
    assert ledger.take()["visits without an offer"] == 1
    ledger.decided(decision("c", 12, "dairy"))
    assert ledger.take()["visits without an offer"] == -1
    ledger.passed(START + 120 * MINUTE)
    assert "visits ended" not in ledger.take()


def test_old_visits_that_are_replayed_end_when_nothing_more_is_heard_of_them() -> None:
    ledger, now = CrossSellLedger(), START + timedelta(days=900)
    ledger.decided(decision("a"))
    ledger.passed(now)
    assert "visits ended" not in ledger.take()
    ledger.passed(now + 21 * MINUTE)
    assert ledger.take()["visits ended"] == 1


def test_the_memory_is_bounded(monkeypatch: object) -> None:
    ledger, small = CrossSellLedger(), 50
    original, ledgers_any = ledgers.REMEMBERED, ledgers
    ledgers_any.REMEMBERED = small  # type: ignore[misc]
    try:
        for i in range(40 * small):
            ledger.decided(decision(f"d{i}", i, "dairy", start=i, key=f"s{i % 70}"))
            ledger.learned(told(name=f"l{i}", end=1).model_copy(update={"shopper_id": f"t{i % 70}", "visit_start": START + i * MINUTE}))
    finally:
        ledgers_any.REMEMBERED = original  # type: ignore[misc]
    sizes = [len(ledger._sightings), len(ledger._visits), len(ledger._open), len(ledger._shoppers)]
    assert np.all(np.array(sizes) <= 2 * small), sizes
    assert max(len(s.offers) + len(s.visits) for s in ledger._shoppers.values()) <= 2 * ledgers.WAITING
