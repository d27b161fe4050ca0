"""Scorers are killed while they decide, the broker is stopped hard: each payment keeps its decision, its row, its features."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from apps import process
from apps.settings import Guarantee, Settings
from domain.registry import DOMAINS
from tests.system.incarnations import Decisions, Incarnations, as_row, bits_of, now_us, one_after, running, stored
from tests.system.processes import read_topic, until
from tests.system.source import Flow, emissions, expected_rows

pytestmark = pytest.mark.system
FRAUD = DOMAINS["fraud"]
KILLS = 5
# More than a test takes. At 100 payments and 0.6 days a second, days of event time lie between two commits of a backlog,
# and its partitions, which so few customers fill unequally, come to be months apart.
PAYMENTS, DAYS, SECONDS = 36_000, 210.0, 360.0


@pytest.mark.timeout(480)
@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_every_payment_keeps_its_decision_its_row_and_its_features_through_kills_and_a_broker_crash(
    guarantee: Guarantee, fresh_broker: Any, bundle: Path
) -> None:
    settings: Settings = fresh_broker.settings
    rng = np.random.default_rng(11)
    history = emissions(PAYMENTS, seed=3, customers=60, days=DAYS)
    with (
        Flow(settings, history, SECONDS) as flow,
        running("sink", settings) as sink,
        Incarnations(settings, FRAUD, bundle, guarantee) as scorers,
    ):
        for _ in range(KILLS):
            scorers.until(one_after(scorers.began_us[-1]))
            time.sleep(float(rng.uniform(0.0, 1.0)))  # a random moment while it decides
            flow.must_go_on()
            scorers.process.kill_hard()
            scorers.again()
        scorers.until(one_after(scorers.began_us[-1]))
        scorers.until(one_after(now_us() + int(1e6 * process.WORKED)))  # it has had a Kafka for so long that it waits for it
        flow.must_go_on()
        fresh_broker.crash_and_restart()
        scorers.until(one_after(now_us()))
        flow.must_go_on()
        rows = expected_rows(flow.stop())
        scorers.until(lambda made: {d["decision_id"] for d in made} >= set(rows))
        assert scorers.process.stop() == 0, scorers.process.output()
        decisions: Decisions = [orjson.loads(m.value()) for m in read_topic(settings, FRAUD.decisions_topic)]
        scorers.look()
        _check(decisions, rows, guarantee)
        _check_that_the_kills_hit(scorers)
        until(lambda: stored(settings) == (len(rows), len(rows)), sink)
        assert sink.stop() == 0
    assert stored(settings) == (len(rows), len(rows))


def _check(decisions: Decisions, rows: dict[str, list[float]], guarantee: Guarantee) -> None:
    seen = Counter(d["decision_id"] for d in decisions)
    assert set(seen) == set(rows), f"{len(set(rows) - set(seen))} payments without a decision"
    if guarantee == "exactly-once":
        assert max(seen.values()) == 1, f"{sum(n > 1 for n in seen.values())} payments decided more than once"
    differing = [d["decision_id"] for d in decisions if as_row(d) != bits_of(rows[d["decision_id"]])]
    assert not differing, f"{len(differing)} of {len(decisions)} rows differ from an undisturbed run, first {differing[:3]}"


def _check_that_the_kills_hit(scorers: Incarnations) -> None:
    """Each incarnation had decided something, and of what they decided not all was committed when they were killed."""
    numbers = scorers.by_number()
    assert all(numbers[i] > 0 for i in range(KILLS + 1)), f"some were killed before they decided anything: {numbers}"
    assert len(scorers.began_us) == KILLS + 1, "a scorer ended that nobody had killed"
    output = scorers.process.output()  # of all of them: each began, and began once more where it lost Kafka
    assert output.count("scoring fraud.payments") == len(scorers.began_us) + output.count("this scorer begins again")
    again = len(scorers.made) - len({d["decision_id"] for d in scorers.made})
    assert again > 0, "no kill hit a decision that was not committed"
