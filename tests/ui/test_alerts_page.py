"""The page *Alerts* as analysts use it: a list that stands still, acts that go out and come back, and who was first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from apps import reviewed, reviews
from apps.database import open_database
from apps.errors import BrokerError
from apps.records import readers
from apps.settings import Settings
from domain.fraud.events import parse_label
from domain.registry import DOMAINS
from models.reviews import Act
from tests.apps.memory_log import Stored
from tests.ui.driver import run, said, table
from tests.ui.filled import NOW_US, fill
from ui import alert_acts

READ = readers([DOMAINS["fraud"]])["fraud.reviews"]
NEWEST = "d000040"  # of five


def write(url: str, change: Callable[[Any], Any]) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        change(connection)
    engine.dispose()


def sql(url: str, statement: str) -> None:
    write(url, lambda connection: connection.execute(text(statement)))


class Kafka:
    """Takes acts, and is read by a sink at once; or not, where that is ``slow``."""

    def __init__(self, url: str) -> None:
        self.url, self.acts, self.slow = url, list[Act](), False
        self.before: list[Act] = []  # what others send a moment before

    def publish(self, settings: Settings, act: Act) -> None:
        for one in (*self.before, act):
            self.acts.append(one)
            record = READ(Stored(("fraud.reviews", 0), len(self.acts), one.model_dump_json().encode(), ()))
            if record is not None and not self.slow:
                write(self.url, lambda connection, row=record.row: reviewed.enter(connection, [row], []))


@pytest.fixture
def kafka(url: str, monkeypatch: pytest.MonkeyPatch) -> Kafka:
    fill(url, alerts=5)
    found = Kafka(url)
    monkeypatch.setattr(reviews, "publish", found.publish)
    return found


def opened(who: str = "Ana", **address: str) -> AppTest:
    return run("alerts", **address).text_input(key="analyst").set_value(who).run()


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception, page.exception
    return page


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def listed(page: AppTest) -> list[str]:
    return list(table(page, "first reason")["alert"])


def close(page: AppTest, reason: int = 0, note: str = "") -> AppTest:
    next(box for box in page.selectbox if box.label == "What is it?").set_value(DOMAINS["fraud"].closings[reason])
    page.text_area[0].set_value(note)
    return press(page, f"Close {NEWEST}")


def test_an_alert_is_claimed_and_closed_and_its_history_is_shown(kafka: Kafka) -> None:
    page = press(opened(), f"Claim {NEWEST}")
    assert f"Accepted: {NEWEST} is claimed." in said(page)
    assert f"Release {NEWEST}" in labels(page)
    assert table(page, "first reason")["status"].iloc[0] == "\u25d0 in review: Ana"
    close(page, note="called them, *not* theirs")
    assert f"Accepted: {NEWEST} is closed." in said(page)
    assert [(act.what, act.version, act.decision_id, act.analyst) for act in kafka.acts] == [
        ("claim", 0, NEWEST, "Ana"),
        ("close", 1, NEWEST, "Ana"),
    ]
    closing = kafka.acts[1]
    assert (closing.verdict, closing.note) == ("fraud", "called them, *not* theirs")
    assert parse_label(orjson.dumps(closing.label)).id == NEWEST
    assert list(table(page, "came to")["act"]) == ["close", "claim"]
    assert f"Close {NEWEST}" not in labels(page)
    assert f"Reopen {NEWEST}" in labels(page)
    assert listed(page)[0] == NEWEST, "it is closed, and the list of open ones stands still all the same"


def test_an_alert_is_released_and_reopened(kafka: Kafka) -> None:
    page = press(press(opened(), f"Claim {NEWEST}"), f"Release {NEWEST}")
    assert f"Claim {NEWEST}" in labels(page)
    close(press(page, f"Claim {NEWEST}"))
    press(page, f"Reopen {NEWEST}")
    assert f"Claim {NEWEST}" in labels(page)
    assert [act.version for act in kafka.acts] == [0, 1, 2, 3, 4]


def test_nothing_is_done_without_a_name_which_is_asked_for(kafka: Kafka) -> None:
    page = opened("  ")
    assert "Write your name at the side" in said(page)
    assert "Write your name at the side first" in said(press(page, f"Claim {NEWEST}"))
    assert kafka.acts == []


def test_the_name_is_that_of_the_settings_until_another_is_typed(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYSCORE_ANALYST", "Cleo")
    press(run("alerts"), f"Claim {NEWEST}")
    assert kafka.acts[0].analyst == "Cleo"


def test_what_is_being_written_about_an_alert_is_still_there_after_another_one_was_looked_at_and_gone_once_it_is_closed(
    kafka: Kafka,
) -> None:
    page = press(opened(), f"Claim {NEWEST}")
    page.text_area[0].set_value("called them").run()
    page.text_input(key="alert").set_value("d000030").run()
    press(page, "Claim d000030")
    assert page.text_area[0].value == "", "it is another alert's"
    page.switch_page("views/live.py").run()
    page.switch_page("views/alerts.py").run()
    page.text_input(key="alert").set_value(NEWEST).run()
    assert page.text_area[0].value == "called them"
    close(page, note=page.text_area[0].value)
    assert kafka.acts[-1].note == "called them"
    press(press(page, f"Reopen {NEWEST}"), f"Claim {NEWEST}")
    assert not page.text_area[0].value, "the next closing is another one"


def test_a_closing_needs_a_reason(kafka: Kafka) -> None:
    page = press(press(opened(), f"Claim {NEWEST}"), f"Close {NEWEST}")
    assert "Choose a reason" in said(page)
    assert len(kafka.acts) == 1


def test_who_acts_on_what_another_has_claimed_meanwhile_is_told_and_sends_nothing(kafka: Kafka) -> None:
    ben = opened("Ben")
    press(opened("Ana"), f"Claim {NEWEST}")
    told = said(press(ben, f"Claim {NEWEST}"))
    assert f"nothing was overwritten: {NEWEST} was claimed by Ana at" in told
    assert [act.analyst for act in kafka.acts] == ["Ana"]


def test_who_loses_the_race_on_kafka_is_told_by_the_sink(kafka: Kafka) -> None:
    page = opened("Ben")
    seen = alert_row(kafka.url)
    kafka.before = [reviews.act(DOMAINS["fraud"], seen, "Ana", "claim", NOW_US)]
    told = said(press(page, f"Claim {NEWEST}"))
    assert f"nothing was overwritten: {NEWEST} was claimed by Ana at 14:13:20 UTC, 21 Sep 2026" in told
    assert [act.analyst for act in kafka.acts] == ["Ana", "Ben"]


def alert_row(url: str) -> Any:
    engine = open_database(url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM alert WHERE decision_id = '{NEWEST}'")).one()
    engine.dispose()
    return found


def test_the_open_alert_says_that_another_has_it_and_is_looked_at_again(kafka: Kafka) -> None:
    ben = opened("Ben")
    press(opened("Ana"), f"Claim {NEWEST}")
    ben.run()
    assert "Since you opened it this alert was claimed by Ana at" in said(ben)
    assert f"Claim {NEWEST}" in labels(ben), "what is shown is what was opened"
    ben.button(key="look again").click().run()
    assert "only who has claimed an alert closes it" in said(ben)
    assert f"Claim {NEWEST}" not in labels(ben)


def test_an_act_that_does_not_come_back_in_time_is_said_to_be_on_its_way(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_acts, "WITHIN_S", 0.0)
    kafka.slow = True
    told = said(press(opened(), f"Claim {NEWEST}"))
    assert "Not back yet: Kafka has it" in told
    assert "polyscore sink" in told


def test_a_kafka_that_is_away_is_told(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(settings: Settings, act: Act) -> None:
        raise BrokerError("no Kafka runs here: run `polyscore broker start`")

    monkeypatch.setattr(reviews, "publish", away)
    assert "Not done: no Kafka runs here" in said(press(opened(), f"Claim {NEWEST}"))


def test_the_list_and_the_open_alert_stand_still_until_what_is_new_is_asked_for(kafka: Kafka) -> None:
    page = press(opened(), f"Claim {NEWEST}")
    sql(kafka.url, f"UPDATE alert SET decided_us = {NOW_US + 1}, decision_id = 'd000011' WHERE decision_id = 'd000010'")
    for _ in range(3):
        page.run()
        assert listed(page) == ["d000040", "d000030", "d000020", "d000010", "d000000"]
    assert page.button(key="refresh").label == "1 new alert, 1 changed, refresh"
    page.button(key="refresh").click().run()
    assert listed(page) == ["d000011", "d000040", "d000030", "d000020", "d000000"]
    assert f"Close {NEWEST}" in labels(page)
    assert page.button(key="refresh").disabled, "the list shows all there is, and the button stays where it was"


def test_an_alerts_id_in_the_address_opens_it_also_where_the_list_has_it_not(kafka: Kafka) -> None:
    sql(kafka.url, "UPDATE alert SET status = 'closed', version = 2, analyst = 'Ana', verdict = 'fraud' WHERE decision_id = 'd000010'")
    page = run("alerts", alert="d000010")
    assert "Reopen d000010" in labels(page)
    assert "d000010" not in listed(page)
    assert "No alert nothing is in the database" in said(run("alerts", alert="nothing"))


def test_filters_come_from_the_address(kafka: Kafka) -> None:
    changed = "status = 'in review', version = 1, analyst = 'Ana'"
    sql(kafka.url, f"UPDATE alert SET {changed} WHERE decision_id IN ('d000010', 'd000020')")
    assert listed(run("alerts", status="in review")) == ["d000020", "d000010"]
    assert listed(run("alerts", action="block")) == ["d000030", "d000010"]
    assert listed(run("alerts", key="c003")) == ["d000040"]
    assert listed(opened("Ana", mine="true")) == ["d000020", "d000010"]
    assert "No alert matches the filter" in said(opened("Ben", mine="true"))
    assert "No alert matches the filter" in said(run("alerts", status="closed"))


def test_similar_alerts_are_shown_with_why(kafka: Kafka) -> None:
    sql(kafka.url, "UPDATE alert SET key = 'c003' WHERE decision_id = 'd000010'")
    alike = table(run("alerts"), "alike")
    assert dict(zip(alike["alert"], alike["alike"], strict=True)) == {
        "d000010": "same customer",
        "d000020": "same reason",
        "d000000": "same reason",
    }, "d000030 was blocked, not reviewed, and is another customer's"


def test_no_cell_is_a_formula_for_whoever_downloads_the_table(kafka: Kafka) -> None:
    sql(kafka.url, f"""UPDATE alert SET key = '=1+1', reasons = '["=HYPERLINK(1)"]' WHERE decision_id = '{NEWEST}'""")
    listed = table(run("alerts"), "first reason").set_index("alert")
    assert (listed.loc[NEWEST, "customer"], listed.loc[NEWEST, "first reason"]) == ("'=1+1", "'=HYPERLINK(1)")


def test_peoples_words_are_no_markup(kafka: Kafka) -> None:
    sql(kafka.url, f"UPDATE alert SET status = 'closed', version = 2, analyst = '**A**', note = '# big' WHERE decision_id = '{NEWEST}'")
    page = run("alerts", alert=NEWEST)
    assert any(r"closed by \*\*A\*\*" in str(each.value) for each in page.markdown), "its marks mean nothing"
    assert [element.value for element in page.get("text")] == ["# big"]
