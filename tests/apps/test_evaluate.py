"""`polyscore evaluate` on a recording: its JSON says every number of every fold, and their spread."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from apps.cli import app
from domain.fraud.simulator import PERFECT
from domain.registry import DOMAINS

APRIL = datetime(2018, 4, 1, tzinfo=UTC)
DAYS = 61  # as long as the handbook's April and May


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A simulated world in a file of the handbook's columns."""
    sent = list(DOMAINS["fraud"].simulate(11, APRIL, customers=250, terminals=500, days=DAYS + 8, imperfections=PERFECT))
    fraud = {e.value.id: e.value.fraud for e in sent if e.stream == "labels"}
    payments = [e.value for e in sent if e.stream == "events" and e.value.id in fraud and (e.value.event_time - APRIL).days < DAYS]
    columns = {
        "TRANSACTION_ID": list(range(len(payments))),
        "TX_DATETIME": [p.event_time.replace(tzinfo=None) for p in payments],
        "CUSTOMER_ID": [p.customer_id for p in payments],
        "TERMINAL_ID": [p.terminal_id for p in payments],
        "TX_AMOUNT": [p.amount for p in payments],
        "TX_FRAUD": [int(fraud[p.id]) for p in payments],
    }
    pq.write_table(pa.table(columns), tmp_path / "recording.parquet")
    return tmp_path / "recording.parquet"


def test_the_json_report_has_the_numbers_of_every_fold_and_their_spread(recording: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "fraud", "--data", str(recording), "--json", str(tmp_path / "report.json")])
    assert result.exit_code == 0, result.output
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    folds = report["folds"]
    assert len(folds) >= 4
    for name, spread in report["metrics"].items():
        values = [fold["metrics"][name] for fold in folds]
        assert spread["mean"] == pytest.approx(sum(values) / len(values))
        assert (spread["min"], spread["max"]) == (min(values), max(values))
    wanted = {"auc", "average_precision", "card_precision_at_100", "card_precision_ceiling", "card_precision_share", "calibration_error"}
    assert wanted <= set(report["metrics"])
    assert all(fold["test_window"]["from"] > fold["train_window"]["to"] for fold in folds)
    assert all(fold["curves"]["roc"] and fold["calibration"] and fold["tested"] and fold["positives"] for fold in folds)
