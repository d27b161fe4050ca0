"""The page Dead letters: counts, filter, an open letter, and the letter sent again, once and on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps import resend
from apps.database import open_database
from apps.errors import BrokerError
from apps.tables import Resent
from tests.ui.driver import forget, run, said, table
from tests.ui.filled import NOW_US, fill
from tests.ui.letters import fill_letters, resent

PLACE = "fraud.dead-letters/0/3"  # of the code wrong-type, the first of three


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes | None]]:
    """What is sent again; it is taken by no Kafka."""
    taken: list[tuple[str, bytes | None]] = []

    def take(settings: Any, letter: Any, by: str, correction: bytes | None = None) -> Resent:
        taken.append((by, correction))
        return Resent(
            **{"topic": letter.topic, "partition": letter.partition, "offset": letter.offset, "domain": letter.domain, "at_us": NOW_US},
            **{"by": by, "changed": correction is not None, "event_id": "t9"},
            **{"to_topic": letter.source_topic, "to_partition": 2, "to_offset": 41},
        )  # type: ignore[arg-type]

    monkeypatch.setattr(resend, "resend", take)
    return taken


def press(page: AppTest, label: str) -> AppTest:
    next(b for b in page.button if label in b.label).click().run()
    assert not page.exception, page.exception
    return page


def everything(page: AppTest) -> str:
    return "\n".join([said(page), *(f.value.to_string() for f in page.dataframe), *(t.value for t in page.text_area)])


def test_an_empty_database_names_the_commands_that_fill_the_page(url: str) -> None:
    open_database(url).dispose()
    shown = said(run("dead_letters"))
    assert "Nothing to show yet" in shown
    assert all(command in shown for command in ("polyscore stream fraud", "polyscore monitor", "polyscore sink"))


def test_letters_are_counted_by_code_and_listed_newest_first(url: str) -> None:
    fill_letters(url, 7)
    page = run("dead_letters")
    assert "data as of 14:13:20 UTC" in said(page)
    assert '<div class="name">wrong-type</div><div class="value">3</div>' in said(page)
    listed = table(page, "reason")
    assert list(listed["from"])[:2] == ["fraud.payments/1/106", "fraud.payments/1/105"]
    assert len(listed) == 7


def test_the_list_is_filtered_by_the_code_in_the_address(url: str) -> None:
    fill_letters(url, 7)
    page = run("dead_letters", code="not-json")
    assert set(table(page, "reason")["code"]) == {"not-json"}
    page.selectbox(key="code").set_value("every code").run()
    assert len(table(page, "reason")) == 7


def test_what_no_domain_can_be_told_of_is_listed_too(url: str) -> None:
    fill_letters(url, 1)
    fill_letters(url, 2, domain="", code="unreadable", source_topic="metrics", topic="metrics")
    page = run("dead_letters", code="of no domain")
    assert set(table(page, "reason")["code"]) == {"unreadable"}
    assert "A message of metrics is not sent again" in said(run("dead_letters", letter="metrics/0/1")), "it is no event"


def test_the_list_stands_still_while_letters_come_until_its_reader_asks(url: str) -> None:
    fill_letters(url, 3)
    page = run("dead_letters")
    fill_letters(url, 2, topic="fraud.dead-letters", failed_us=NOW_US + 1_000_000, partition=1)
    forget()
    page.run()
    assert len(table(page, "reason")) == 3
    press(page, "2 new, show them")
    assert len(table(page, "reason")) == 5


@pytest.mark.parametrize(("code", "label"), [("wrong-type", "2 new, show them"), ("of no domain", "1 new, show them")])
def test_only_letters_that_the_filtered_list_would_show_are_new(code: str, label: str, url: str) -> None:
    fill_letters(url, 3)
    fill_letters(url, 1, domain="", code="unreadable", topic="metrics")
    page = run("dead_letters", code=code)
    later = {"failed_us": NOW_US + 1_000_000, "partition": 1}
    fill_letters(url, 2, code="wrong-type", **later)
    fill_letters(url, 4, code="not-json", topic="others", **later)
    fill_letters(url, 1, domain="", code="unreadable", topic="metrics", **later)
    forget()
    page.run()
    assert label in [button.label for button in page.button]


def test_a_link_opens_a_letter_with_its_message_set_out_and_masked(url: str) -> None:
    fill_letters(url, 7)
    page = run("dead_letters", letter=PLACE)
    shown = everything(page)
    assert "it came from fraud.payments, partition 1, offset 103" in shown
    assert '"customer_id": "411111******1111"' in shown
    assert "4111111111111111" not in shown
    assert "<b>amount" not in "\n".join(m.value for m in page.markdown), "a reason is no markup"


@pytest.mark.parametrize("place", ["fraud.dead-letters/0/99", "nonsense", "a/b/c", "x/1/99999999999999999999"])
def test_a_place_without_a_letter_is_said(place: str, url: str) -> None:
    fill_letters(url, 1)
    assert f"No letter stands at {place}" in said(run("dead_letters", letter=place))


def test_a_corrected_letter_is_sent_with_its_card_number_and_who_did_it(url: str, sent: list[tuple[str, bytes | None]]) -> None:
    fill_letters(url, 7)
    page = run("dead_letters", letter=PLACE)
    page.text_area[0].set_value(page.text_area[0].value.replace('"amount": "1"', '"amount": 1'))
    page.text_input(key=f"by {PLACE}").set_value("ada")
    press(page, "Send the corrected message")
    (by, correction), *rest = sent
    assert (by, rest) == ("ada", [])
    assert correction is not None
    assert b'"customer_id": "4111111111111111"' in correction
    assert b'"amount": 1' in correction
    assert "Sent to fraud.payments, partition 2, offset 41" in said(page)
    assert "`polyscore sink` brings the news of it" in said(page)


def test_a_letter_sent_again_goes_once_more_only_if_that_is_said(url: str, sent: list[tuple[str, bytes | None]]) -> None:
    fill_letters(url, 7)
    resent(url, 3)
    page = run("dead_letters", letter=PLACE)
    page.text_input(key=f"by {PLACE}").set_value("ada")
    press(page, "Send it unchanged")
    assert sent == []
    assert "It was sent again before" in said(page)
    page.checkbox(key=f"again {PLACE}").check()
    press(page, "Send it unchanged")
    assert sent == [("ada", None)]


def test_a_letter_that_this_viewer_has_just_sent_counts_as_sent(url: str, sent: list[tuple[str, bytes | None]]) -> None:
    fill_letters(url, 7)
    page = run("dead_letters", letter=PLACE)
    page.text_input(key=f"by {PLACE}").set_value("ada")
    press(press(page, "Send it unchanged"), "Send it unchanged")
    assert len(sent) == 1


def test_what_was_refused_is_said_and_the_text_stays(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_letters(url, 7)
    page = run("dead_letters", letter=PLACE)
    page.text_input(key=f"by {PLACE}").set_value("ada")
    page.text_area[0].set_value("{")
    press(page, "Send the corrected message")
    assert "Not sent: it would come back, so it was not sent: payment" in said(page)
    assert page.text_area[0].value == "{"

    def away(*_: Any) -> None:
        raise BrokerError("Kafka is away")

    monkeypatch.setattr(resend, "resend", away)
    assert "Not sent: Kafka is away" in said(press(page, "Send it unchanged"))


def test_a_message_whose_news_was_lost_is_sent_and_no_second_press_sends_it_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_letters(url, 7)
    pressed = []

    def lose(settings: Any, letter: Any, by: str, correction: bytes | None = None) -> Resent:
        pressed.append(by)
        told = {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset, "domain": "fraud", "at_us": NOW_US}
        place = {"to_topic": letter.source_topic, "to_partition": 2, "to_offset": 41}
        raise resend.UntoldError(Resent(**told, **place, by=by, changed=False, event_id="t9"))

    monkeypatch.setattr(resend, "resend", lose)
    page = run("dead_letters", letter=PLACE)
    page.text_input(key=f"by {PLACE}").set_value("ada")
    shown = said(press(page, "Send it unchanged"))
    assert "the message went to fraud.payments/2/41, but Kafka did not take the news of it" in shown
    assert "Not sent" not in shown
    assert "Kafka did not take the news of it, so it stands here alone" in shown
    press(page, "Send it unchanged")
    assert pressed == ["ada"]


def test_an_open_letter_is_not_open_on_another_domains_page(url: str) -> None:
    fill_letters(url, 7)
    fill_letters(url, 1, domain="maintenance", topic="maintenance.dead-letters")
    page = run("dead_letters", letter=PLACE)
    assert "Send it unchanged" in [b.label for b in page.button]
    page.sidebar.selectbox(key="domain").select("maintenance").run()
    assert not page.exception
    assert page.text_input(key="letter").value == ""
    assert "Send it unchanged" not in [b.label for b in page.button]


def test_what_became_of_it_is_shown(url: str) -> None:
    fill(url, alerts=5)
    fill_letters(url, 7)
    resent(url, 3)
    resent(url, 4, changed=False, event_id="", to_offset=105, to_partition=1)
    resent(url, 5, event_id="unheard")
    decided = said(run("dead_letters", letter=PLACE))
    assert "sent again, corrected, by ada at 21 Sep 2026 14:13:25 UTC; it landed at fraud.payments/2/41" in decided
    assert "**review** was decided of d000040, before it was sent again" in decided
    back = said(run("dead_letters", letter="fraud.dead-letters/0/4"))
    assert "unchanged, by ada" in back
    assert "it came back as the letter fraud.dead-letters/0/5 (unknown-field)" in back
    assert "no decision of unheard yet" in said(run("dead_letters", letter="fraud.dead-letters/0/5"))


def test_what_is_no_text_can_only_be_sent_unchanged(url: str) -> None:
    fill_letters(url, 4, original=b"\xff\xfe{")
    page = run("dead_letters", letter=PLACE)
    assert page.text_area[0].disabled
    assert "it can only be sent unchanged" in said(page)
