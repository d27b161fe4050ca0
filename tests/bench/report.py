"""Writes the stream's benchmark as JSON and as a page to read: every figure with its ratio to its yardstick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write(results: dict[str, Any], folder: Path) -> None:
    """``stream.json`` and ``stream.md`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stream.json").write_text(json.dumps(results, indent=2) + "\n")
    sections = (["# The stream's speed", "", _machine(results)], _throughput(results), _parts(results), _latency(results))
    (folder / "stream.md").write_text("\n".join(line for section in sections for line in (*section, "")))


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return f"{machine['cores']} cores shared by broker, scorer and load; Python {machine['python']}. Ratios hold within this run only."


def _throughput(results: dict[str, Any]) -> list[str]:
    rows = results["throughput"]
    frame = {r["guarantee"]: r["per_core"] for r in rows if r["kind"] == "frame"}
    consume = next(r["per_core"] for r in rows if r["kind"] == "consume")
    lines = ["## Payments per second per core", "", "Per second of the process's CPU time; median of three runs.", ""]
    lines += ["| what | guarantee | format | per core | per second | to the frame | to a bare consumer |"]
    lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for r in rows:
        to_frame = f"{r['per_core'] / frame[r['guarantee']]:.2f}" if r["guarantee"] in frame else "-"
        speed = f"{r['per_core']:,.0f} | {r['per_second']:,.0f} | {to_frame} | {r['per_core'] / consume:.3f}"
        lines.append(f"| {r['kind']} | {r['guarantee']} | {r['format']} | {speed} |")
    return lines


def _parts(results: dict[str, Any]) -> list[str]:
    lines = ["## What a payment's time goes into", "", "| part | microseconds |", "| --- | ---: |"]
    return lines + [f"| {name} | {value:.1f} |" for name, value in results["parts_us"].items()]


def _latency(results: dict[str, Any]) -> list[str]:
    echo = {r["rate"]: r["p99_ms"] for r in results["latency"] if r["what"] == "echo"}
    lines = ["## From sending a payment to seeing its decision", "", "Milliseconds, as a `read_committed` reader sees it.", ""]
    lines += ["| what | payments/s | p50 | p95 | p99 | p99.9 | p99 to echo | unanswered |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for r in results["latency"]:
        cells = [f"{r[f'p{p}_ms']:.1f}" for p in ("50", "95", "99", "99.9")]
        lines.append(f"| {r['what']} | {r['rate']} | {' | '.join(cells)} | {r['p99_ms'] / echo[r['rate']]:.1f} | {r['missing']} |")
    return lines
