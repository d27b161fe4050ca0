"""The page SLA and its arithmetic: budget, burn rate, breaches, and what was promised beside speed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from apps.database import open_database
from apps.tables import OutcomesRow, SlaWindowRow
from domain.registry import DOMAINS
from tests.ui.driver import forget, run, said, table
from tests.ui.filled import NOW_US, fill
from tests.ui.letters import write
from ui import sla_queries
from ui.budget import Breach, Budget, breaches

SECOND = 1_000_000


def window(start_s: int, misses: int = 5, p99_ms: float | None = 150.0, decisions: int = 100, lag: int = 0, version: str = "v1") -> Any:
    start_us = NOW_US + start_s * SECOND
    times = {"start_us": start_us, "end_us": start_us + 2 * SECOND}
    return SimpleNamespace(**times, misses=misses, p99_ms=p99_ms, decisions=decisions, lag=lag, model_version=version)


def test_a_budget_is_what_the_objective_leaves_for_errors() -> None:
    budget = Budget(share=0.99, measured=1_000, misses=4)
    assert budget.allowed == pytest.approx(10)
    assert budget.spent == pytest.approx(0.4)
    assert budget.left == pytest.approx(0.6)
    assert budget.on_time == pytest.approx(0.996)
    assert Budget(share=0.99, measured=100, misses=3).left == pytest.approx(-2.0), "more was spent than there was"
    assert Budget(share=0.99, measured=0, misses=0).left is None


def test_bad_windows_close_to_each_other_are_one_breach_and_the_newest_comes_first() -> None:
    still = window(4, misses=0, p99_ms=None, decisions=0, lag=900, version="")
    found = breaches([window(0), window(2, p99_ms=300.0, version="v2"), still, window(100, misses=1)])
    assert found == [
        Breach(NOW_US + 100 * SECOND, NOW_US + 102 * SECOND, 1, 150.0, 0, False, ("v1",)),
        Breach(NOW_US, NOW_US + 6 * SECOND, 10, 300.0, 900, True, ("v1", "v2")),
    ]
    assert breaches([]) == []


def test_an_empty_database_names_the_commands_that_fill_the_page(url: str) -> None:
    open_database(url).dispose()
    shown = said(run("sla"))
    assert "Nothing to show yet" in shown
    assert all(command in shown for command in ("polyscore monitor", "polyscore stream fraud", "polyscore simulate fraud"))


def test_the_page_states_the_objective_the_budget_and_the_days_history(url: str) -> None:
    fill(url, alerts=1)
    page = run("sla")
    shown = said(page)
    assert "data as of 14:13:20 UTC" in shown
    assert "**99.9 %** of all payments are decided, for whoever reads the decisions, within **100 ms**" in shown
    assert "domain/fraud/__init__.py" in shown
    assert '<div class="name">late allowed</div><div class="value">3</div>' in shown, "a thousandth of 3,000"
    assert '<div class="name">budget left</div><div class="value">100.0%</div>' in shown
    assert "none in this day" in shown
    assert len(page.get("vega_lite_chart")) == 2


def test_a_spent_budget_and_its_breaches_are_shown(url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url)
    with engine.begin() as connection:
        late = f"UPDATE sla_window SET misses = 6, p99_ms = 180.5 WHERE end_us > {NOW_US - 5 * SECOND}"
        connection.execute(text(late))
    engine.dispose()
    page = run("sla")
    mark = '<span class="mark">&#9888; look</span>'
    assert f'<div class="tile bad"><div class="name">budget left {mark}</div><div class="value">-500.0%' in said(page)
    (breach,) = table(page, "worst p99").to_dict("records")
    assert (breach["what"], breach["late"], breach["worst p99"], breach["for"]) == ("too slow", "18", "180.5 ms", "6 s")


def test_a_minute_that_spends_the_budget_a_little_too_fast_is_no_breach_and_no_reason_for_a_tick(url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE sla_window SET misses = 9 WHERE end_us = {NOW_US}"))  # of 3,000, three times what is allowed
    engine.dispose()
    shown = said(run("sla"))
    assert "no minute was that fast: the budget went slowly" in shown
    assert ":material/check_circle: none in this day" not in shown


def test_a_scorer_that_stands_still_is_a_breach(url: str) -> None:
    fill(url, alerts=1)
    still = window(2, misses=0, p99_ms=None, decisions=0, lag=900, version="")
    names = SlaWindowRow.model_fields
    row = dict.fromkeys(names) | vars(still) | {"domain": "fraud", "format": "", "measured": 0, "throughput": 0.0}
    write(url, SlaWindowRow, [row | {"deadline_ms": 100.0, "actions": {}, "histogram": ""}])
    (breach,) = table(run("sla"), "worst p99").to_dict("records")
    assert (breach["what"], breach["most waiting"], breach["model"]) == ("stood still", "900", "none decided")


def test_windows_older_than_a_day_are_no_part_of_the_budget(url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url, read_only=True)
    assert sla_queries.spent(engine, "fraud", NOW_US - 60 * SECOND) == (3_000, 0)
    assert sla_queries.spent(engine, "fraud", NOW_US - 4 * SECOND) == (200, 0)
    ends = sla_queries.stretches(engine, "fraud", NOW_US - 60 * SECOND, 20 * SECOND)
    assert [(row.number * 20 * SECOND - NOW_US, row.measured) for row in ends][-2:] == [(-20 * SECOND, 1_000), (0, 100)]
    engine.dispose()


@pytest.mark.parametrize(("name", "kept", "words"), [
    ("cross_sell", 96.0, "kept: Offers before the shopper left: **96.0%** of 100"),
    ("cross_sell", 90.0, "**missed**: Offers before the shopper left: **90.0%** of 100"),
    ("maintenance", 95.0, "kept: Failures with an order in time: **95.0%** of 100"),
])  # fmt: skip
def test_what_the_business_was_promised_stands_beside_the_deadline(name: str, kept: float, words: str, url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sla_window SET domain = :name"), {"name": name})
    engine.dispose()
    (promise,) = DOMAINS[name].promises
    assert "nothing is known of it yet" in said(run("sla", domain=DOMAINS[name].title))
    write(url, OutcomesRow, [{"domain": name, "end_us": 1, "sums": {promise.of: 100.0, promise.kept: kept}}])
    forget()
    page = run("sla", domain=DOMAINS[name].title)
    assert words in said(page)
