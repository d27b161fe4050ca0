"""Every page, run by Streamlit's own test driver: without a database, with an empty one, a small one and one of 5,000 alerts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

import ui
from apps.database import open_database, upsert
from apps.tables import OutcomesRow
from exports.formats import FORMATS
from tests.bench.made_up import compared
from tests.ui.driver import run, said, table
from tests.ui.filled import NOW_US, VERSION, fill
from tests.ui.letters import fill_letters
from ui import parts, queries

PAGES = sorted({file.stem for file in (Path(ui.__file__).parent / "views").glob("*.py")} - {"formats", "scenarios"})  # those read files


@pytest.mark.parametrize("page", PAGES)
def test_without_a_database_a_page_says_what_makes_one(page: str, url: str) -> None:
    shown = said(run(page))
    assert "Nothing to show yet" in shown
    assert "make demo" in shown
    assert "polyscore sink" in shown


@pytest.mark.parametrize(("page", "commands"), [
    ("overview", ("polyscore monitor", "polyscore stream fraud", "polyscore stream cross_sell", "polyscore stream maintenance")),
    ("live", ("polyscore monitor", "polyscore stream fraud", "polyscore simulate fraud")),
    ("alerts", ("polyscore stream fraud", "polyscore simulate fraud")),
    ("keys", ("polyscore stream fraud", "polyscore simulate fraud")),
    ("models", ("polyscore train fraud",)),
])  # fmt: skip
def test_an_empty_database_names_the_commands_that_fill_the_page(page: str, commands: tuple[str, ...], url: str) -> None:
    open_database(url).dispose()
    shown = said(run(page))
    assert "Nothing to show yet" in shown
    assert all(command in shown for command in commands)


def test_live_shows_numbers_charts_and_the_time_of_the_data(url: str) -> None:
    fill(url, alerts=5)
    page = run("live")
    shown = said(page)
    assert "data as of 14:13:20 UTC" in shown
    assert ">3,000<" in shown, "all decisions of 30 windows"
    assert ">50<" in shown, "100 decisions in 2 s are 50 a second"
    assert f"model {VERSION} as pmml" in shown
    assert len(page.get("vega_lite_chart")) == 4
    assert "Nothing to show yet" not in shown


def test_alerts_shows_the_queue_and_the_newest_in_detail(url: str) -> None:
    fill(url, alerts=5)
    page = run("alerts")
    shown = said(page)
    assert list(page.dataframe[0].value["amount"]) == [60.0, 50.0, 40.0, 30.0, 20.0]
    assert "d000040" in shown
    assert "1. 4.9 times the customer's usual amount" in shown
    assert "5 of 5 alerts" in shown
    assert "The customer's last 2 payments" in shown


def test_now_shows_the_newest_decision_of_each_key_the_highest_score_first(url: str) -> None:
    fill(url, alerts=8)
    table = run("keys").dataframe[0].value
    assert len(table) == len(set(table["customer"])) == 37
    assert list(table["score"]) == sorted(table["score"], reverse=True)


@pytest.mark.parametrize(("most", "tile"), [(36, "36+"), (37, "37")])
def test_now_says_where_there_are_more_keys_than_it_shows(most: int, tile: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_KEYS", most)
    fill(url, alerts=8)
    page = run("keys")
    assert f'<div class="name">customers</div><div class="value">{tile}</div>' in said(page)
    assert ("of the first 36 by name: there are more" in said(page)) == (most == 36)
    assert sorted(page.dataframe[0].value["customer"]) == [f"c{n:03d}" for n in range(most)]


def test_live_shows_what_the_decisions_were_worth(url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url)
    with engine.begin() as connection:
        upsert(connection, OutcomesRow, [{"domain": "fraud", "end_us": 1, "sums": {"stopped amount": 1234.4, "payments": 9.0}}])
    engine.dispose()
    shown = said(run("live"))
    assert ">stopped amount<" in shown
    assert ">1,234<" in shown
    assert ">missed amount<" not in shown, "the ledger knows none"


def test_alerts_are_filtered_by_customer_and_action(url: str) -> None:
    fill(url, alerts=8)
    page = run("alerts")
    page.text_input(key="key").set_value("c010").run()
    assert set(page.dataframe[0].value["customer"]) == {"c010"}
    page.text_input(key="key").set_value("nobody").run()
    assert "No alert matches" in said(page)
    assert not page.exception


def test_card_numbers_among_the_ids_are_masked(url: str) -> None:
    fill(url, alerts=5)
    engine = open_database(url)
    with engine.begin() as connection:
        for table in ("decision", "alert"):
            context = """'{"amount": 20.0, "terminal_id": "4222222222222"}'"""
            changes = f"decision_id = 'd5555555555554444', context = {context}"
            connection.execute(text(f"UPDATE {table} SET {changes} WHERE decision_id = 'd000040'"))
            connection.execute(text(f"UPDATE {table} SET key = '4111111111111111'"))
    engine.dispose()
    page = run("alerts")
    everything = "\n".join([said(page), *(frame.value.to_string() for frame in page.dataframe)])
    assert set(page.dataframe[0].value["customer"]) == {"411111******1111"}
    assert all(shown in everything for shown in ("411111******1111", "d555555******4444", "422222***2222"))
    assert not any(card in everything for card in ("4111111111111111", "5555555555554444", "4222222222222"))


def test_five_thousand_alerts_are_shown(url: str) -> None:
    fill(url, alerts=5_000)
    page = run("alerts")
    assert len(page.dataframe[0].value) == 5_000
    assert "5,000 of 5,000 alerts" in said(page)


def test_models_shows_the_manifest_the_metrics_and_the_plots(url: str) -> None:
    fill(url, alerts=1)
    page = run("models")
    shown = said(page)
    assert "data as of 00:00:00 UTC, 01 January 2026" in shown, "when the newest was announced"
    assert "1,234 rows (simulated)" in shown
    assert "labels 7 days late" in shown
    assert "0.3391" in shown
    metrics = table(page, "metric")
    assert list(metrics["metric"])[:2] == ["auc", "average precision"]
    assert metrics["std"].iloc[0] == 0.01
    assert len(page.get("vega_lite_chart")) == 9


def test_models_shows_every_fold_in_numbers_and_the_mean_over_its_plot(url: str) -> None:
    fill(url, alerts=1)
    page = run("models")
    shown = said(page)
    assert all(f"**{name}** by fold" in shown for name in ("AUC", "Average precision", "Card precision@100 / ceiling", "Calibration error"))
    assert "mean 0.7512, std 0.0100" in shown
    folds = table(page, "first test day")
    assert list(folds["first test day"]) == [45, 48]
    assert list(folds["tested on"]) == ["2025-12-01 to 2025-12-07"] * 2
    assert list(folds["card precision share"]) == [0.4, 0.3]


def test_a_report_of_before_without_the_folds_own_points_is_shown_all_the_same(url: str) -> None:
    fill(url, alerts=1)
    engine = open_database(url)
    with engine.begin() as connection:
        of_before = _report(connection)
        of_before["folds"] = [{name: fold[name] for name in ("first_test_day", "metrics")} for fold in of_before["folds"]]
        connection.execute(text("UPDATE model SET report = :report"), {"report": json.dumps(of_before)})
    engine.dispose()
    assert len(run("models").get("vega_lite_chart")) == 9


def _report(connection: Connection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(connection.execute(text("SELECT report FROM model")).scalar_one())
    return found


def test_the_domain_stands_in_the_address(url: str) -> None:
    open_database(url).dispose()
    assert "Alerts · Cross-sell" in said(run("alerts", domain="Cross-sell"))
    assert "Alerts · Payment fraud" in said(run("alerts", domain="nothing known"))


def test_a_database_that_is_none_is_told_and_not_traced(url: str, tmp_path: Path) -> None:
    (tmp_path / "polyscore.db").write_bytes(b"this is not a database" * 100)
    shown = said(run("live"))
    assert "not a database" in shown
    assert "the sink fills a new one" in shown


def test_a_database_made_anew_is_read_anew(url: str, tmp_path: Path) -> None:
    fill(url, alerts=2)
    assert "data as of" in said(run("live"))
    for file in tmp_path.glob("polyscore.db*"):
        file.unlink()
    (tmp_path / "held").write_text("so that the next file has another inode")
    open_database(url).dispose()
    assert "Nothing to show yet" in said(run("live"))


def test_history_alone_has_throughput_and_no_latency(url: str) -> None:
    fill(url, alerts=1, windows=10)
    engine = open_database(url)
    nothing = ", ".join(f"{name} = NULL" for name in ("p50_ms", "p95_ms", "p99_ms"))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE sla_window SET measured = 0, misses = 0, histogram = '', {nothing}"))
    engine.dispose()
    page = run("live")
    assert "have no latency" in said(page)
    assert len(page.get("vega_lite_chart")) == 3


def test_formats_without_a_comparison_names_the_command_that_makes_one(url: str) -> None:
    page = run("formats")
    shown = said(page)
    assert "Nothing to show yet" in shown
    assert "make bench" in shown
    assert "by itself" not in shown, "the page stands still"
    assert not page.dataframe


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 99, "rows": [1]}', '{"version": 1, "rows": []}'])
def test_a_comparison_that_is_none_is_told_and_not_traced(text: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text(text)
    shown = said(run("formats"))
    assert "Nothing to show yet" in shown
    assert str(tmp_path / "comparison.json") in shown
    assert "make bench" in shown


def test_formats_shows_parity_speed_loading_and_the_stream_of_each(url: str, tmp_path: Path) -> None:
    stream = {"throughput": [{"kind": "full", "guarantee": "at-least-once", "format": "pmml", "per_core": 12_345.0, "per_second": 1.0}]}
    (tmp_path / "comparison.json").write_text(json.dumps(compared(stream, pfa="failed")))
    page = run("formats")
    shown = said(page)
    assert "data as of 00:00:00 UTC, 01 January 2026" in shown
    assert "Abacus 1, 2 cores" in shown
    assert "Nothing to show yet" not in shown
    assert len(page.get("vega_lite_chart")) == 4
    table = page.dataframe[0].value.set_index("subject")
    assert {"C API", "pmml", "PMML4S", *FORMATS} <= set(table.index)
    assert (table.loc["pmml", "outcome"], table.loc["pmml", "one_ratio"], table.loc["pmml", "cold_s"]) == ("passed", 0.5, 0.4)
    assert table.loc["pfa", "outcome"] == "failed"
    assert table.loc["pfa", ["one_us", "many_us", "cold_s", "kb"]].isna().all(), "no figure without parity"


def test_formats_shows_another_model_where_one_is_chosen(url: str, tmp_path: Path) -> None:
    found = compared()
    next(r for r in found["rows"] if r["case"].startswith("regression") and r["subject"] == "pmml")["figures"]["one"]["p50_ratio"] = 0.125
    (tmp_path / "comparison.json").write_text(json.dumps(found))
    page = run("formats")
    assert page.dataframe[0].value.set_index("subject").loc["pmml", "one_ratio"] == 0.5
    page.selectbox(key="case").set_value("regression 200 x 31").run()
    assert page.dataframe[0].value.set_index("subject").loc["pmml", "one_ratio"] == 0.125


def test_formats_shows_what_is_proven_of_the_newest_bundle(url: str, tmp_path: Path, bundle: Path) -> None:
    shutil.copytree(bundle, tmp_path / "bundles" / "fraud" / bundle.name)
    page = run("formats")
    assert f"Proven of the newest bundle**, {bundle.name}" in said(page)
    proven = page.dataframe[0].value.set_index("name")
    assert proven.loc["pmml", "outcome"] == "passed"
    assert proven.loc["pmml", "equal"] == proven.loc["pmml", "rows"] > 0


@pytest.mark.parametrize("page", ["live", "overview"])
def test_what_is_old_is_said_to_be_and_shown_as_no_rate_of_now(url: str, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    fill(url, alerts=1)
    rate = '<div class="name">payments / s</div><div class="value">'
    now = said(run(page))
    assert f"{rate}50<" in now
    assert "nothing has come since" not in now
    monkeypatch.setattr(parts, "now_us", lambda: NOW_US + 600_000_000)
    later = said(run(page))
    assert "that was 10 min ago: nothing has come since" in later
    assert f"{rate}–<" in later
    assert "scored by" not in later


def test_live_shows_the_slowest_of_a_thousand_what_was_refused_and_the_budget_left(url: str) -> None:
    fill(url, alerts=1)
    fill_letters(url, 100)
    shown = said(run("live"))
    tiles = {name: f'<div class="name">{name}</div><div class="value">' for name in ("p99.9", "dead letters / min", "dead letters, 24 h")}
    assert f"{tiles['p99.9']}–" not in shown
    assert tiles["p99.9"] in shown
    assert f"{tiles['dead letters / min']}59<" in shown
    assert f"{tiles['dead letters, 24 h']}100<" in shown
    assert '<div class="name">error budget left</div><div class="value">100.0%<' in shown
