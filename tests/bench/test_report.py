"""What the benchmark's pages say of given measurements."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest

from exports.formats import FORMATS, LOCAL
from tests.bench import readme
from tests.bench.latency import Answer, Sent, summary
from tests.bench.made_up import compared
from tests.bench.parts import PARSE, POLICY, SERIALISE
from tests.bench.report import page, to_frame


def results(per_core: float = 12_500.0, p99_ms: float = 20.0) -> dict[str, Any]:
    """A run whose frame takes 40 µs a payment and whose whole stream 1e6 / ``per_core``."""

    def speed(kind: str, guarantee: str, model_format: str, value: float) -> dict[str, Any]:
        rounds = [0.9 * value, value, 1.1 * value]  # as a machine that gets quicker
        return {"kind": kind, "guarantee": guarantee, "format": model_format, "per_core": value, "per_second": value, "rounds": rounds}

    def latency(what: str, p99: float, after: float | None) -> dict[str, Any]:
        rest: dict[str, Any] = {"p50_ms": 2.0, "p95_ms": 5.0, "p99.9_ms": 2 * p99, "missing": 0, "sent_per_second": 499.9, "latest_ms": 1.5}
        rest |= {"p99_rounds": [p99, p99 - 1, p99 + 1]}
        return {"what": what, "rate": 500, "p99_ms": p99, "after_decision": after, **rest}

    streams = [
        row
        for guarantee in ("at-least-once", "exactly-once")
        for row in (speed("frame", guarantee, "-", 25_000.0), *(speed("full", guarantee, name, per_core) for name in FORMATS))
    ]
    return {
        "measured": "2026-01-01T01:00:00+00:00",
        "machine": {"cores": 2, "processor": "Abacus 1", "python": "3.11.0", "system": "Linux"},
        "rounds": 3,
        "format": "pmml",
        "throughput": [speed("consume", "-", "-", 250_000.0), *streams],
        "parts_us": {PARSE: 5.0, POLICY: 2.0, SERIALISE: 3.0, "features": 10.0},
        "latency": [
            latency("echo", 8.0, None),
            latency("at-least-once", p99_ms, 0.1),
            latency("exactly-once", 80.0, 0.9),
            latency("at-least-once, no commits", 5.0, 0.2),
        ],
    }


def targets(text: str) -> list[str]:
    return re.findall(r"\| (not met|met|not measured) \|$", text, re.MULTILINE)


def test_each_target_stands_beside_its_figure_with_met_or_not_met() -> None:
    text = page(results())
    assert targets(text) == ["met", "met", "met", "met"]
    assert "| p99 at 500 payments/s, at-least-once | ≤ 25 ms | 20.0 ms (19.0 to 21.0) | met |" in text
    assert targets(page(results(per_core=12_499.0))) == ["not met", "not met", "met", "met"]
    assert targets(page(results(p99_ms=25.1))) == ["met", "met", "not met", "met"]
    assert "| 0.50 (0.50 to 0.50) | not met |" in page(results(per_core=12_499.0)), "what is rounded up is still not met"


def test_what_was_not_measured_is_not_met() -> None:
    run = results()
    run["throughput"] = [r for r in run["throughput"] if (r["guarantee"], r["format"]) != ("exactly-once", "onnx")]
    assert targets(page(run)) == ["met", "not measured", "met", "met"]
    for row in run["latency"]:
        row["rate"] = 50
    assert targets(page(run)) == ["met", "not measured", "not measured", "not measured"]
    assert re.search(r"^\| echo \| 50 \|.*\| 0 \|$", page(run), re.MULTILINE)


def test_the_ratio_to_the_frame_is_of_the_same_round() -> None:
    """The medians of both are 100, though in no round but one they were alike."""
    run = results()
    for row in run["throughput"]:
        if row["kind"] in ("frame", "full"):
            row["rounds"] = [100.0, 400.0, 100.0] if row["kind"] == "frame" else [80.0, 100.0, 120.0]
    assert to_frame(run)["at-least-once", "pmml"] == (0.8, 0.25, 1.2)


def test_a_format_behind_a_server_is_not_the_slowest_that_the_target_speaks_of() -> None:
    """Its time is the network's and the server's: it would be the slowest whatever the stream does."""
    run = results()
    for row in run["throughput"]:
        if row["format"] in set(FORMATS) - set(LOCAL):
            row["rounds"] = [2_500.0] * 3
    assert targets(page(run)) == ["met", "met", "met", "met"]
    assert "| 0.10 (0.09 to 0.11) |" in page(run), "it still stands in the table"


def test_quixs_own_share_is_the_frame_without_what_is_ours_in_it() -> None:
    text = page(results())
    assert "| Quix Streams with its Kafka client and state store | 30.0 | 38% | 30.0 | 38% |" in text
    assert "| labels, features, score, reasons | 40.0 | 50% | 40.0 | 50% |" in text
    assert "| the whole stream | 80.0 | 100% | 80.0 | 100% |" in text


def test_the_commits_share_of_the_tail_is_what_is_gone_without_them() -> None:
    text = page(results())
    assert "without them 75% of its p99 is gone (20.0 ms, then 5.0 ms)" in text
    assert "Under exactly-once at 500 payments/s, 90% of the time" in text
    assert "its p99 is no shorter" in page(results(p99_ms=4.0))


def test_what_the_sender_is_late_by_is_told_and_counts_as_latency() -> None:
    due = {b"0": 10.0, b"1": 11.0, b"2": 12.0}
    assert Sent(due, [10.0, 11.5, 12.0]).figures() == {"sent_per_second": 1.0, "latest_ms": 500.0}
    assert summary(due, {i: Answer(11.6, 0, b"{}") for i in due})["p50_ms"] == pytest.approx(600.0)


def test_the_slowest_hundredth_is_split_at_the_decision_and_a_missing_answer_is_infinitely_late() -> None:
    sent = {str(i).encode(): 0.0 for i in range(200)}
    seen = {i: Answer(0.01, 10_000, orjson.dumps({"decided_us": 8_000})) for i in sent}
    assert summary(sent, seen)["p50_ms"] == pytest.approx(10.0)
    assert summary(sent, seen)["after_decision"] == pytest.approx(0.2)
    assert summary(sent, {i: a._replace(value=b"{}") for i, a in seen.items()})["after_decision"] is None
    del seen[b"7"]
    found = summary(sent, seen)
    assert (found["missing"], found["p99.9_ms"]) == (1, float("inf"))


def test_the_readmes_table_has_a_row_a_format_and_names_cores_and_model() -> None:
    lines = readme.table(compared(), results())
    assert [line.split(" | ")[0] for line in lines[2 : 2 + len(FORMATS)]] == [f"| {name}" for name in FORMATS]
    assert "| every bit | 0.50 | 0.50 | 0.40 s | 700 kB | 0.50 |" in lines[3]
    assert {line.count("|") for line in lines[: 2 + len(FORMATS)]} == {9}
    assert "200 trees of 31 leaves" in lines[-1]
    assert "it took 10.0 µs for one row and 10.0 µs for a row of 10,000" in lines[-1]
    assert "Measured on 2026-01-01 on 2 cores" in lines[-1]
    assert "Of *remote*" in lines[-1]
    assert to_frame(results())["at-least-once", "pmml"] == pytest.approx((0.5, 0.5, 0.5))


def test_the_readmes_table_has_no_figure_for_a_format_that_is_not_exact() -> None:
    line = readme.table(compared(pfa="failed"), results())[2 + list(FORMATS).index("pfa")]
    assert line.endswith("| failed | – | – | – | – | 0.50 |")
    almost = compared()
    next(r for r in almost["rows"] if r["subject"] == "pfa")["parity"]["equal"] -= 1
    assert readme.exact(r for r in almost["rows"] if r["subject"] == "pfa") != "every bit"


def test_formats_and_stream_of_different_days_or_machines_are_not_told_together() -> None:
    stream = results()
    readme.check_together(compared(), stream)
    with pytest.raises(ValueError, match="more than a day apart"):
        readme.check_together(compared(), {**stream, "measured": "2026-01-02T00:00:01+00:00"})
    with pytest.raises(ValueError, match="Abacus 2"):
        readme.check_together(compared(), {**stream, "machine": {**stream["machine"], "processor": "Abacus 2"}})
    with pytest.raises(ValueError, match="does not say when"):
        readme.check_together(compared(), {name: value for name, value in stream.items() if name != "measured"})


def test_the_table_replaces_the_former_one_and_nothing_else() -> None:
    text = f"above\n{readme.BEGIN}old\n{readme.END}below\n"
    once = readme.insert(text, ["| new |"])
    assert once == f"above\n{readme.BEGIN}| new |\n{readme.END}below\n"
    assert readme.insert(once, ["| new |"]) == once
    with pytest.raises(ValueError, match="formats"):
        readme.insert("no marks", [])
