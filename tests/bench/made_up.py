"""A comparison with figures that nobody measured, as pytest-benchmark's file holds them."""

from __future__ import annotations

from typing import Any

from tests.bench.cases import CASES
from tests.bench.comparison import consolidate
from tests.bench.contest import MEASURES
from tests.bench.subjects import KERNEL, YARDSTICK, subjects

# Times the yardstick's, for one row and for 10,000 of them.
ONE = {YARDSTICK: 1.0, KERNEL: 0.5, "pmml": 0.5, "pfa": 0.5, "PMML4S": 300.0, "Titus": 1_500.0}
MANY = {KERNEL: 0.5, "pmml": 0.5, "pfa": 0.5}
YARDSTICK_US = 10.0


def measured(**outcomes: str) -> dict[str, Any]:
    """A whole file of the quick run. ``outcomes``: what became of a subject, by name, where it did not pass."""
    cases = [{"name": c.name, "size": c.size, "objective": c.objective, "trees": c.trees, "leaves": c.leaves} for c in CASES["quick"]]
    listed = [
        {"name": s.name, "kind": s.kind, "model_format": s.model_format, "description": s.description, "served": s.served}
        for s in subjects()
    ]
    pairs = [(case["name"], subject["name"]) for case in cases for subject in listed]
    return {
        "machine_info": {"cpu": {"count": 2, "brand_raw": "Abacus 1"}, "machine": "x", "python_version": "3.11.0", "system": "Linux"},
        "benchmarks": [{"extra_info": noted} for case, subject in pairs for noted in _noted(str(case), str(subject))],
        "comparison": {
            "measured": "2026-01-01T00:00:00+00:00",
            "libraries": {"lightgbm": "4"},
            "rows": 10_000,
            "subjects": listed,
            "cases": cases,
            "compiling_s": 12.3,
            "entries": [_entry(str(case), str(subject), outcomes.get(str(subject), "passed")) for case, subject in pairs],
        },
    }


def compared(stream: dict[str, Any] | None = None, **outcomes: str) -> dict[str, Any]:
    """The comparison that comes of ``measured``."""
    return consolidate(measured(**outcomes), stream)


def _entry(case: str, subject: str, outcome: str) -> dict[str, Any]:
    parity = {"rows": 12_000, "equal": 12_000, "raw_ulps": 0.0, "value_ulps": 1.0, "worst": None}
    reason = "" if outcome == "passed" else f"{subject} says why"
    return {"case": case, "subject": subject, "outcome": outcome, "reason": reason, "parity": parity, "bytes": 700_000, "unmeasured": {}}


def _noted(case: str, subject: str) -> list[dict[str, Any]]:
    ratios = {"one": ONE.get(subject, 2.0), "hundred": 1.0, "ten_thousand": MANY.get(subject, 1.0)}
    about = {"case": case, "subject": subject}
    times = [{**about, "measure": measure, "calls": 100, **_times(ratios[measure], rows)} for measure, rows in MEASURES.items()]
    runs = [{"process_s": s, "importing_s": 0.1, "loading_s": 0.2, "memory_mb": 100.0, "reading_s": 0.1} for s in (0.4, 0.9, 0.3)]
    return [*times, {**about, "measure": "cold", "runs": runs}]


def _times(ratio: float, rows: int) -> dict[str, float]:
    theirs = {"p50_us": YARDSTICK_US * rows, "p99_us": 2 * YARDSTICK_US * rows}
    return {**{name: ratio * value for name, value in theirs.items()}, **{f"yardstick_{name}": value for name, value in theirs.items()}}
