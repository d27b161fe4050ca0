"""The page Overview: every domain with its worth and its health, and what is wrong in words."""

from __future__ import annotations

from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from apps.database import open_database, upsert
from apps.tables import OutcomesRow
from domain.registry import DOMAINS
from tests.ui.driver import forget, run, said
from tests.ui.filled import fill, fill_loop, name


def change(url: str, *statements: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    forget()


def tiles(page: AppTest) -> str:
    return "".join(e.proto.body for e in page.get("html"))


def test_each_domain_has_its_place_and_one_that_is_not_measured_says_what_measures_it(url: str) -> None:
    fill(url, alerts=5)
    shown = said(run("overview"))
    assert all(f"**{domain.title}**" in shown for domain in DOMAINS.values())
    assert "polyscore stream fraud" not in shown
    assert "polyscore stream maintenance" in shown


def test_a_domains_health_is_seen_at_a_glance(url: str) -> None:
    fill(url, alerts=5)
    fill_loop(url)
    change(url, "UPDATE alert SET status = 'closed' WHERE decision_id = 'd000010'")
    page = run("overview")
    found = tiles(page)
    assert 'payments / s</div><div class="value">50<' in found
    assert 'new alerts</div><div class="value">4<' in found
    assert 'waiting</div><div class="value">29<' in found
    assert f'champion</div><div class="value">{name(2)}<' in found
    assert "data as of 14:13:20 UTC" in said(page)
    assert ":material/warning: drift: amount: PSI 0.90" in said(page)


def test_what_the_decisions_were_worth_is_shown_as_far_as_the_ledger_knows_it(url: str) -> None:
    fill(url, alerts=1)
    assert "`polyscore outcomes` tells" in said(run("overview"))
    engine = open_database(url)
    with engine.begin() as connection:
        upsert(connection, OutcomesRow, [{"domain": "fraud", "end_us": 1, "sums": {"stopped amount": 1234.4, "payments": 9.0}}])
    engine.dispose()
    page = run("overview")
    assert 'stopped amount</div><div class="value">1,234<' in tiles(page)
    assert "`polyscore outcomes` tells" not in said(page)
    assert ">payments<" not in tiles(page), "of the ledger, what people look at first"


def test_a_deadline_that_is_missed_is_said_and_not_only_coloured(url: str) -> None:
    fill(url, alerts=1)
    page = run("overview")
    assert "slower than the deadline" not in said(page)
    fill(url, alerts=1, slower_us=500_000)
    page = run("overview")
    assert "slower than the deadline" in said(page)
    assert '<div class="tile bad"><div class="name">p99, deadline 100.0 ms' in tiles(page)


def test_five_thousand_alerts_are_counted(url: str) -> None:
    fill(url, alerts=5_000)
    assert 'new alerts</div><div class="value">5,000<' in tiles(run("overview"))


def test_the_links_lead_to_the_domains_own_pages(url: str) -> None:
    fill(url, alerts=1)
    links = run("overview").get("page_link")
    assert [link.proto.label for link in links] == ["Live", "Alerts", "Models"]
    assert {link.proto.query_string for link in links} == {"domain=Payment+fraud"}
