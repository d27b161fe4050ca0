"""Acts in the database: entered by the sink in their order, whatever comes first, twice, or again from the beginning."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from apps.database import open_database
from apps.records import readers
from apps.sink import Sink
from domain.registry import DOMAINS
from tests.apps import databases
from tests.apps.memory_log import MemoryLog, decision
from tests.models.test_reviews import NOON_US, act

REVIEWS, ALERTS = "fraud.reviews", "fraud.alerts"


class Desk:
    """A sink on a log in memory, and what its database says of alerts and acts."""

    def __init__(self, url: str) -> None:
        self.url, self.log = url, MemoryLog(batch=3)
        self.sink = self._sink()

    def _sink(self) -> Sink:
        ticks = iter(range(0, 10**9, 10))
        return Sink(lambda: open_database(self.url), self.log, readers(list(DOMAINS.values())), lambda _: None, lambda: next(ticks))

    def send(self, *acts: Any) -> None:
        for one in acts:
            self.log.send(REVIEWS, orjson.dumps(one.model_dump(mode="json")))

    def alert(self, number: int) -> None:
        self.log.send(ALERTS, decision(number, alert=True, action="block", reasons=["4.9 times, at 12:30"]))

    def run(self) -> None:
        quiet = 0
        while quiet < 2:
            quiet = 0 if self.sink.step() else quiet + 1

    def again(self) -> None:
        """Read everything again into an empty database."""
        self.sink.close()
        databases.drop_everything(self.url)
        self.sink = self._sink()
        self.run()

    def rows(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        engine = open_database(self.url)
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.exec_driver_sql(f"SELECT {', '.join(names)} FROM {table} ORDER BY 1")]
        engine.dispose()
        return found

    def states(self) -> list[tuple[Any, ...]]:
        return self.rows("alert", "decision_id", "status", "version", "analyst", "changed_us", "verdict", "reason", "note")

    def acts(self) -> list[tuple[Any, ...]]:
        return self.rows("review", "act_id", "what", "accepted", "refusal")


@pytest.fixture
def desk(database_url: str) -> Desk:
    return Desk(database_url)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Desk:
    return Desk(f"sqlite:///{tmp_path / 'polyscore.db'}")


CLOSED = ("t1", "closed", 2, "Ana", NOON_US, "fraud", "a known pattern of fraud", "third today")


def test_an_alert_is_claimed_and_closed_and_another_one_stays_new(desk: Desk) -> None:
    desk.alert(1)
    desk.alert(2)
    desk.send(act("claim", 0), act("close", 1))
    desk.run()
    assert desk.states() == [CLOSED, ("t2", "new", 0, "", 0, "", "", "")]
    assert [bool(row[2]) for row in desk.acts()] == [True, True]


def test_acts_that_come_before_their_alert_are_on_it_when_it_comes(desk: Desk) -> None:
    desk.send(act("claim", 0), act("close", 1))
    desk.run()
    assert desk.states() == []
    desk.alert(1)
    desk.run()
    assert desk.states() == [CLOSED]


def test_an_alert_that_is_decided_again_keeps_what_people_did(desk: Desk) -> None:
    desk.alert(1)
    desk.send(act("claim", 0), act("close", 1))
    desk.run()
    desk.alert(1)
    desk.run()
    assert desk.states() == [CLOSED]


def test_the_second_claim_is_kept_as_refused_with_who_was_first(desk: Desk) -> None:
    desk.alert(1)
    first, second = act("claim", 0), act("claim", 0, "Ben")
    desk.send(first, second)
    desk.run()
    assert desk.states() == [("t1", "in review", 1, "Ana", NOON_US, "", "", "")]
    refused = {row[0]: (bool(row[2]), row[3]) for row in desk.acts()}
    assert refused == {first.act_id: (True, ""), second.act_id: (False, "claimed by Ana at 12:03:10 UTC, 01 Mar 2026")}


def test_an_act_that_stands_twice_on_the_topic_counts_once(desk: Desk) -> None:
    desk.alert(1)
    claim = act("claim", 0)
    desk.send(claim, claim)
    desk.run()
    desk.send(claim, act("close", 1), claim)
    desk.run()
    assert desk.states() == [CLOSED]
    assert [bool(row[2]) for row in desk.acts()] == [True, True]
    assert desk.rows("dead_letter", "topic") == []


def test_everything_read_again_into_an_empty_database_makes_the_same_rows(desk: Desk) -> None:
    story = [
        act(what, version, who, decision_id=f"t{alert}")
        for what in ("claim", "release", "close", "reopen")
        for version in range(3)
        for who in ("Ana", "Ben")
        for alert in (1, 2, 3)
    ]
    rng = random.Random(5)
    rng.shuffle(story)
    for number, one in enumerate(story):
        desk.send(one)
        if number in (10, 40, 60):
            desk.alert(number // 20 + 1)
        if number % 25 == 0:
            desk.run()
    desk.run()
    before = (desk.states(), desk.acts())
    assert len(before[1]) == len(story)
    assert max(row[2] for row in before[0]) > 1
    desk.again()
    assert (desk.states(), desk.acts()) == before


def test_what_is_no_act_is_told_and_the_rest_goes_on(on_sqlite: Desk) -> None:
    on_sqlite.alert(1)
    on_sqlite.log.send(REVIEWS, b"{}")
    on_sqlite.log.send(REVIEWS, act("claim", 0).model_copy(update={"domain": "weather"}).model_dump_json().encode())
    on_sqlite.send(act("claim", 0))
    on_sqlite.run()
    assert on_sqlite.states()[0][1] == "in review"
    assert [row[0] for row in on_sqlite.rows("dead_letter", "topic", '"offset"')] == [REVIEWS, REVIEWS]


def test_alerts_are_alike_by_their_first_reason_without_its_numbers(on_sqlite: Desk) -> None:
    on_sqlite.alert(1)
    on_sqlite.run()
    assert on_sqlite.rows("alert", "likeness") == [("# times, at #",)]
