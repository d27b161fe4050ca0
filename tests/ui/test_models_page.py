"""The page Models: what it says of versions, their quality, drift, challengers and history, and what it says where one is missing."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from apps.database import open_database
from tests.ui.driver import forget, run, said, table
from tests.ui.filled import FRAUD, VERSION, fill, fill_loop, name


def change(url: str, *statements: str) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    forget()


@pytest.fixture
def looped(url: str) -> str:
    """A small database whose fraud model has been round the loop."""
    fill(url, alerts=1)
    fill_loop(url)
    return url


@pytest.mark.parametrize("command", [
    f"polyscore models promote fraud {VERSION}",
    "polyscore quality",
    "polyscore models challenge fraud VERSION",
    "polyscore shadow",
    "polyscore retrain fraud",
])  # fmt: skip
def test_a_model_that_has_only_been_announced_names_what_fills_each_panel(command: str, url: str) -> None:
    fill(url, alerts=1)
    assert command in said(run("models"))


def test_the_champion_stands_with_its_challengers_and_the_share_that_the_first_decides(looped: str) -> None:
    shown = said(run("models"))
    assert f">{name(2)}<" in shown
    assert f"by gate: better by 0.07; challenged by {name(1)}" in shown
    assert ">nobody, in shadow<" in shown
    change(looped, "UPDATE standing SET share = 0.1")
    page = run("models")
    assert ">10.0% of the keys<" in said(page)
    assert list(table(page, "stage")["stage"]) == ["champion", "challenger, 10.0%", "champion"]


def test_versions_are_listed_newest_first_with_their_headline_and_who_moved_them_and_why(looped: str) -> None:
    found = table(run("models"), "stage")
    assert list(found["version"]) == [name(2), name(1), VERSION]
    assert list(found["average precision"])[:2] == [0.502, 0.501]
    assert list(found["why"]) == ["verdict 2", "verdict 1", "the first"]
    assert list(found["by"]) == ["gate", "gate", "train"]
    assert list(found["comes from"]) == [name(1), VERSION, ""]


def test_quality_is_one_chart_with_a_line_for_the_champion_and_one_for_the_challenger(looped: str) -> None:
    page = run("models")
    shown = said(page)
    assert "**average precision by day**, by the labels that came; higher is better" in shown
    assert "data as of the day 12 August 2026" in shown
    assert len(page.get("vega_lite_chart")) == 9 + 1
    assert "polyscore quality" not in shown


def test_days_without_enough_labels_are_said_and_not_drawn(looped: str) -> None:
    change(looped, "UPDATE quality_window SET metrics = '{}'")
    page = run("models")
    assert "too few labels to measure any of the 12 days" in said(page)
    assert len(page.get("vega_lite_chart")) == 9


def test_drift_is_of_the_champions_newest_week_what_is_farthest_beyond_first(looped: str) -> None:
    page = run("models")
    found = table(page, "PSI")
    assert len(found) == len(FRAUD.schema), "each feature once: of the newest week only"
    assert list(found["of the limit"]) == sorted(found["of the limit"], reverse=True)
    assert found["feature or output"].iloc[0] == FRAUD.schema.names[3]
    assert [word.split()[-1] for word in found["is"]].count("beyond") == 1
    assert f"28,000 decisions; 1 of {len(FRAUD.schema)} beyond their limits" in said(page)


def test_what_people_gave_as_their_reasons_is_no_markup(looped: str) -> None:
    change(looped, "UPDATE standing SET why = '**because**'", "UPDATE loop_event SET text = '[look](there)' WHERE what = 'drift'")
    page = run("models")
    raw = "".join(str(e.value) for kind in ("caption", "error") for e in page.get(kind))
    assert r"\*\*because\*\*" in raw
    assert r"\[look\](there)" in raw


def test_an_open_alarm_is_said_in_words_until_it_is_over(looped: str) -> None:
    page = run("models")
    assert page.error
    assert "drift: amount: PSI 0.90 (limit 0.30) since 2026-09-18" in said(page)
    change(looped, "UPDATE loop_event SET what = 'drift-over', text = 'no drift any more' WHERE what = 'drift'")
    page = run("models")
    assert not page.error
    assert "no alarm is open: no drift any more" in said(page)


def test_an_alarm_of_another_version_is_not_the_champions(looped: str) -> None:
    change(looped, f"UPDATE loop_event SET version = '{name(1)}'")
    page = run("models")
    assert not page.error
    assert "there never was one of this version" in said(page)


def test_champion_and_challenger_are_set_side_by_side(looped: str) -> None:
    page = run("models")
    assert f"{name(1)}: **95.00%** of 10,000 decisions agree; the scores are 0.0125 apart on average" in said(page)
    sums = table(page, "sum").set_index("sum")
    assert list(sums.loc["stopped amount"]) == [900.0, 1100.0, 200.0]
    assert list(sums.loc["payments"]) == [10_000.0, 0.0, -10_000.0]
    pairs = table(page, "decisions")
    assert list(pairs["decisions"]) == [7_000, 2_500, 500]
    assert (pairs["champion"].iloc[2], pairs["challenger"].iloc[2], pairs["share"].iloc[2]) == ("approve", "block", 0.05)


def test_the_loops_history_is_newest_first(looped: str) -> None:
    found = table(run("models"), "text")
    assert list(found["what"]) == ["drift", "gate", "gate"]
    assert list(found["text"])[1:] == ["refused 1", "refused 0"]


def test_a_loop_that_ran_for_years_is_shown_as_far_as_people_read(url: str) -> None:
    fill(url, alerts=1)
    fill_loop(url, versions=300, days=1_000, events=5_000)
    page = run("models")
    assert len(table(page, "stage")) == 50
    assert len(table(page, "text")) == 100
    assert table(page, "stage")["version"].iloc[0] == name(300)
    assert "drift: amount" in said(page)


def test_one_versions_own_report_is_chosen_among_all(looped: str) -> None:
    page = run("models")
    assert page.selectbox(key="model version").options == [name(2), name(1), VERSION]
    page.selectbox(key="model version").set_value(VERSION).run()
    assert not page.exception
    assert "1,234 rows (simulated)" in said(page)
