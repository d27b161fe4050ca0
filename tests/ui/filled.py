"""A database as the sink fills it, of any size, made from the tables alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from apps.database import open_database, upsert
from apps.sla import Seen, Windows
from apps.tables import (
    KEPT,
    AlertRow,
    ContestedRow,
    DecisionRow,
    DriftWindowRow,
    LoopEventRow,
    ModelRow,
    QualityWindowRow,
    SlaWindowRow,
    StandingRow,
)
from domain.registry import DOMAINS

FRAUD = DOMAINS["fraud"]
NOW_US = 1_790_000_000_000_000
VERSION = "20260101-000000-abcdef12"
_CHAMPION = {"parent": None, "stage": "champion", "steps": [{"stage": "champion", "at_us": NOW_US, "by": "train", "why": "the first"}]}


def fill(url: str, alerts: int, windows: int = 30, slower_us: int = 0) -> None:
    """``alerts`` alerts among ten times as many decisions, windows that end at ``NOW_US``, one model. ``slower_us``: on each latency."""
    engine = open_database(url)
    rows = [_decision(i, alerts * 10) for i in range(alerts * 10)]
    alert_columns = [c.name for c in AlertRow.metadata.tables["alert"].columns if not c.info.get(KEPT)]
    with engine.begin() as connection:
        for start in range(0, len(rows), 2_000):
            part = rows[start : start + 2_000]
            upsert(connection, DecisionRow, [{c: value for c, value in r.items() if c != "likeness"} for r in part])
            upsert(connection, AlertRow, [{c: r[c] for c in alert_columns} for r in part if r["alert"]])
        upsert(connection, SlaWindowRow, [w.model_dump() for w in _windows(windows, slower_us)])
        version = {"domain": "fraud", "version": VERSION, "created": datetime(2026, 1, 1, tzinfo=UTC)}
        upsert(connection, ModelRow, [{**version, **_CHAMPION, **_model()}])
    engine.dispose()


DAY_US = 86_400_000_000
HEADLINE = "average_precision"


def name(number: int) -> str:
    """The version of this number, as ``fill_loop`` makes it."""
    return f"2026{number:04d}-000000-0000abcd"


def fill_loop(url: str, versions: int = 2, days: int = 12, events: int = 3) -> None:
    """So many later versions of the fraud model: the last is the champion, the one before it challenges it.

    ``days`` are judged of each of the last two, the last three not settled; every feature of the champion has two drift windows; the loop
    told of ``events`` moves, and at last of a drift.
    """
    engine = open_database(url)
    champion, challenger = name(versions), name(versions - 1)
    at_work = {"champion": champion, "challengers": [challenger], "share": 0.0, "former": [VERSION], "at_us": NOW_US, "by": "gate"}
    with engine.begin() as connection:
        upsert(connection, ModelRow, [_version(n, versions) for n in range(1, versions + 1)])
        upsert(connection, StandingRow, [{"domain": "fraud", **at_work, "why": "better by 0.07"}])
        upsert(connection, QualityWindowRow, [_day(day, days, version) for day in range(days) for version in (champion, challenger)])
        upsert(
            connection, DriftWindowRow, [_drift(n, champion, end) for n in range(len(FRAUD.schema)) for end in (NOW_US - DAY_US, NOW_US)]
        )
        upsert(connection, LoopEventRow, [_event(n, events, champion) for n in range(events)])
        upsert(connection, ContestedRow, [_contest(champion, challenger)])
    engine.dispose()


def _version(number: int, of: int) -> dict[str, Any]:
    stage = "champion" if number == of else "challenger" if number == of - 1 else "archived"
    steps = [
        {"stage": "candidate", "at_us": NOW_US - 9 * DAY_US + number, "by": "loop", "why": "5,000 new labels"},
        {"stage": stage, "at_us": NOW_US - 8 * DAY_US + number, "by": "gate", "why": f"verdict {number}"},
    ]
    version = {"domain": "fraud", "version": name(number), "created": datetime(2026, 1, 2, tzinfo=UTC) + timedelta(hours=number)}
    metrics = {HEADLINE: {"mean": 0.5 + number / 1000, "std": 0.0, "min": 0.5, "max": 0.6}}
    made = _model()
    made["manifest"] |= {"metrics": metrics}
    return {**version, "parent": name(number - 1) if number > 1 else VERSION, "stage": stage, "steps": steps, **made}


def _day(number: int, of: int, version: str) -> dict[str, Any]:
    settled, value = number < of - 3, 0.6 + int(version[4:8]) / 1000 + number % 7 / 100
    return {
        **{"domain": "fraud", "day": date(2026, 8, 1) + timedelta(days=number), "model_version": version, "decisions": 4_000},
        **{"labelled": 300, "waiting": 0 if settled else 3_700, "never": 3_700 if settled else 0, "reviewed": 9, "confirmed": 7},
        **{"settled": settled, "share": 1.0, "worth": {"stopped amount": 10.0}},
        "metrics": {HEADLINE: value} if number else {},  # on the first day there were too few labels
    }


def _drift(number: int, version: str, end_us: int) -> dict[str, Any]:
    beyond = number == 3 and end_us == NOW_US
    return {
        **{"domain": "fraud", "end_us": end_us, "model_version": version, "name": FRAUD.schema.names[number]},
        **{"psi": 0.9 if beyond else 0.01 * number, "limit": 0.3, "missing": 0.25, "unseen": 0.0, "rows": 28_000, "draws": 900},
    }


def _event(number: int, of: int, champion: str) -> dict[str, Any]:
    what, text = ("drift", "drift: amount: PSI 0.90 (limit 0.30) since 2026-09-18") if number == of - 1 else ("gate", f"refused {number}")
    at_us = NOW_US - (of - 1 - number) * 1_000_000
    return {"domain": "fraud", "at_us": at_us, "what": what, "version": champion, "text": text, "details": {}}


def _contest(champion: str, challenger: str) -> dict[str, Any]:
    actions = {"approve > approve": 7_000, "approve > block": 500, "block > block": 2_500}
    return {
        **{"domain": "fraud", "champion": champion, "challenger": challenger, "end_us": NOW_US, "both": 10_000, "agreed": 9_500},
        **{"mean_difference": 0.0125, "actions": actions},
        **{"champion_sums": {"stopped amount": 900.0, "payments": 10_000.0}, "challenger_sums": {"stopped amount": 1_100.0}},
    }


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
        "likeness": "# times the customer's usual amount" if alert else "",
        "model_version": VERSION,
        "format": "pmml",
        "source_us": NOW_US - (total - number) * 1_000 - 5_000,
        "broker_us": NOW_US - (total - number) * 1_000 - 4_000,
        "decided_us": NOW_US - (total - number) * 1_000,
    }


def _windows(count: int, slower_us: int) -> list[Any]:
    rng, found = np.random.default_rng(0), []
    start = NOW_US - count * 2_000_000
    windows = Windows({"fraud": FRAUD.deadline_ms}, start)
    for i in range(count):
        for latency in (rng.lognormal(9, 0.5, 100).astype(int) + slower_us).tolist():
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
        **{"headline": HEADLINE, "lower_is_better": False},
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
