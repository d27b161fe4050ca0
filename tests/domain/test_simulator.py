"""The simulated world is repeatable, in order, and as faulty as a real stream."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

import numpy as np

from domain.contract import Emission, MalformedEvent
from domain.fraud.events import Label, Payment, parse_payment
from domain.fraud.features import CATEGORIES
from domain.fraud.simulator import LARGE, PERFECT, Imperfections, simulate
from domain.simulating import by_time

START = datetime(2025, 3, 3, tzinfo=UTC)


@cache
def run() -> tuple[Emission, ...]:
    return tuple(simulate(3, START, customers=400, terminals=800, days=30, imperfections=Imperfections(malformed=0.01)))


def payments() -> list[Payment]:
    return [e.value for e in run() if isinstance(e.value, Payment)]


def labels() -> list[Label]:
    return [e.value for e in run() if isinstance(e.value, Label)]


def test_the_same_seed_gives_the_same_messages_and_another_world_has_other_ids() -> None:
    assert list(islice(simulate(3, START, customers=50, terminals=60), 500)) == list(
        islice(simulate(3, START, customers=50, terminals=60), 500)
    )
    ids = [{e.value.id for e in simulate(seed, START, customers=50, terminals=n, days=2)} for seed, n in ((3, 60), (4, 60), (3, 61))]
    assert not ids[0] & ids[1]
    assert not ids[0] & ids[2]


def test_messages_come_in_the_order_of_their_sending() -> None:
    moments = [e.at for e in run()]
    assert moments == sorted(moments)
    assert all(e.key == e.value.key for e in run() if not isinstance(e.value, bytes))


def test_frauds_are_rare_and_of_the_three_published_kinds() -> None:
    fraud = {x.transaction_id for x in labels() if x.fraud}
    share = len(fraud) / len({x.transaction_id for x in labels()})
    assert 0.002 < share < 0.05
    assert all(p.id in fraud for p in payments() if p.amount > LARGE and p.event_time < START + timedelta(days=20))
    by_terminal = Counter(p.terminal_id for p in payments() if p.id in fraud and p.amount <= LARGE)
    assert by_terminal.most_common(1)[0][1] >= 5, "no terminal is compromised"
    spent: dict[str, list[float]] = {}
    for p in payments():
        spent.setdefault(p.customer_id, []).append(p.amount)
    ratios = [p.amount / np.median(spent[p.customer_id]) for p in payments() if p.id in fraud and by_terminal[p.terminal_id] < 2]
    assert np.median(ratios) > 2.5, "no card is leaked"


def test_labels_come_seven_days_after_their_payment_or_later() -> None:
    delays = [x.event_time - x.payment_time for x in labels()]
    assert min(delays) == timedelta(days=7)
    assert max(delays) > timedelta(days=7, hours=6)


def test_a_real_streams_faults_are_there() -> None:
    ids = Counter(p.id for p in payments())
    assert any(count > 1 for count in ids.values())
    assert any(e.at - e.value.event_time > timedelta(minutes=5) for e in run() if isinstance(e.value, Payment))
    categories = Counter(p.merchant_category for p in payments())
    assert categories[None]
    assert set(categories) - {None, *CATEGORIES}
    codes = set()
    for emission in run():
        if isinstance(emission.value, bytes):
            try:
                parse_payment(emission.value)
            except MalformedEvent as error:
                codes.add(error.code)
    assert codes == {"not-json", "unknown-field"}


def test_a_perfect_world_has_none_of_them() -> None:
    found = list(simulate(3, START, customers=100, terminals=100, days=10, imperfections=PERFECT))
    events = [e for e in found if e.stream == "events"]
    assert len({e.value.id for e in events}) == len(events)
    assert all(e.at == e.value.event_time and e.value.merchant_category in CATEGORIES for e in events)


def test_it_does_not_end_by_itself() -> None:
    assert len(list(islice(simulate(1, START, customers=20, terminals=20), 20_000))) == 20_000


def test_what_is_due_at_a_stretchs_end_waits_for_the_next_and_of_one_moment_what_was_made_first_goes_first() -> None:
    def made(*offsets: int) -> list[Emission]:
        return [Emission(START + timedelta(hours=h), "events", f"{h}", number) for number, h in enumerate(offsets)]

    days = [(made(5, 24, 3, 5, 30), START + timedelta(hours=24)), (made(24, 26, 60), START + timedelta(hours=48))]
    found = [(int(e.key), e.value) for e in by_time(days)]
    assert found == [(3, 2), (5, 0), (5, 3), (24, 1), (24, 0), (26, 1), (30, 4)], "60 comes after the last end"
