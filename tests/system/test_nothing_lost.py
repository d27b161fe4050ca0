"""Scorers are killed while they decide, the broker is stopped hard: each payment keeps its decision, its row, its features."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from sqlalchemy import text

from apps.database import open_database
from apps.partitions import Partition, read_to_end
from apps.settings import Guarantee, Settings
from domain.registry import DOMAINS
from tests.system.processes import Process, read_topic, start, until
from tests.system.source import Flow, emissions, expected_rows

pytestmark = pytest.mark.system
FRAUD = DOMAINS["fraud"]
KILLS = 5
# More than a test takes. At 100 payments and 0.6 days a second, days of event time lie between two commits of a backlog,
# and its partitions, which so few customers fill unequally, come to be months apart.
PAYMENTS, DAYS, SECONDS = 36_000, 210.0, 360.0
Decisions = list[dict[str, Any]]


class Incarnations:
    """One scorer after another, each killed or gone before the next. The time on a decision says which of them made it."""

    def __init__(self, settings: Settings, bundle: Path, guarantee: Guarantee) -> None:
        self._settings, self.began_us = settings, [_now_us()]
        self.process = start("stream", "fraud", "--model", str(bundle), "--guarantee", guarantee, settings=settings)
        self._read: dict[Partition, int] = {}
        self.made: Decisions = []  # by all of them, committed or not

    def __enter__(self) -> Incarnations:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.alive():
            self.process.kill_hard()

    def again(self) -> None:
        self.began_us.append(_now_us())
        self.process = self.process.again()

    def look(self) -> None:
        """Take in what was decided since the last look."""
        for message in read_to_end(self._settings, FRAUD.decisions_topic, self._read, **{"isolation.level": "read_uncommitted"}):
            self._read[message.topic(), message.partition()] = message.offset() + 1
            self.made.append(orjson.loads(message.value() or b""))

    def until(self, condition: Callable[[Decisions], bool], *, supervised: bool = False) -> None:
        """Wait until what was made is enough; ``supervised``: a scorer that gives up is started again."""

        def enough() -> bool:
            if supervised and not self.process.alive():
                self.again()
            assert self.process.alive(), self.process.output()
            self.look()
            return condition(self.made)

        until(enough, self.process)

    def by_number(self) -> Counter[int]:
        """How many decisions each incarnation made."""
        return Counter(int(np.searchsorted(self.began_us, d["decided_us"])) - 1 for d in self.made)


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
        Incarnations(settings, bundle, guarantee) as scorers,
    ):
        for _ in range(KILLS):
            scorers.until(one_after(scorers.began_us[-1]))
            time.sleep(float(rng.uniform(0.0, 1.0)))  # a random moment while it decides
            flow.must_go_on()
            scorers.process.kill_hard()
            scorers.again()
        scorers.until(one_after(scorers.began_us[-1]))
        flow.must_go_on()
        fresh_broker.crash_and_restart()
        scorers.until(one_after(_now_us()), supervised=True)
        flow.must_go_on()
        rows = expected_rows(flow.stop())
        scorers.until(lambda made: {d["decision_id"] for d in made} >= set(rows), supervised=True)
        assert scorers.process.stop() == 0, scorers.process.output()
        decisions: Decisions = [orjson.loads(m.value()) for m in read_topic(settings, FRAUD.decisions_topic)]
        scorers.look()
        _check(decisions, rows, guarantee)
        _check_that_the_kills_hit(scorers)
        until(lambda: _stored(settings) == (len(rows), len(rows)), sink)
        assert sink.stop() == 0
    assert _stored(settings) == (len(rows), len(rows))


def _check(decisions: Decisions, rows: dict[str, list[float]], guarantee: Guarantee) -> None:
    seen = Counter(d["decision_id"] for d in decisions)
    assert set(seen) == set(rows), f"{len(set(rows) - set(seen))} payments without a decision"
    if guarantee == "exactly-once":
        assert max(seen.values()) == 1, f"{sum(n > 1 for n in seen.values())} payments decided more than once"
    differing = [d["decision_id"] for d in decisions if _as_row(d) != _bits(rows[d["decision_id"]])]
    assert not differing, f"{len(differing)} of {len(decisions)} rows differ from an undisturbed run, first {differing[:3]}"


def _check_that_the_kills_hit(scorers: Incarnations) -> None:
    """Each incarnation had decided something, and of what they decided not all was committed when they were killed."""
    numbers = scorers.by_number()
    assert all(numbers[i] > 0 for i in range(KILLS + 1)), f"some were killed before they decided anything: {numbers}"
    assert scorers.process.output().count("scoring fraud.payments") == len(scorers.began_us)
    again = len(scorers.made) - len({d["decision_id"] for d in scorers.made})
    assert again > 0, "no kill hit a decision that was not committed"


def _as_row(decision: dict[str, Any]) -> bytes:
    return _bits([float("nan") if value is None else value for value in decision["features"]])


def _bits(row: list[float]) -> bytes:
    return np.array(row, dtype="<f8").tobytes()


def _stored(settings: Settings) -> tuple[int, int]:
    """Rows of the decision table, and distinct ids among them."""
    engine = open_database(settings.database)
    with engine.connect() as connection:
        rows, ids = connection.execute(text("SELECT count(*), count(DISTINCT decision_id) FROM decision")).one()
    engine.dispose()
    return int(rows), int(ids)


@contextmanager
def running(command: str, settings: Settings) -> Iterator[Process]:
    """A process that does not outlive the test."""
    process = start(command, settings=settings)
    try:
        yield process
    finally:
        if process.alive():
            process.kill_hard()


def one_after(moment_us: int) -> Callable[[Decisions], bool]:
    return lambda made: any(d["decided_us"] > moment_us for d in reversed(made))


def _now_us() -> int:
    return time.time_ns() // 1000
