"""What the page Models asks, of both kinds of database: measures lie within JSON columns, which each kind reads in its own way."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from apps.database import open_database
from domain.registry import DOMAINS
from tests.ui.filled import FRAUD, HEADLINE, fill, fill_loop, name
from ui import model_queries as asked
from ui import queries


@pytest.mark.timeout(120)
def test_both_kinds_of_database_give_the_same_answers(database_url: str) -> None:
    fill(database_url, alerts=3)
    fill_loop(database_url)
    engine = open_database(database_url, read_only=True)
    assert asked.headline(engine, FRAUD) == (HEADLINE, False)
    assert [(row.version, row.value) for row in asked.versions(engine, "fraud", HEADLINE)][:2] == [(name(2), 0.502), (name(1), 0.501)]
    days = asked.quality(engine, "fraud", HEADLINE)
    assert {row.value for row in days if row.day == date(2026, 8, 1)} == {None}
    assert {round(row.value, 3) for row in days if row.day == date(2026, 8, 3)} == {0.621, 0.622}
    assert days[0].day == date(2026, 8, 12)
    week = asked.drift(engine, "fraud", name(2))
    assert (len(week), week[0].name, week[0].psi) == (len(FRAUD.schema), FRAUD.schema.names[3], 0.9)
    said = asked.alarm(engine, "fraud", name(2))
    assert said is not None
    assert said.what == "drift"
    assert [pair.both for pair in asked.pairs(engine, "fraud", name(2))] == [10_000]
    assert queries.new_alerts(engine, "fraud") == 3
    engine.dispose()


def test_a_report_of_before_that_names_no_headline_has_the_domains_own(database_url: str) -> None:
    fill(database_url, alerts=1)
    engine = open_database(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE model SET report = '{}'"))
    assert asked.headline(engine, FRAUD) == ("average_precision", False)
    assert asked.headline(engine, DOMAINS["maintenance"]) == ("rmse", True), "no model at all"
    assert asked.standing(engine, "maintenance") is None
    engine.dispose()
