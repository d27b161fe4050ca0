"""The simulated stores: the same seed the same world, in order, with a real stream's faults, and with something to learn."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cache
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pytest

from domain.contract import Emission, MalformedEvent
from domain.cross_sell import CROSS_SELL
from domain.cross_sell.events import Checkout, Label, Ping, Profile, Purchase, parse_event
from domain.cross_sell.groups import GROUPS, ZONES
from domain.cross_sell.simulator import LABELLED, PERFECT, Imperfections, simulate
from models import protocol, report
from models.dataset import replay
from tests.domain.shopping import START


@cache
def run() -> tuple[Emission, ...]:
    return tuple(simulate(3, START, shoppers=120, stores=3, days=25, imperfections=Imperfections(malformed=0.01)))


def of(kind: type) -> list[Any]:
    return [e.value for e in run() if isinstance(e.value, kind)]


def test_the_same_seed_gives_the_same_messages_and_another_world_has_other_ids() -> None:
    first, second = (list(islice(simulate(3, START, shoppers=30, stores=2), 500)) for _ in range(2))
    assert first == second
    ids = [{e.value.id for e in simulate(seed, START, shoppers=n, stores=2, days=3)} for seed, n in ((3, 30), (4, 30), (3, 31))]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]


def test_profiles_come_first_then_messages_in_the_order_of_their_sending() -> None:
    moments = [e.at for e in run()]
    assert moments == sorted(moments)
    assert all(e.key == e.value.key for e in run() if not isinstance(e.value, bytes))
    streams = [e.stream for e in run()]
    assert set(streams) == {"events", "labels", *CROSS_SELL.changelogs}
    assert "profiles" not in streams[len(of(Profile)) :]
    assert 0.7 < len(of(Profile)) / 120 < 0.95


def test_a_visit_goes_from_the_entrance_to_a_checkout_and_buys_on_the_way() -> None:
    found = [e.value for e in simulate(3, START, shoppers=20, stores=1, days=20, imperfections=PERFECT) if e.stream == "events"]
    by_shopper: dict[str, list[Any]] = {}
    for event in found:
        by_shopper.setdefault(event.key, []).append(event)
    for events in by_shopper.values():
        assert isinstance(events[0], Ping)
        assert events[0].zone == "entrance"
        for before, after in pairwise(events):
            if isinstance(before, Checkout):
                assert isinstance(after, Ping)
                assert after.zone == "entrance"
            if isinstance(after, Purchase) and isinstance(before, Ping):
                assert after.group == before.zone
    assert {e.zone for e in found if isinstance(e, Ping)} == set(ZONES) - {"promotion"}


def test_labels_tell_of_some_pings_of_each_visit_a_week_after_it() -> None:
    labels = {x.ping_id: x for x in of(Label)}
    pings = {p.ping_id: p for p in of(Ping)}
    assert set(labels) <= set(pings)
    visits = Counter((x.shopper_id, x.visit_start) for x in labels.values())
    assert max(visits.values()) == LABELLED
    assert all(x.event_time >= x.visit_end + timedelta(days=7) for x in labels.values())
    assert all(x.visit_start <= x.ping_time == pings[x.ping_id].event_time <= x.visit_end for x in labels.values())


def test_a_label_tells_what_was_bought_on_the_visit_and_in_the_week_after() -> None:
    found = list(simulate(3, START, shoppers=20, stores=1, days=25, imperfections=PERFECT))
    lines = [e.value for e in found if isinstance(e.value, Purchase)]
    labels = [e.value for e in found if isinstance(e.value, Label)]
    for x in labels:
        first: dict[str, object] = {}
        for e in lines:
            if e.shopper_id == x.shopper_id and x.visit_start <= e.event_time <= x.visit_end + timedelta(days=7):
                first.setdefault(e.group, e.event_time)
        assert {b.group: b.at for b in x.bought} == first
    assert any(b.at > x.visit_end for x in labels for b in x.bought)


def test_a_real_streams_faults_are_there() -> None:
    assert max(Counter(p.id for p in of(Ping)).values()) > 1
    assert any(e.at - e.value.event_time > timedelta(minutes=2) for e in run() if e.stream == "events" and not isinstance(e.value, bytes))
    zones, groups = Counter(p.zone for p in of(Ping)), Counter(p.group for p in of(Purchase))
    assert zones[None]
    assert set(zones) - {None, *ZONES}
    assert groups[None]
    assert any(p.dwell_seconds is None for p in of(Ping))
    codes = set()
    for emission in run():
        if isinstance(emission.value, bytes):
            with pytest.raises(MalformedEvent) as refused:
                parse_event(emission.value)
            codes.add(refused.value.code)
    assert codes == {"not-json", "unknown-field", "out-of-range"}


def test_a_perfect_world_has_none_of_them() -> None:
    found = list(simulate(3, START, shoppers=50, stores=2, days=10, imperfections=PERFECT))
    events = [e for e in found if e.stream == "events"]
    assert len({e.value.id for e in events}) == len(events)
    assert all(e.at == e.value.event_time for e in events)
    assert len([e for e in found if e.stream == "profiles"]) == 50


def test_it_does_not_end_by_itself() -> None:
    assert len(list(islice(simulate(1, START, shoppers=5, stores=1), 5_000))) == 5_000


def test_every_group_is_bought_and_none_by_all_alike() -> None:
    shares = Counter(p.group for p in of(Purchase))
    assert set(GROUPS) <= set(shares)
    assert max(shares[g] for g in GROUPS) / sum(shares.values()) < 0.2
    favourites = {key: Counter(p.group for p in of(Purchase) if p.key == key).most_common(1)[0][0] for key in {p.key for p in of(Purchase)}}
    assert len(set(favourites.values())) > 6


def test_the_model_beats_both_baselines_and_does_not_know_it_all() -> None:
    learning = CROSS_SELL.learning()
    data = replay(CROSS_SELL, simulate(5, START, shoppers=200, stores=3, days=learning.history_days))
    fold = protocol.parts(data, learning)[-1]
    train, test = data.chosen(fold.train), data.chosen(fold.test)
    scores = report.answers({"": report.fit(learning.recipe, train, CROSS_SELL.schema)}, test.x)
    ours, theirs = learning.judge(test, scores), learning.baselines(train, test)
    assert set(theirs) == {"popularity", "household favourite"}
    assert ours["hit@1"] > 1.5 * max(m["hit@1"] for m in theirs.values())
    assert ours["log_loss"] < min(m["log_loss"] for m in theirs.values())
    assert ours["hit@1"] < 0.85
    assert np.allclose(scores.sum(axis=1), 1.0)
