"""A decision gone over again in the dashboard: by its link and in the open alert, with the bundle that made it and without."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from apps.database import open_database
from domain.registry import DOMAINS
from exports.formats import FORMATS, LOCAL
from models.bundle import load_bundle
from models.explanation import Answer
from tests.ui.driver import forget, run, said, table
from tests.ui.filled import NOW_US, fill
from ui.gone_over import cells

ID = "d000040"  # the newest alert of five
BUTTON = f"again fraud {ID}"


@pytest.fixture
def scored(url: str, tmp_path: Path, bundle: Path) -> str:
    """A small database whose newest alert was made by the bundle, which is there."""
    fill(url, alerts=5)
    shutil.copytree(bundle, tmp_path / "bundles" / "fraud" / bundle.name)
    row = [25.0, *[math.nan] * (len(DOMAINS["fraud"].schema) - 1)]
    scores = load_bundle(bundle).scorer("native").score(row)
    features = json.dumps([None if math.isnan(v) else v for v in row])
    change(
        url,
        "features = :f, raw = :r, score = :s, model_version = :v",
        f=features,
        r=json.dumps(scores.raw),
        s=scores.values[0],
        v=bundle.name,
    )
    return url


def change(url: str, what: str, **values: Any) -> None:
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE decision SET {what} WHERE decision_id = '{ID}'"), values)
    engine.dispose()
    forget()


def pressed(page: AppTest) -> AppTest:
    page.button(key=BUTTON).click().run()
    assert not page.exception, page.exception
    return page


def test_an_empty_database_says_that_there_is_no_such_decision(url: str) -> None:
    open_database(url).dispose()
    shown = said(run("decision", decision="nothing"))
    assert "No decision nothing is in the database" in shown
    assert "polyscore sink" in shown


def test_without_an_id_the_page_says_where_ids_are_shown(url: str) -> None:
    open_database(url).dispose()
    shown = said(run("decision"))
    assert "Write the id of a decision" in shown
    assert "Nothing to show yet" not in shown


def test_a_link_opens_a_decision_with_its_maker_and_what_was_done(url: str) -> None:
    fill(url, alerts=5)
    shown = said(run("decision", decision=ID))
    assert ID in shown
    assert "1. 4.9 times the customer's usual amount" in shown
    assert "done: **review**, and a person was called; the alert is new" in shown
    assert "Its model was champion since 21 Sep 2026 14:13 UTC, by train: the first" in shown


def test_a_card_number_that_travels_as_a_number_is_masked_among_the_features_and_in_the_context(url: str) -> None:
    fill(url, alerts=5)
    card = "4111111111111111"
    change(url, "features = :f, context = :c", f=f"[{card}.0, 2.5, {card}]", c=f'{{"amount": {card}.0, "terminal_id": "t1"}}')
    page = run("decision", decision=ID)
    assert [str(value) for value in table(page, "feature")["value"]] == ["411111******1111", "2.5", "411111******1111"]
    assert "411111******1111" in set(map(str, table(page, "amount")["amount"]))
    assert card not in "\n".join([said(page), *(frame.value.to_string() for frame in page.dataframe)])


def test_a_decision_that_called_nobody_says_only_what_was_done(url: str) -> None:
    fill(url, alerts=5)
    shown = said(run("decision", decision="d000041"))
    assert "done: **approve**. " in shown


@pytest.mark.parametrize("page", ["decision", "alerts"])
def test_every_format_is_set_beside_the_decision_and_equal_in_every_bit(page: str, scored: str, bundle: Path) -> None:
    opened = run(page, decision=ID)
    before = len(opened.get("vega_lite_chart"))
    assert not [f for f in opened.dataframe if "difference" in f.value], "nothing is scored before it is asked for"
    found = pressed(opened)
    answers = table(found, "difference").set_index("format")
    assert list(answers.index) == list(FORMATS)
    assert set(answers.loc[list(LOCAL), "difference"]) == {"0, equal in every bit"}
    files = json.loads((bundle / "manifest.json").read_text())["files"]
    assert answers.loc["pmml", "artifact's SHA-256"] == files["model.pmml"]["sha256"][:12]
    assert answers.loc["remote", "difference"] == "says nothing", "no server runs"
    assert "remote says nothing: model.remote.json" in said(found)
    assert "gives the decision's raw score in every bit" in said(found)
    assert len(found.get("vega_lite_chart")) == before + 1, "the parts of the score"
    assert all(chart.proto.alt for chart in found.get("vega_lite_chart")), "each has words for who does not see it"


def test_a_score_that_is_another_by_one_bit_is_told(scored: str, bundle: Path) -> None:
    row = [25.0, *[math.nan] * (len(DOMAINS["fraud"].schema) - 1)]
    right = load_bundle(bundle).scorer("native").score(row).raw[0]
    change(scored, "raw = :r", r=json.dumps([math.nextafter(right, 9.0)]))
    found = pressed(run("decision", decision=ID))
    assert "Not every format gives the decision's raw score" in said(found)
    assert all(d.endswith("NOT EQUAL") for d in table(found, "difference").set_index("format").loc[list(LOCAL), "difference"])


def test_a_bundle_that_is_not_here_is_told_with_the_remedy(url: str) -> None:
    fill(url, alerts=5)
    shown = said(pressed(run("decision", decision=ID)))
    assert f"{ID} cannot be gone over" in shown
    assert "copy that folder from where the model was trained" in shown


def test_an_artifact_that_was_changed_is_refused_though_it_was_read_before(scored: str, bundle: Path, tmp_path: Path) -> None:
    page = pressed(run("decision", decision=ID))
    assert "cannot be gone over" not in said(page)
    artifact = tmp_path / "bundles" / "fraud" / bundle.name / "model.pmml"
    artifact.write_text(artifact.read_text() + " ")
    assert "model.pmml: was changed after training" in said(pressed(page))


def test_the_alert_that_was_gone_over_stays_open_while_newer_ones_come_and_when_they_are_listed(scored: str) -> None:
    page = pressed(run("alerts"))
    engine = open_database(scored)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alert SET decided_us = {NOW_US + 1}, decision_id = 'd000035' WHERE decision_id = 'd000030'"))
    engine.dispose()
    page.run()
    assert table(page, "first reason")["alert"].iloc[0] == ID, "the list stands still"
    page.button(key="refresh").click().run()
    assert table(page, "first reason")["alert"].iloc[0] == "d000035"
    assert page.button(key=BUTTON)
    assert table(page, "difference") is not None


def test_five_thousand_alerts_and_a_link_to_any_of_them(url: str) -> None:
    fill(url, alerts=5_000)
    assert "done: **block**" in said(run("decision", decision="d000010"))


def test_an_id_that_holds_a_card_number_stands_in_no_address(url: str) -> None:
    fill(url, alerts=5)
    assert len(run("alerts").get("page_link")) == 1
    engine = open_database(url)
    with engine.begin() as connection:
        for name in ("decision", "alert"):
            connection.execute(text(f"UPDATE {name} SET decision_id = 'd5555555555554444' WHERE decision_id = '{ID}'"))
    engine.dispose()
    page = run("alerts")
    assert not page.get("page_link")
    assert "d5555555555554444" not in said(page)


def test_another_number_of_outputs_and_many_of_them_are_said_in_short() -> None:
    answer = Answer("pmml", "0" * 64, (1.0, 2.0, 3.0, 4.0), (0.1,) * 4)
    assert cells(answer, [1.0])["difference"] == "4 outputs, the decision has 1"
    assert cells(answer, [1.0, 2.0, 3.0, 4.5])["difference"] == "0.5, NOT EQUAL"
    assert cells(answer, [1.0])["raw score now"] == "1.0, 2.0, 3.0, ..."
