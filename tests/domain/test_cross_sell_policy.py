"""One offer a visit at most, of the group that is expected to earn most; the same sighting gets the same verdict again."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contract import Verdict
from domain.cross_sell.events import Ping
from domain.cross_sell.features import CrossSellFeatures
from domain.cross_sell.groups import COUNT, GROUPS, MARGINS
from domain.cross_sell.policy import MEMORY_BYTES, NEVER, CrossSellPolicy, Economics
from tests.domain.shopping import START, Happening, checkout, line, ping, profile

POLICY = CrossSellPolicy()
VISIT = 794_311_200  # START, in seconds since 2000
MINUTE = timedelta(minutes=1)


def scores(**likely: float) -> list[float]:
    return [likely.get(group, 0.0) for group in GROUPS]


def facts(start: int = VISIT, bought: tuple[str, ...] = (), opt_out: bool = False) -> dict[str, Any]:
    return {"visit_start": start, "visit_last": start + 900, "bought": sum(1 << GROUPS.index(g) for g in bought), "opt_out": opt_out}


def judged(likely: list[float], event: Ping | None = None, memory: bytes | None = None, **known: Any) -> Verdict:
    return POLICY.judge(likely, event or ping("p"), facts(**known), memory)


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=COUNT, max_size=COUNT),
    st.integers(0, (1 << COUNT) - 1),
    st.booleans(),
    st.integers(VISIT - 10_000, VISIT),
    st.lists(st.integers(0, 200), max_size=40),
)
def test_any_scores_and_any_facts_get_a_verdict(likely: list[float], bought: int, opt_out: bool, start: int, minutes: list[int]) -> None:
    known, memory = {"visit_start": start, "visit_last": start + 900, "bought": bought, "opt_out": opt_out}, None
    for minute in minutes or [0]:
        verdict = POLICY.judge(likely, ping(f"p{minute}", START + minute * MINUTE), known, memory)
        memory = verdict.memory or memory
        offer = verdict.notes["offer"]
        assert (verdict.action, verdict.alert) == (("none", False) if offer is None else ("offer", True))
        assert math.isfinite(verdict.score)
        assert 0 < verdict.threshold <= NEVER
        assert offer is None or not bought >> GROUPS.index(str(offer)) & 1
        assert not (opt_out and offer)
        assert len(memory or b"") <= MEMORY_BYTES


def test_the_offer_is_of_the_group_expected_to_earn_most() -> None:
    verdict = judged(scores(dairy=0.6, deli=0.39))
    assert verdict.notes["offer"] == "deli"
    assert verdict.output == GROUPS.index("deli")
    assert verdict.notes["expected_margin"] == pytest.approx(0.39 * MARGINS[GROUPS.index("deli")])
    assert verdict.score == 0.39


def test_below_the_threshold_there_is_none_and_at_it_there_is() -> None:
    threshold = judged(scores(dairy=0.1)).threshold
    assert threshold == pytest.approx(Economics().offer / MARGINS[GROUPS.index("dairy")])
    assert judged(scores(dairy=math.nextafter(threshold, 0))).action == "none"
    assert judged(scores(dairy=threshold)).action == "offer"


def test_a_dearer_offer_is_made_less_often() -> None:
    dear = CrossSellPolicy(Economics(offer=0.6))
    assert dear.judge(scores(dairy=0.6), ping("p"), facts(), None).action == "none"
    assert judged(scores(dairy=0.6)).action == "offer"


def test_a_group_bought_on_this_visit_is_not_offered() -> None:
    assert judged(scores(dairy=0.9, meat=0.5), bought=("dairy",)).notes["offer"] == "meat"
    everything = judged(scores(dairy=0.9), bought=GROUPS)
    assert (everything.action, everything.threshold) == ("none", NEVER)


def test_who_opted_out_gets_no_offer() -> None:
    verdict = judged(scores(dairy=0.9), opt_out=True)
    assert (verdict.action, verdict.threshold, verdict.memory) == ("none", NEVER, None)


def test_a_visit_gets_one_offer_and_the_next_visit_another() -> None:
    likely = scores(dairy=0.9)
    first = judged(likely, ping("a"))
    again = judged(likely, ping("b", START + MINUTE), first.memory)
    later = judged(likely, ping("c", START + 60 * MINUTE), first.memory, start=VISIT + 3600)
    assert [v.action for v in (first, again, later)] == ["offer", "none", "offer"]
    assert again.threshold == NEVER


def test_a_sighting_that_comes_again_gets_its_offer_again_whatever_the_model_says_now() -> None:
    first = judged(scores(dairy=0.9), ping("a"))
    other = judged(scores(dairy=0.9), ping("c", START + 60 * MINUTE), first.memory, start=VISIT + 3600)
    again = judged(scores(meat=0.9), ping("a"), other.memory, bought=("dairy",))
    assert (again.action, again.notes["offer"], again.memory) == ("offer", "dairy", None)
    assert judged(scores(dairy=0.9), ping("a"), other.memory)[:4] == first[:4]


def test_a_late_sighting_before_the_offer_gets_none() -> None:
    first = judged(scores(dairy=0.9), ping("b", START + 5 * MINUTE))
    assert judged(scores(dairy=0.9), ping("a", START + MINUTE), first.memory).action == "none"


def test_judging_is_pure() -> None:
    memory = judged(scores(dairy=0.9), ping("a")).memory
    assert memory is not None
    kept = bytes(bytearray(memory))
    verdicts = [judged(scores(dairy=0.9), ping("c", START + 60 * MINUTE), memory, start=VISIT + 3600) for _ in range(2)]
    assert (verdicts[0], memory) == (verdicts[1], kept)


def stream(events: list[Happening], likely: list[float]) -> dict[str, set[Any]]:
    """What each sighting was offered, every time that it came."""
    features, state, memory, offers = CrossSellFeatures(), None, None, dict[str, set[Any]]()
    for event in events:
        computed = features.compute(event, state)
        state = computed.state
        if isinstance(event, Ping):
            verdict = POLICY.judge(likely, event, computed.facts, memory)
            memory = verdict.memory or memory
            offers.setdefault(event.id, set()).add(verdict.notes["offer"])
    return offers


def test_repeated_and_late_events_bring_no_second_offer() -> None:
    """Two visits, parted by a checkout; every event may come again, soon or after all others."""
    visits: list[Happening] = []
    for visit in range(2):
        at = START + visit * 15 * MINUTE
        visits += [ping(f"{visit}{i}", at + i * MINUTE, GROUPS[i]) for i in range(8)]
        visits += [line(f"{visit}", at + 4 * MINUTE, "meat"), checkout(f"{visit}", at + 9 * MINUTE)]
    in_order = sorted(visits, key=lambda e: e.event_time)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shuffled = sorted(in_order, key=lambda e: e.event_time + float(rng.uniform(0, 3)) * MINUTE)
        repeated = [e for event in shuffled for e in [event] * int(rng.integers(1, 3))] + in_order
        offers = stream(repeated, scores(dairy=0.9, meat=0.8))
        made = [name for name, found in offers.items() if found != {None}]
        assert sorted(name[0] for name in made) == ["0", "1"], seed
        assert all(len(found) == 1 for found in offers.values()), seed


def test_an_opt_out_counts_from_its_time() -> None:
    out = profile(START + 10 * MINUTE, opt_out=True)
    events: list[Happening] = [profile(START - MINUTE), out, ping("before", START), ping("after", START + 11 * MINUTE)]
    assert stream(events, scores(dairy=0.9)) == {"before": {"dairy"}, "after": {None}}
    assert stream([out, events[3]], scores(dairy=0.9)) == {"after": {None}}
