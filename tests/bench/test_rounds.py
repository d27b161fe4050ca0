"""What is made of several rounds: medians that keep each, and no speed of other work."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.rounds import Counted, Kind, check_work, latencies, speeds


def counted(**other: float) -> Counted:
    return {"payments": 1_000, "cpu_s": 0.1, "wall_s": 0.2, "decided": 990, "dead_letters": 10, "fallbacks": 0, **other}


def work(**other: float) -> dict[Kind, list[Counted]]:
    """Two rounds; ``other`` is what PMML's second was like."""
    same = [counted(), counted()]
    return {
        ("consume", "-", "-"): [{"payments": 1_000, "cpu_s": 0.1, "wall_s": 0.2}] * 2,
        ("frame", "exactly-once", "-"): [counted(decided=995), counted(decided=995)],
        ("full", "exactly-once", "native"): same,
        ("full", "exactly-once", "pmml"): [counted(), counted(**other)],
    }


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"fallbacks": 7}, "pmml, exactly-once: 7 payments were decided by the average"),
        ({"dead_letters": 11}, "11 dead letters beside 10 of the bare frame"),
        ({"decided": 989}, "pmml, exactly-once decided 989 payments, native, exactly-once 990"),
    ],
)
def test_speeds_of_other_work_are_refused(other: dict[str, float], words: str) -> None:
    check_work(work())
    with pytest.raises(RuntimeError, match=words):
        check_work(work(**other))


def test_a_speed_is_the_median_of_the_rounds_and_keeps_each() -> None:
    found = speeds(("full", "exactly-once", "pmml"), [counted(cpu_s=s) for s in (0.1, 0.2, 0.4)])
    assert (found["format"], found["per_core"], found["per_second"], found["rounds"]) == ("pmml", 5_000, 5_000, [10_000, 5_000, 2_500])


def test_latencies_of_rounds_are_medians_and_nothing_unanswered_is_lost() -> None:
    def one(p99: float, missing: int, after: float | None = None) -> dict[str, Any]:
        rest = {"after_decision": after, "count": 100, "sent_per_second": 500.0, "latest_ms": p99 / 2}
        return {"p50_ms": p99 / 10, "p99_ms": p99, "missing": missing, **rest}

    found = latencies([one(10.0, 0), one(40.0, 2, 0.5), one(20.0, 0, 0.7)])
    assert (found["p50_ms"], found["p99_ms"], found["p99_rounds"]) == (2.0, 20.0, [10.0, 40.0, 20.0])
    assert (found["missing"], found["count"], found["latest_ms"], found["after_decision"]) == (2, 300, 20.0, 0.6)
