"""Writes the stream's benchmark as JSON and as a page to read: every figure beside its yardstick, and the targets with met or not met."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from exports.formats import LOCAL
from tests.bench.parts import PARSE, POLICY, SERIALISE
from tests.bench.rounds import ratios, spread

TO_FRAME = 0.5  # the least that the whole stream should reach of the frame's payments per second of a core
P99_MS = {"at-least-once": 25.0, "exactly-once": 100.0}  # the most at TARGET_RATE
TARGET_RATE = 500
Spread = tuple[float, float, float]  # the median, the least and the most of the rounds


def write(results: dict[str, Any], folder: Path) -> None:
    """``stream.json`` and ``stream.md`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stream.json").write_text(json.dumps(results, indent=2) + "\n")
    (folder / "stream.md").write_text(page(results))


def page(results: dict[str, Any]) -> str:
    """The measurements as Markdown."""
    parts = (["# The stream's speed", "", _machine(results)], _targets(results), _throughput(results), _time(results), _latency(results))
    return "\n".join(line for part in parts for line in (*part, ""))


def to_frame(results: dict[str, Any]) -> dict[tuple[str, str], Spread]:
    """By guarantee and format: payments per second of a core through the whole stream, to those through the frame in the same round."""
    rows = results["throughput"]
    frame = {r["guarantee"]: r["rounds"] for r in rows if r["kind"] == "frame"}
    return {(r["guarantee"], r["format"]): spread(ratios(r["rounds"], frame[r["guarantee"]])) for r in rows if r["kind"] == "full"}


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    cores = f"{machine['processor']}, {machine['cores']} cores shared by broker, scorer and load; Python {machine['python']}."
    shared = f"Measured {results['measured']} on {cores}"
    return f"{shared} Ratios carry over to another machine, with care; times do not."


def _targets(results: dict[str, Any]) -> list[str]:
    lines = ["## Against the targets", "", "The median of the rounds counts; beside it the least and the most.", ""]
    lines += ["| what | target | measured | |", "| --- | ---: | ---: | --- |"]
    whole = to_frame(results)
    for guarantee in P99_MS:
        known = [whole[guarantee, name] for name in LOCAL if (guarantee, name) in whole]
        slowest = min(known) if len(known) == len(LOCAL) else None
        what = f"payments per core, whole stream to its frame, {guarantee}, slowest format that holds its model"
        lines.append(_target(what, f"≥ {TO_FRAME:.2f}", _range(slowest, ".2f"), slowest and slowest[0] >= TO_FRAME))
    at_rate = {r["what"]: spread(r["p99_rounds"]) for r in results["latency"] if r["rate"] == TARGET_RATE}
    for guarantee, most in P99_MS.items():
        p99 = at_rate.get(guarantee)
        what = f"p99 at {TARGET_RATE} payments/s, {guarantee}"
        lines.append(_target(what, f"≤ {most:.0f} ms", _range(p99, ".1f", " ms"), p99 and p99[0] <= most))
    return lines


def _target(what: str, target: str, measured: str, met: bool | None) -> str:
    verdict = {True: "met", False: "not met", None: "not measured"}[met]
    return f"| {what} | {target} | {measured} | {verdict} |"


def _range(found: Spread | None, digits: str, unit: str = "") -> str:
    if found is None:
        return "–"
    middle, least, most = (f"{value:{digits}}" for value in found)
    return f"{middle}{unit} ({least} to {most})"


def _throughput(results: dict[str, Any]) -> list[str]:
    rows, whole = results["throughput"], to_frame(results)
    consume = next(r["per_core"] for r in rows if r["kind"] == "consume")
    lines = ["## Payments per second per core", ""]
    lines += [f"Per second of the process's CPU time, and for remote of its server's too; rounds: {results['rounds']}, the median counts."]
    lines += ["To the frame: the median of the ratios in each round, the least and the most of them.", ""]
    lines += ["| what | guarantee | format | per core | per second | to the frame | to a bare consumer |"]
    lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for r in rows:
        of_frame = "1.00" if r["kind"] == "frame" else _range(whole.get((r["guarantee"], r["format"])), ".2f")
        speed = f"{r['per_core']:,.0f} | {r['per_second']:,.0f} | {of_frame} | {r['per_core'] / consume:.3f}"
        lines.append(f"| {r['kind']} | {r['guarantee']} | {r['format']} | {speed} |")
    return lines


def _time(results: dict[str, Any]) -> list[str]:
    """Where a payment's CPU time goes: Quix's own share, ours in the frame, and what the frame leaves out; then part by part."""
    chosen = results["format"]
    lines = ["## What a payment's time goes into", "", f"Microseconds of CPU for one payment, scored as {chosen}.", ""]
    lines += ["| | at-least-once | share | exactly-once | share |", "| --- | ---: | ---: | ---: | ---: |"]
    columns = [_shares(results, guarantee, chosen) for guarantee in P99_MS]
    for name in columns[0]:
        cells = [f"{column[name]:.1f} | {column[name] / column['the whole stream']:.0%}" for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "The parts by themselves, in one process without Kafka:", "", "| part | microseconds |", "| --- | ---: |"]
    return lines + [f"| {name} | {value:.1f} |" for name, value in results["parts_us"].items()]


def _shares(results: dict[str, Any], guarantee: str, model_format: str) -> dict[str, float]:
    us = {(r["kind"], r["format"]): 1e6 / r["per_core"] for r in results["throughput"] if r["guarantee"] == guarantee}
    frame, whole = us["frame", "-"], us["full", model_format]
    ours = sum(results["parts_us"][name] for name in (PARSE, POLICY, SERIALISE))
    return {
        "Quix Streams with its Kafka client and state store": frame - ours,
        f"{PARSE}, {POLICY}, {SERIALISE}": ours,
        "labels, features, score, reasons": whole - frame,
        "the whole stream": whole,
    }


_LATENCY = ("what", "payments/s", "p50", "p95", "p99", "p99.9", "p99: least to most", "p99 to echo",
            "slowest 1 %: after the decision", "sent per second", "sent late by at most", "unanswered")  # fmt: skip


def _latency(results: dict[str, Any]) -> list[str]:
    echo = {r["rate"]: r["p99_rounds"] for r in results["latency"] if r["what"] == "echo"}
    lines = ["## From when a payment is due to seeing its decision", ""]
    lines += [f"Milliseconds, as a `read_committed` reader sees it; rounds: {results['rounds']}, taken in turn, the median counts."]
    lines += ["A payment is due when its turn to be sent comes: what the sender is late by, at most so much, counts as latency.", ""]
    lines += [f"| {' | '.join(_LATENCY)} |", f"| --- |{' ---: |' * (len(_LATENCY) - 1)}"]
    for r in results["latency"]:
        cells = [f"{r[f'p{p}_ms']:.1f}" for p in ("50", "95", "99", "99.9")]
        cells.append("{1:.1f} to {2:.1f}".format(*spread(r["p99_rounds"])))
        cells.append(f"{spread(ratios(r['p99_rounds'], echo[r['rate']]))[0]:.1f}")
        cells.append("-" if r["after_decision"] is None else f"{r['after_decision']:.0%}")
        cells += [f"{r['sent_per_second']:.1f}", f"{r['latest_ms']:.1f}"]
        lines.append(f"| {r['what']} | {r['rate']} | {' | '.join(cells)} | {r['missing']} |")
    return [*lines, "", *_commits(results)]


def _commits(results: dict[str, Any]) -> list[str]:
    """What the commits have of the tail, as far as these measurements tell."""
    rows = {(r["what"], r["rate"]): r for r in results["latency"]}
    lines = []
    for (what, rate), without in rows.items():
        if what.endswith("no commits"):
            guarantee = what.partition(",")[0]
            whole, left = rows[guarantee, rate]["p99_ms"], without["p99_ms"]
            gone = f"{max(1 - left / whole, 0):.0%} of its p99 is gone" if left < whole else "its p99 is no shorter"
            lines += [f"Commits in the tail of {guarantee} at {rate} payments/s: without them {gone} ({whole:.1f} ms, then {left:.1f} ms)."]
    for (what, rate), r in rows.items():
        if what == "exactly-once" and r["after_decision"] is not None:
            share = f"{r['after_decision']:.0%} of the time of the slowest hundredth"
            lines += [f"Under exactly-once at {rate} payments/s, {share} lies between the decision and its commit seen by a reader."]
    return lines
