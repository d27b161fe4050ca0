"""The page What-if: what other terms make of the labelled decisions, and how they are applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from apps import moves
from apps.database import open_database, upsert
from apps.tables import DecisionRow, LabelRow, StandingRow
from domain.registry import DOMAINS
from models.errors import RegistryError
from models.registry import Cause
from tests.ui.driver import run, said
from tests.ui.filled import VERSION
from tests.ui.test_queries import asked
from ui import parts, theme, what_if_data

FRAUD = DOMAINS["fraud"]
START = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENTS, LABELLED, EVERY = 200, 150, timedelta(hours=1)
STANDING = {
    "domain": "fraud",
    "champion": VERSION,
    "challengers": [],
    "share": 0.0,
    "former": [],
    "at_us": 1,
    "by": "ann",
    "why": "the first",
}


def payment(number: int) -> dict[str, Any]:
    """Each fifth is likely a fraud (0.88); the others are not (0.08)."""
    likely, at = number % 5 == 0, START + number * EVERY
    return {
        **{"domain": "fraud", "decision_id": f"t{number}", "key": f"c{number % 9}", "event_time": at, "alert": likely},
        **{"action": "block" if likely else "approve", "score": 0.5, "threshold": 0.1, "raw": [2.0 if likely else -2.5]},
        **{"features": [], "context": {"amount": 60.0}, "reasons": [], "model_version": VERSION, "format": "native"},
        **{"source_us": None, "broker_us": number, "decided_us": number},
    }


def label(number: int) -> dict[str, Any]:
    at, verdict = START + number * EVERY, "chargeback" if number % 10 == 0 else "all-clear"
    told = {"transaction_id": f"t{number}", "event_time": (at + timedelta(days=7)).isoformat(), "payment_time": at.isoformat()}
    value = orjson.dumps({**told, "customer_id": "c", "terminal_id": "x", "verdict": verdict})
    return {"domain": "fraud", "partition": 0, "place": number, "tells_of": at, "label": value}


def write(url: str, table: Any, *rows: dict[str, Any]) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        upsert(connection, table, rows)
    engine.dispose()


@pytest.fixture
def filled(url: str) -> str:
    """Two hundred payments, an hour between each and the next; what became of the first 150 is known."""
    write(url, DecisionRow, *map(payment, range(PAYMENTS)))
    write(url, LabelRow, *map(label, range(LABELLED)))
    write(url, StandingRow, STANDING)
    return url


def figures(page: AppTest) -> dict[str, tuple[float, float]]:
    """Each figure by the terms in force, and by the chosen ones."""
    found = next(f.value for f in page.dataframe if "chosen" in f.value)
    return {row[""]: (row["in force"], row["chosen"]) for _, row in found.iterrows()}


def chosen(page: AppTest, **numbers: float) -> AppTest:
    for name, value in numbers.items():
        page.slider(key=f"fraud_{name}").set_value(value)
    found = page.run()
    assert not found.exception, found.exception
    return found


def test_without_a_label_the_page_says_what_brings_some(url: str) -> None:
    open_database(url).dispose()
    shown = said(run("what_if"))
    assert "No decision has a label yet" in shown
    assert "polyscore simulate fraud" in shown


def test_without_a_label_the_page_looks_again_by_itself_as_it_says(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_database(url).dispose()
    looks: list[bool] = []
    monkeypatch.setattr(parts, "again", lambda: looks.append(True))
    assert "the page goes on by itself" in said(run("what_if"))
    assert looks


def test_a_policy_without_numbers_is_said_and_no_decision_is_read_for_it(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(what_if_data, "window")
    monkeypatch.setitem(DOMAINS._found, "fraud", replace(FRAUD, terms=()))
    shown = said(run("what_if"))
    assert f"The policy of {FRAUD.title} has no numbers to set" in shown
    assert "No decision has a label yet" not in shown


def test_by_the_terms_in_force_nothing_differs_and_the_window_ends_where_labels_have_come(filled: str) -> None:
    page = run("what_if")
    shown = said(page)
    assert "the newest 140 decisions up to where labels have come: 01 Mar 2026 to 06 Mar 2026" in shown, "ten labels may have wild clocks"
    assert "140 of them labelled" in shown
    assert "there is nothing to apply" in shown
    found = figures(page)
    assert all(before == after for before, after in found.values())
    assert found["precision of alerts"][0] == pytest.approx(0.5)
    assert found["recall of alerts"][0] == 1.0
    assert found["stopped amount"][0] == 14 * 60.0
    assert found["good held up payments"][0] == 14
    assert len(page.get("vega_lite_chart")) == 3
    assert all(chart.proto.alt for chart in page.get("vega_lite_chart"))


def test_a_moved_slider_judges_again_and_the_ledger_counts_what_that_is_worth(filled: str) -> None:
    page = chosen(run("what_if"), analyst=0.0, delayed_customer=0.0)
    found = figures(page)
    assert found["approve a day"][1] == 0.0, "reviews that cost nothing are worth it everywhere"
    assert found["alerts a day"][1] == pytest.approx(140 / (139 / 24))
    assert found["precision of alerts"] == (pytest.approx(0.5), pytest.approx(0.1))
    assert found["good held up payments"] == (14, 126)
    assert "nothing to apply" not in said(page)


def written(page: AppTest) -> dict[str, list[str]]:
    """Each figure as it is read: by the terms in force, by the chosen ones, and the difference."""
    (found,) = [frame.proto for frame in page.dataframe if "chosen" in frame.value]
    shown = pa.ipc.open_stream(found.arrow_data.styler.display_values).read_all().to_pydict()
    return {name: list(rest) for name, *rest in zip(*list(shown.values())[-4:], strict=True)}


def test_figures_are_written_as_people_read_them_and_a_difference_has_its_sign(filled: str) -> None:
    found = written(chosen(run("what_if"), analyst=0.0, delayed_customer=0.0))
    assert found["precision of alerts"] == ["50.0%", "10.0%", "-40.0 points"]
    assert found["approve a day"] == ["19.3", "0.0", "-19.3"]
    assert found["good held up payments"] == ["14", "126", "+112"]
    assert found["good approved amount"] == ["6,720", "0", "-6,720"]
    assert found["recall of alerts"] == ["100.0%", "100.0%", "0"]


def test_what_is_drawn_by_day_is_in_the_colours_of_its_severity_without_the_calm(filled: str) -> None:
    page = chosen(run("what_if"), analyst=0.0, delayed_customer=0.0)
    spec = json.loads(page.get("vega_lite_chart")[0].proto.spec)["encoding"]
    assert spec["color"]["scale"] == {"domain": ["review", "block"], "range": [theme.text("watch"), theme.text("act")]}
    assert spec["opacity"]["scale"]["domain"] == ["in force", "chosen"]


def test_what_would_be_put_in_force_is_said_and_one_press_goes_back(filled: str) -> None:
    write(filled, StandingRow, STANDING | {"terms": {"analyst": 12.0}})
    page = chosen(run("what_if"), analyst=9.0, chargeback_fee=25.0)
    assert "**To be put in force**: chargeback fee 25 instead of 20; analyst 9 instead of 12" in said(page)
    next(button for button in page.button if button.label == "Back to those in force").click().run()
    assert (page.slider(key="fraud_analyst").value, page.slider(key="fraud_chargeback_fee").value) == (12.0, 20.0)
    assert "there is nothing to apply" in said(page)


def test_what_is_in_force_is_what_the_standing_says_and_what_a_link_says_is_chosen(filled: str) -> None:
    write(filled, StandingRow, STANDING | {"terms": {"analyst": 12.0}})
    assert run("what_if").slider(key="fraud_analyst").value == 12.0
    assert run("what_if", fraud_analyst="30").slider(key="fraud_analyst").value == 30.0


def apply(page: AppTest, name: str = "ann", why: str = "fewer reviews") -> AppTest:
    page.text_input[0].set_value(name)
    page.text_input[1].set_value(why)
    page.button[0].click()
    found = page.run()
    assert not found.exception, found.exception
    return found


def test_applied_terms_go_out_once_with_name_and_reason_and_are_said_when_the_standing_comes_back(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def publish(settings: Any, domain: Any, given: Mapping[str, float], cause: Cause, opened: Mapping[str, float]) -> str:
        sent.append((domain.name, given["analyst"], len(given), cause.by, cause.why, opened))
        write(filled, StandingRow, STANDING | {"terms": {"analyst": 9.0}})  # as the sink does
        return "fraud decides by analyst 9 instead of 5: fewer reviews"

    monkeypatch.setattr(moves, "decide_by", publish)
    page = apply(chosen(run("what_if"), analyst=9.0))
    assert sent == [("fraud", 9.0, 5, "ann", "fewer reviews", {})]
    shown = said(page)
    assert "analyst 9 instead of 5: fewer reviews. It is in force" in shown
    assert "there is nothing to apply" in shown


def test_a_refusal_is_shown_and_so_is_a_name_that_is_missing(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> str:
        raise RegistryError("fraud is decided by other terms by now")

    monkeypatch.setattr(moves, "decide_by", refuse)
    page = chosen(run("what_if"), analyst=9.0)
    assert "Say who you are and why" in said(apply(page, name=" "))
    assert "Not applied: fraud is decided by other terms by now" in said(apply(page))


def test_terms_that_others_set_meanwhile_are_overwritten_by_nobody_who_did_not_see_them(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force: dict[str, float] = {}
    standing: dict[str, Any] = {}
    sent = []

    def publish(settings: Any, domain: Any, given: Mapping[str, float], cause: Cause, opened: Mapping[str, float]) -> str:
        if dict(opened) != in_force:  # as `moves.decide_by` does
            raise RegistryError("fraud is decided by other terms by now")
        sent.append(opened)
        standing.update(terms=FRAUD.with_terms(given).in_force)
        write(filled, StandingRow, STANDING | standing)
        return "done"

    monkeypatch.setattr(moves, "decide_by", publish)
    page = chosen(run("what_if"), analyst=9.0)
    in_force["chargeback_fee"] = 25.0
    write(filled, StandingRow, STANDING | {"terms": in_force})
    shown = said(apply(page))
    assert "Not applied: fraud is decided by other terms by now" in shown
    assert "chargeback fee 20 instead of 25" not in shown, "who has not moved it does not put it back"
    assert not sent
    apply(page)
    assert sent == [in_force], "by then they were seen"
    assert standing["terms"] == {"analyst": 9.0, "chargeback_fee": 25.0}


def test_a_number_in_the_address_that_no_slider_gives_is_no_fault(filled: str) -> None:
    page = run("what_if", domain=DOMAINS["maintenance"].title, maintenance_running="2.5")
    assert not page.exception


def test_the_window_is_read_through_indexes_in_their_order(filled: str) -> None:
    engine = open_database(filled)
    sent = asked(engine, lambda: what_if_data.window(engine, filled, "fraud", 100))
    with engine.connect() as connection:
        plans = [[row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", values)] for s, values in sent]
    engine.dispose()
    assert len(plans) == 3
    assert all(len(plan) == 1 and plan[0].startswith("SEARCH") and " INDEX " in plan[0] for plan in plans), plans
