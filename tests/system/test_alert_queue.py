"""An alert's whole way on a real Kafka, in a real Chromium: it appears, is claimed and closed, and the verdict stands on the right id."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from apps import reviews
from apps.database import open_database
from apps.kafka import producer_config
from apps.settings import Settings
from apps.topics import METRICS
from domain.contract import Closing
from domain.registry import DOMAINS
from models.reviews import What
from tests.apps.memory_log import decision
from tests.system.browsing import address, answers, press, says
from tests.system.conftest import Broker, make_anew
from tests.system.processes import Process, read_topic, start, until
from ui.picture import SIZE, chromium

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
FRAUD = DOMAINS["fraud"]
CONFIRMED = FRAUD.closings[1]
STATES = "SELECT decision_id, status, version, analyst, verdict, reason, note FROM alert WHERE decision_id > 't1' ORDER BY 1"
REFUSED = "SELECT refusal FROM review WHERE decision_id = 't1' AND NOT accepted"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(shared_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    make_anew(shared_broker.settings)
    home = tmp_path_factory.mktemp("home")
    return shared_broker.settings.model_copy(update={"home": home, "database_url": f"sqlite:///{home / 'p.db'}"})


@pytest.fixture(scope="module")
def processes(settings: Settings) -> Iterator[dict[str, Process]]:
    send(settings, 1, 2, 3)  # the first is the race's, the others are for the browsers
    found = {name: start(name, *words, settings=settings) for name, words in {"sink": (), "outcomes": (), "ui": ("--port", "0")}.items()}
    until(lambda: answers(found["ui"]), found["ui"], running=True)
    until(lambda: rows(settings, "SELECT 1 FROM alert WHERE decision_id = 't3'"), found["sink"], running=True)
    yield found
    assert [process.stop() for process in found.values()] == [0] * len(found)


def send(settings: Settings, *numbers: int) -> None:
    """Payments that were blocked, the first of them the oldest."""
    producer, context = Producer(producer_config(settings)), {"amount": 12.5, "terminal_id": "t9", "merchant_category": None}
    for number in numbers:
        decided_us = time.time_ns() // 1000 + number  # the sink forgets what is months old
        body = decision(number, alert=True, action="block", reasons=["far from home"], context=context, decided_us=decided_us)
        for topic in (FRAUD.decisions_topic, FRAUD.alerts_topic):
            producer.produce(topic, body, key="c1")
    assert producer.flush(30) == 0


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    if not Path(settings.database_url.removeprefix("sqlite:///")).exists():
        return []
    engine = open_database(settings.database)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def analyst(browser: Browser, name: str, url: str) -> Page:
    """A page of a browser of their own, once they have said who they are."""
    page = browser.new_context(viewport=SIZE).new_page()  # type: ignore[arg-type]  # a TypedDict
    page.goto(url)
    says(page, "Write your name", within=60)  # the last that is drawn
    page.get_by_label("Your name").fill(name)
    expect(page.get_by_label("Your name")).to_have_value(name)
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text("Write your name")).to_have_count(0, timeout=30_000)
    return page


def press_id(page: Page, place: int) -> None:
    """The id of the alert in this place of the list."""
    table = page.get_by_test_id("stDataFrame").first
    table.locator("canvas").first.wait_for(timeout=30_000)
    table.click(position={"x": 20, "y": 35 * place + 52})  # it is drawn on a canvas: rows are 35 pixels high, below a line of names


def test_an_alert_is_claimed_and_closed_in_the_browser_while_others_come_and_a_second_analyst_is_told(
    settings: Settings, processes: dict[str, Process]
) -> None:
    with chromium() as browser:
        ana = analyst(browser, "Ana", f"{address(processes['ui'])}/alerts")
        says(ana, "3 of 3 alerts")
        press_id(ana, 1)
        expect(ana).to_have_url(re.compile(r"[?&]alert=t2(&|$)"), timeout=30_000)
        ben = analyst(browser, "Ben", ana.url)
        expect(ben.get_by_role("button", name="Claim t2", exact=True)).to_be_visible(timeout=30_000)

        press(ana, "Claim t2")
        says(ana, "Accepted: t2 is claimed")
        says(ben, r"Since you opened it this alert was claimed by Ana at \d\d:\d\d:\d\d")
        press(ben, "Claim t2")
        says(ben, r"nothing was overwritten: t2 was claimed by Ana at \d\d:\d\d:\d\d")

        ana.get_by_label("Note").press_sequentially("their card was ")
        for number in (4, 5, 6):
            send(settings, number)
            press_refresh(ana)
            says(ana, f"{number} of {number} alerts")
            expect(ana.get_by_label("Note")).to_have_value("their card was ")
            expect(ana).to_have_url(re.compile(r"[?&]alert=t2(&|$)"))
        ana.get_by_label("Note").press_sequentially("copied")
        press_id(ana, 0)
        expect(ana).to_have_url(re.compile(r"[?&]alert=t6(&|$)"), timeout=30_000)
        expect(ana.get_by_label("Note")).to_have_count(0, timeout=30_000)
        press_id(ana, 4)
        expect(ana).to_have_url(re.compile(r"[?&]alert=t2(&|$)"), timeout=30_000)
        expect(ana.get_by_label("Note")).to_have_value("their card was copied", timeout=30_000)
        ana.get_by_label("What is it?").click()
        ana.get_by_role("option", name=f"{CONFIRMED.verdict}: {CONFIRMED.reason}").click()
        press(ana, "Close t2")
        says(ana, "Accepted: t2 is closed")
        says(ben, "this alert was closed by Ana")

    found = rows(settings, STATES)
    closed = ("t2", "closed", 2, "Ana", CONFIRMED.verdict, CONFIRMED.reason, "their card was copied")
    assert found == [closed, *((f"t{number}", "new", 0, "", "", "", "") for number in (3, 4, 5, 6))]
    until(lambda: labels(settings, but="t1"), processes["outcomes"], running=True)
    assert labels(settings, but="t1") == [("t2", "chargeback", "analyst")]


def press_refresh(page: Page) -> None:
    page.get_by_role("button", name=re.compile("1 new alerts?.*refresh")).click(timeout=30_000)


def labels(settings: Settings, but: str) -> list[tuple[str, str, str]]:
    found = [json.loads(message.value()) for message in read_topic(settings, FRAUD.labels_topic)]
    return [(label["transaction_id"], label["verdict"], label["source"]) for label in found if label["transaction_id"] != but]


def test_of_two_who_act_at_one_moment_the_first_on_the_topic_wins_and_only_its_verdict_is_a_label_once(
    settings: Settings, processes: dict[str, Process]
) -> None:
    with open_database(settings.database).connect() as connection:
        alert = connection.execute(text("SELECT context FROM alert WHERE decision_id = 't1'"))
        fields = {"decision_id": "t1", "key": "c1", "event_time": AT, "decided_us": 0, "context": json.loads(alert.scalar_one())}

    def act(who: str, what: What, version: int, closing: Closing | None = None) -> reviews.Act:
        return reviews.act(FRAUD, SimpleNamespace(**fields, version=version), who, what, 60_000_000, closing=closing)

    story = [act("Cleo", "claim", 0), act("Dan", "claim", 0), act("Dan", "close", 1, FRAUD.closings[2]), act("Cleo", "close", 1, CONFIRMED)]
    for one in story:
        reviews.publish(settings, one)
    accepted = "SELECT analyst, what FROM review WHERE decision_id = 't1' AND accepted ORDER BY version"
    until(lambda: rows(settings, accepted) == [("Cleo", "claim"), ("Cleo", "close")], processes["sink"], running=True)
    until(lambda: labels(settings, but="t2"), processes["outcomes"], running=True)

    for _ in range(2):
        assert processes["outcomes"].stop() == 0
        told = len(read_topic(settings, METRICS))
        processes["outcomes"] = processes["outcomes"].again()
        until(lambda told=told: len(read_topic(settings, METRICS)) > told, processes["outcomes"], running=True)  # it has read all there is
    assert labels(settings, but="t2") == [("t1", "chargeback", "analyst")]
    why = [refusal.partition(" at ")[0] for (refusal,) in rows(settings, REFUSED)]
    assert why == ["claimed by Cleo"] * 2
