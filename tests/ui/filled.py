"""A database as the sink fills it, of any size, made from the tables alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from apps.database import open_database, upsert
from apps.sla import Seen, Windows
from apps.tables import AlertRow, DecisionRow, ModelRow, SlaWindowRow
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]
NOW_US = 1_790_000_000_000_000
VERSION = "20260101-000000-abcdef12"
_CHAMPION = {"parent": None, "stage": "champion", "steps": [{"stage": "champion", "at_us": NOW_US, "by": "train", "why": "the first"}]}


def fill(url: str, alerts: int, windows: int = 30) -> None:
    """``alerts`` alerts among ten times as many decisions, windows that end at ``NOW_US``, one model."""
    engine = open_database(url)
    rows = [_decision(i, alerts * 10) for i in range(alerts * 10)]
    alert_columns = [c.name for c in AlertRow.metadata.tables["alert"].columns if c.name != "status"]
    with engine.begin() as connection:
        for start in range(0, len(rows), 2_000):
            part = rows[start : start + 2_000]
            upsert(connection, DecisionRow, part)
            upsert(connection, AlertRow, [{c: r[c] for c in alert_columns} for r in part if r["alert"]])
        upsert(connection, SlaWindowRow, [w.model_dump() for w in _windows(windows)])
        version = {"domain": "fraud", "version": VERSION, "created": datetime(2026, 1, 1, tzinfo=UTC)}
        upsert(connection, ModelRow, [{**version, **_CHAMPION, **_model()}])
    engine.dispose()


def _decision(number: int, total: int) -> dict[str, Any]:
    alert = number % 10 == 0
    amount = 20.0 + number % 180
    return {
        "domain": "fraud",
        "decision_id": f"d{number:06d}",
        "key": f"c{number % 37:03d}",
        "event_time": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number),
        "action": ("block" if number % 20 else "review") if alert else "approve",
        "alert": alert,
        "score": 0.9 if alert else 0.01,
        "threshold": 0.05,
        "raw": [2.2],
        "features": [amount, *[None] * (len(FRAUD.schema) - 1)],
        "context": {"amount": amount, "terminal_id": "t1", "merchant_category": None},
        "reasons": ["4.9 times the customer's usual amount", "<b>not markup</b>"] if alert else [],
        "model_version": VERSION,
        "format": "pmml",
        "source_us": NOW_US - (total - number) * 1_000 - 5_000,
        "broker_us": NOW_US - (total - number) * 1_000 - 4_000,
        "decided_us": NOW_US - (total - number) * 1_000,
    }


def _windows(count: int) -> list[Any]:
    rng, found = np.random.default_rng(0), []
    start = NOW_US - count * 2_000_000
    windows = Windows({"fraud": FRAUD.deadline_ms}, start)
    for i in range(count):
        for latency in rng.lognormal(9, 0.5, 100).astype(int).tolist():
            windows.add(Seen("fraud", VERSION, "pmml", "approve" if latency % 10 else "block", 1_000_000, 1_000_500, 1_000_000 + latency))
        found += windows.close(start + (i + 1) * 2_000_000, {"fraud": i})
    return found


def _model() -> dict[str, Any]:
    spread = {"mean": 0.7512, "std": 0.01, "min": 0.73, "max": 0.77}
    names = ("auc", "average_precision", "card_precision_at_100", "card_precision_ceiling", "card_precision_share", "calibration_error")
    curves = {"precision_recall": [[0, 1], [1, 0]], "roc": [[0, 0], [0, 1], [1, 1]]}
    calibration = [{"score": 0.01, "observed": 0.02, "count": 10}, {"score": 0.2, "observed": 0.1, "count": 10}]
    window = {"from": "2025-12-01T00:00:09+00:00", "to": "2025-12-07T23:59:01+00:00"}
    fold = {
        **{"first_test_day": 45, "train_window": window, "test_window": window, "trained": 700, "tested": 600, "positives": 5},
        **{"metrics": dict.fromkeys(names, 0.4), "curves": curves, "calibration": calibration},
    }
    report = {
        "protocol": {"train_days": 7, "delay_days": 7, "test_days": 7},
        "folds": [fold, {**fold, "first_test_day": 48, "metrics": dict.fromkeys(names, 0.3)}],
        "metrics": dict.fromkeys(names, spread),
        "baselines": {"best single rule": {"average_precision": {"mean": 0.3391}}},
        "shown": FRAUD.learning().shown,
        "curves": curves,
        "calibration": calibration,
        "importance": {"amount": 0.6, "hour": 0.4},
    }
    manifest = {
        "created": "2026-01-01T00:00:00+00:00",
        "data": {"rows": 1234, "source": "simulated", "from": "2025-11-01T", "to": "2025-11-14T", "label_delay_days": 7},
        "schema": FRAUD.schema.to_json(),
        "files": {"model.pmml": {"sha256": "0" * 64, "bytes": 17}},
        "params": {"objective": "binary"},
        "libraries": {"lightgbm": "4"},
    }
    return {"manifest": manifest, "report": report}
