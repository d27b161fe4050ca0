"""A table of one's own on the dashboard: every page takes it as it takes a domain, also one whose model came as a file."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from apps.database import open_database, upsert
from apps.tables import ModelRow, StandingRow
from tests.ui.driver import run, said
from tests.ui.filled import NOW_US, fill

EVERY = ("live", "alerts", "keys", "models", "formats")


@pytest.fixture
def home(url: str, tmp_path: Path, loans: Path) -> Path:
    """What the dashboard reads beside the database, with the bundle of the table ``loans``."""
    shutil.copytree(loans / "bundles", tmp_path / "bundles")
    return tmp_path


def bundle(home: Path) -> dict[str, Any]:
    (folder,) = (home / "bundles" / "loans").iterdir()
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in ("manifest", "report")}


def turned(url: str, model: dict[str, Any]) -> None:
    """A small database of payments, as if they were decisions on loans, by this model."""
    fill(url, alerts=3)
    version = model["manifest"]["version"]
    step = {"stage": "champion", "at_us": NOW_US, "by": "train", "why": "the first"}
    engine = open_database(url)
    with engine.begin() as connection:
        for table in ("decision", "alert", "sla_window"):
            connection.execute(text(f"UPDATE {table} SET domain = 'loans'"))
        connection.execute(text("UPDATE decision SET features = '[7.5, 0]'"))
        for table in ("decision", "alert"):
            changed = "action = CASE WHEN action = 'approve' THEN 'pass' ELSE 'flag' END, context = :context"
            connection.execute(text(f"UPDATE {table} SET {changed}"), {"context": json.dumps({"amount": 7.5, "purpose": "car"})})
        row = {"domain": "loans", "version": version, "created": datetime(2026, 1, 1, tzinfo=UTC), "parent": None, "stage": "champion"}
        upsert(connection, ModelRow, [{**row, "steps": [step], **model}])
        standing = {"domain": "loans", "champion": version, "challengers": [], "share": 0.0, "former": [], "at_us": NOW_US}
        upsert(connection, StandingRow, [{**standing, "by": "train", "why": "the first"}])
    engine.dispose()


@pytest.mark.usefixtures("home")
def test_pages_open_with_a_table_that_nothing_was_sent_to(url: str) -> None:
    open_database(url).dispose()
    assert "polyscore replay loans --data FILE" in said(run("overview"))
    for page in EVERY:
        assert "· loans" in said(run(page, domain="loans")), page


def test_pages_show_a_tables_decisions_alerts_and_model(home: Path, url: str) -> None:
    turned(url, bundle(home))
    assert "**loans**" in said(run("overview"))
    shown = {page: said(run(page, domain="loans")) for page in EVERY}
    assert "rows / s" in shown["live"]
    assert "Nothing to show yet" not in shown["alerts"]
    assert "4.9 times" in shown["alerts"], "the reasons of the newest alert"
    assert "200 rows (loans.csv)" in shown["models"]
    assert "Judged stratified" in shown["models"]
    objective = said(run("sla", domain="loans"))
    assert "in `models/table_domain.py`: `deadline_ms`, and in `domain/contract.py`: `on_time`" in objective
    assert "domain/loans" not in objective, "there is no such file"
    decision = said(run("decision", decision="d000010"))
    assert "d000010" in decision


def test_a_model_that_came_as_a_file_says_nothing_of_how_good_it_is(home: Path, url: str) -> None:
    model = bundle(home)
    model["manifest"]["data"] = {"source": "model.txt", "label": "label", "classes": ["0", "1"], "threshold": 0.5}
    model["manifest"]["metrics"] = {}
    model["report"] = {**model["report"], "folds": [], "metrics": {}, "baselines": {}, "shown": {}}
    for name in ("curves", "calibration"):
        model["report"].pop(name)
    turned(url, model)
    shown = said(run("models", domain="loans"))
    assert "from a model file (model.txt), which does not say what it was trained on" in shown
    assert "Judged" not in shown
