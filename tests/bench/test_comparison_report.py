"""What the comparison says of given figures: none without parity, every subject, the targets judged right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.bench import comparison, comparison_page, made_up
from tests.bench.made_up import compared, measured
from tests.bench.subjects import KERNEL, LIBRARY, YARDSTICK, subjects

SUBJECTS = [s.name for s in subjects()]


def row(found: dict[str, Any], subject: str) -> dict[str, Any]:
    chosen: dict[str, Any] = next(r for r in found["rows"] if r["subject"] == subject)
    return chosen


def target(found: dict[str, Any], what: str) -> dict[str, Any]:
    (chosen,) = [t for t in found["targets"] if t["what"].startswith(what)]
    return dict(chosen)


def change(found: dict[str, Any], case: str, subject: str, measure: str, **figures: Any) -> None:
    """Other figures for one measurement."""
    for noted in (b["extra_info"] for b in found["benchmarks"]):
        if (noted["case"], noted["subject"], noted["measure"]) == (case, subject, measure):
            noted.update(figures)


def test_every_subject_has_a_row_on_every_case_with_its_ratio_to_the_yardstick() -> None:
    found = compared()
    assert [(r["case"], r["subject"]) for r in found["rows"]] == [(c["name"], s) for c in found["cases"] for s in SUBJECTS]
    assert row(found, YARDSTICK)["kind"] == "yardstick"
    figures = row(found, "pmml")["figures"]
    assert figures["one"] == {"p50_us": 5.0, "p99_us": 10.0, "calls": 100, "row_us": 5.0, "p50_ratio": 0.5, "p99_ratio": 0.5}
    assert figures["ten_thousand"]["row_us"] == 5.0
    assert figures["cold"]["process_s"] == 0.4, "the median of the three"
    assert figures["cold"]["process_s_ratio"] == 1.0
    assert figures["bytes"] == 700_000
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("outcome", ["failed", "refused", "unavailable"])
def test_without_parity_there_is_no_figure_though_one_was_timed(outcome: str) -> None:
    found = compared(pfa=outcome)
    assert row(found, "pfa")["figures"] is None
    assert row(found, "pfa")["reason"] == "pfa says why"
    assert row(found, "pmml")["figures"] is not None
    page = comparison_page.markdown(found)
    assert f"| pfa: {outcome} |{' – |' * 14}" in page
    assert "pfa says why" in page
    assert {t["met"] for t in found["targets"] if t["what"].startswith("pfa")} == {None}
    assert comparison.failed(found) == ([f"pfa on {c['name']}" for c in found["cases"]] if outcome == "failed" else [])


def test_targets_are_judged_by_the_slowest_objective() -> None:
    found = measured()
    assert {t["met"] for t in comparison.consolidate(found, None)["targets"] if "faster" not in t["what"]} == {True}
    change(found, "multiclass 200 x 31", KERNEL, "one", p50_us=5.5001)
    one = target(comparison.consolidate(found, None), f"{KERNEL}: one row")
    assert (one["met"], one["case"]) == (False, "multiclass")
    assert one["measured"] == pytest.approx(0.55001)


def test_a_batch_is_set_against_lightgbms_predict_and_not_the_yardstick() -> None:
    found = measured()
    for case in ("binary", "multiclass", "regression"):
        change(found, f"{case} 200 x 31", LIBRARY, "ten_thousand", p50_us=0.8 * made_up.YARDSTICK_US * 10_000)
    batch = target(comparison.consolidate(found, None), "pmml: 10,000 rows")
    assert batch["measured"] == pytest.approx(0.625)
    assert batch["met"] is False


def test_an_engines_target_is_at_least_and_needs_the_engine() -> None:
    found = compared()
    assert target(found, "pmml: one row, times faster")["measured"] == pytest.approx(600)
    assert target(found, "pmml: one row, times faster")["met"] is True
    assert target(found, "pfa: one row, times faster")["measured"] == pytest.approx(3_000)
    found = compared(PMML4S="unavailable")
    assert target(found, "pmml: one row, times faster")["met"] is None
    faster = measured()
    change(faster, "binary 200 x 31", "PMML4S", "one", p50_us=2_499.0)
    assert target(comparison.consolidate(faster, None), "pmml: one row, times faster")["met"] is False


def test_an_engines_transport_stands_beside_its_target() -> None:
    page = comparison_page.markdown(compared())
    assert "| pmml: one row, times faster than PMML4S (through pypmml, py4j's socket included), 200 x 31 |" in page
    assert "times faster than Titus (in a process of its own, the pipe there included), 200 x 31 |" in page


def test_there_is_no_p99_of_few_calls_but_their_number() -> None:
    found = measured()
    change(found, "binary 200 x 31", "pmml", "one", p99_us=None, calls=999)
    found = comparison.consolidate(found, None)
    figures = row(found, "pmml")["figures"]["one"]
    assert (figures["p99_us"], figures["p99_ratio"], figures["p50_ratio"]) == (None, None, 0.5)
    assert re.search(r"\| pmml \| 5 µs \| 0\.50 \| – \| – \|.*\| 999; 100; 100 \|", comparison_page.markdown(found))


def test_a_slow_start_misses_its_target_where_the_reading_alone_reaches_it() -> None:
    found = measured()
    slow = {"process_s": 0.9, "importing_s": 0.6, "loading_s": 0.2, "memory_mb": 100.0, "reading_s": 0.1}
    change(found, "binary 200 x 31", "pfa", "cold", runs=[slow])
    found = comparison.consolidate(found, None)
    assert target(found, "pfa: load, a cold process")["met"] is False
    assert target(found, "pfa: load, the reading alone")["met"] is True
    assert "| pfa: load, a cold process, 200 x 31 | ≤ 0.5 s | 0.900 s (binary) | not met |" in comparison_page.markdown(found)


def test_what_would_take_too_long_is_said_and_has_no_figure() -> None:
    found = measured()
    gone = ("Titus", "ten_thousand")
    found["benchmarks"] = [b for b in found["benchmarks"] if (b["extra_info"]["subject"], b["extra_info"]["measure"]) != gone]
    for entry in found["comparison"]["entries"]:
        if entry["subject"] == "Titus":
            entry["unmeasured"] = {"ten_thousand": "a call would take about 400 s"}
    found = comparison.consolidate(found, None)
    assert row(found, "Titus")["figures"]["ten_thousand"] is None
    assert "Titus, 10,000 rows: a call would take about 400 s" in comparison_page.markdown(found)


def test_the_pages_name_every_subject_and_case_and_html_needs_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "formats.json").write_text(json.dumps(measured()))
    rows = [{"kind": "full", "guarantee": "at-least-once", "format": "pmml", "per_core": 12_345.0, "per_second": 11_111.0}]
    (tmp_path / "stream.json").write_text(json.dumps({"throughput": [*rows, {**rows[0], "kind": "frame", "format": "-"}]}))
    found = comparison.write(tmp_path)
    assert json.loads((tmp_path / "comparison.json").read_text()) == found
    assert [r["format"] for r in found["stream"]] == ["pmml"]
    for page in ((tmp_path / "formats.md").read_text(), (tmp_path / "formats.html").read_text()):
        assert all(name in page for name in SUBJECTS)
        assert all(case["name"] in page for case in found["cases"])
        assert "12,345" in page
        assert "12.3 s" in page, "what the first compilation costs"
    assert page.count("<svg") == 5
    assert not re.search(r'(?:src|href)="(?!#)|<script|@import', page)


def test_a_subject_name_with_markup_stays_text() -> None:
    found = compared()
    found["rows"][0]["reason"] = "<b>not|markup</b>"
    assert "&lt;b&gt;not|markup&lt;/b&gt;" in comparison_page.html(found)
    assert "<b>not\\|markup</b>" in comparison_page.markdown(found)
