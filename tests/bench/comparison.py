"""What was measured of formats and stream, as one file, two pages and a verdict.

``formats.json`` (pytest-benchmark's) and, where it is there, ``stream.json`` become ``comparison.json``, ``formats.md`` and
``formats.html``. A subject whose answers are not LightGBM's has no figure in any of them, whatever was timed.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench import comparison_page
from tests.bench.contest import MEASURES
from tests.bench.machine import told
from tests.bench.subjects import YARDSTICK
from tests.bench.targets import targets

VERSION: Final = 1
Figures = dict[str, Any]


def consolidate(found: dict[str, Any], stream: dict[str, Any] | None) -> dict[str, Any]:
    """The comparison as one document: a row for each subject on each case, its figures beside the yardstick's."""
    said = found["comparison"]
    cases = {c["name"]: c for c in said["cases"]}
    kinds = {s["name"]: s["kind"] for s in said["subjects"]}
    timed = _timed(found["benchmarks"])
    colds = {key: _cold(measures["cold"]["runs"]) for key, measures in timed.items() if "cold" in measures}
    rows = []
    for entry in said["entries"]:
        key = entry["case"], entry["subject"]
        about = {"objective": cases[key[0]]["objective"], "size": cases[key[0]]["size"], "kind": kinds[key[1]]}
        passed = entry["outcome"] == "passed"
        figures = _figures(entry, timed.get(key, {}), colds.get(key), colds.get((key[0], YARDSTICK))) if passed else None
        rows.append({**{name: value for name, value in entry.items() if name != "bytes"}, **about, "figures": figures})
    return {
        "version": VERSION,
        "measured": said["measured"],
        "machine": told(found["machine_info"]),
        "libraries": said["libraries"],
        "yardstick": YARDSTICK,
        "subjects": said["subjects"],
        "cases": said["cases"],
        "rows": rows,
        "compiling_s": said["compiling_s"],
        "stream": _stream(stream),
        "stream_measured": (stream or {}).get("measured"),
        "targets": targets(rows),
    }


def _timed(benchmarks: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """What each measurement noted, by case and subject, then by measure."""
    by_pair: dict[tuple[str, str], dict[str, Any]] = {}
    for noted in (b["extra_info"] for b in benchmarks):
        if "measure" in noted:
            by_pair.setdefault((noted["case"], noted["subject"]), {})[noted["measure"]] = noted
    return by_pair


def _figures(entry: dict[str, Any], timed: dict[str, Any], cold: Figures | None, yardstick: Figures | None) -> Figures:
    return {
        "bytes": entry["bytes"],
        **{measure: _of_calls(timed[measure], rows) if measure in timed else None for measure, rows in MEASURES.items()},
        "cold": cold and yardstick and {**cold, **{f"{name}_ratio": _ratio(cold[name], yardstick[name]) for name in _COLD}},
    }


_COLD: Final = ("process_s", "reading_s", "memory_mb")


def _of_calls(noted: dict[str, Any], rows: int) -> Figures:
    """Microseconds of a call and of a row in it, and the ratios to the yardstick's calls in the same moments; no p99 of few calls."""
    kept = {name: noted[name] for name in ("p50_us", "p99_us", "calls")}
    ratios = {f"{p}_ratio": _ratio(noted[f"{p}_us"], noted[f"yardstick_{p}_us"]) for p in ("p50", "p99")}
    return {**kept, "row_us": noted["p50_us"] / rows, **ratios}


def _cold(runs: list[dict[str, float]]) -> Figures:
    """The median of the cold processes; no reading alone where loading starts a process."""
    found: Figures = {name: median(run[name] for run in runs) if name in runs[0] else None for name in (*_COLD, "loading_s")}
    return {**found, "runs": len(runs)}


def _ratio(value: float | None, yardstick: float | None) -> float | None:
    return value / yardstick if value is not None and yardstick else None


def _stream(stream: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Payments per second through the whole stream, by format and guarantee; empty where it was not measured."""
    kept = ("format", "guarantee", "per_core", "per_second")
    return [{name: row[name] for name in kept} for row in (stream or {}).get("throughput", ()) if row["kind"] == "full"]


def write(folder: Path) -> dict[str, Any]:
    """Make the three files from what lies in ``folder``; returns the comparison."""
    stream = folder / "stream.json"
    found = consolidate(json.loads((folder / "formats.json").read_text()), json.loads(stream.read_text()) if stream.exists() else None)
    (folder / "comparison.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "formats.md").write_text(comparison_page.markdown(found))
    (folder / "formats.html").write_text(comparison_page.html(found))
    return found


def failed(found: dict[str, Any]) -> list[str]:
    """Who gave other answers than LightGBM."""
    return [f"{row['subject']} on {row['case']}" for row in found["rows"] if row["outcome"] == "failed"]
