"""One live event by every format on the page Formats: equal in every bit, standing still until the next is asked for, or why not."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from apps.database import open_database
from apps.tables import DecisionRow
from domain.registry import DOMAINS
from exports.formats import FORMATS, LOCAL
from models.bundle import load_bundle
from models.explanation import Answer
from tests.ui.driver import run, said, table
from tests.ui.filled import NOW_US, _decision
from tests.ui.letters import write
from ui.signature import distance

FRAUD = DOMAINS["fraud"]


def decide(url: str, bundle: Path, name: str, at_us: int, amount: float = 25.0) -> list[float]:
    """A decision of the bundle's, and its raw scores."""
    row = [amount, *[math.nan] * (len(FRAUD.schema) - 1)]
    scores = load_bundle(bundle).scorer("native").score(row)
    made = {"raw": list(scores.raw), "score": scores.values[0], "features": [None if math.isnan(v) else v for v in row]}
    write(url, DecisionRow, [_decision(1, 10) | made | {"decision_id": name, "decided_us": at_us, "model_version": bundle.name}])
    return list(scores.raw)


@pytest.fixture
def scored(url: str, tmp_path: Path, bundle: Path) -> tuple[str, list[float]]:
    """A database of one decision, made by the bundle, which is there; and its raw scores."""
    shutil.copytree(bundle, tmp_path / "bundles" / "fraud" / bundle.name)
    return url, decide(url, bundle, "first", NOW_US)


def next_event(page: AppTest) -> AppTest:
    next(b for b in page.button if b.label == "Next event").click().run()
    assert not page.exception, page.exception
    return page


def test_an_event_is_scored_by_every_format_to_the_last_bit_and_the_next_one_only_when_asked_for(
    scored: tuple[str, list[float]], bundle: Path
) -> None:
    url, raw = scored
    page = run("formats")
    assert not [f for f in page.dataframe if "as hex" in f.value], "nothing is scored before it is asked for"
    answers = table(next_event(page), "as hex").set_index("format")
    assert list(answers.index) == list(FORMATS)
    assert set(answers.loc[list(LOCAL), "raw score"]) == {repr(raw[0])}
    assert set(answers.loc[list(LOCAL), "as hex"]) == {raw[0].hex()}
    assert set(answers.loc[list(LOCAL), "from LightGBM"]) == {"0 ulp"}
    assert (answers.loc[list(LOCAL), "one row took"] > 0).all()
    assert 0 < float(answers.loc["pmml", "probability"]) < 1
    assert answers.loc["remote", "from LightGBM"] == "says nothing"
    assert "remote says nothing: model.remote.json" in said(page)
    assert f"All {len(LOCAL)} formats that answered give one raw score, to the last bit" in said(page)
    decide(url, bundle, "second", NOW_US + 1, amount=900.0)
    page.run()
    assert "first of customer" in said(page), "it stands still"
    assert "second of customer" in said(next_event(page))
    assert "No newer event" in said(next_event(page))


def test_a_link_opens_an_event_and_says_where_the_formats_differ_from_the_decision(scored: tuple[str, list[float]]) -> None:
    url, raw = scored
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE decision SET raw = '{json.dumps([math.nextafter(raw[0], 9.0)])}'")
    engine.dispose()
    page = run("formats", decision="first")
    assert "The formats do not all give the decision's raw score" in said(page)
    assert set(table(page, "as hex").set_index("format").loc[list(LOCAL), "from LightGBM"]) == {"0 ulp"}, "they agree with each other"


def test_what_cannot_be_scored_says_why(url: str, scored: tuple[str, list[float]], tmp_path: Path) -> None:
    assert "No decision nothing of Payment fraud is in the database" in said(run("formats", decision="nothing"))
    shutil.rmtree(tmp_path / "bundles")
    assert "copy that folder from where the model was trained" in said(run("formats", decision="first"))


def test_without_a_database_or_a_decision_the_page_says_what_brings_one(url: str) -> None:
    assert "polyscore sink" in said(run("formats"))
    open_database(url).dispose()
    assert "polyscore stream fraud" in said(next_event(run("formats")))


def test_a_distance_is_the_largest_of_all_outputs_from_lightgbms() -> None:
    native, other = Answer("native", "", (1.0, 2.0)), Answer("pfa", "", (1.0, math.nextafter(math.nextafter(2.0, 3.0), 3.0)))
    found: Any = SimpleNamespace(answers=(native, other))
    assert (distance(native, found), distance(other, found)) == (0.0, 2.0)
    assert distance(Answer("pmml", "", (1.0,)), found) == math.inf
    silent: Any = SimpleNamespace(answers=(Answer("native", "", refused="away"), other))
    assert distance(other, silent) is None
