"""Every format and every engine on every case, against LightGBM's C API in the same moment.

`make bench` measures and keeps the figures; the test suite runs each once, on one small model.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.contest import MEASURES, Contest

COLD_ROUNDS = 3  # at the size that has targets; once at the others
LONGER = 3.0  # so much more time for each measurement there
pytestmark = pytest.mark.system


def _timed(contested: Contest) -> None:
    if not contested.timed:
        pytest.skip(f"{contested.entry['outcome']}: {contested.entry['reason']}")


def _note(benchmark: Any, contested: Contest, measure: str, **figures: Any) -> None:
    benchmark.group = f"{contested.prepared.case.name}, {measure}"
    benchmark.extra_info |= {"case": contested.prepared.case.name, "subject": contested.subject.name, "measure": measure, **figures}


def test_outputs_are_lightgbms_wherever_there_is_an_engine(contested: Contest, benchmark: Any) -> None:
    """Fails the test suite, not the bench: there a subject whose answers differ is reported by name, and has no times."""
    assert benchmark.enabled or contested.entry["outcome"] in ("passed", "unavailable", "refused"), contested.entry
    benchmark.pedantic(lambda: None)


@pytest.mark.parametrize("measure", MEASURES)
def test_score(contested: Contest, measure: str, seconds: float, benchmark: Any) -> None:
    _timed(contested)
    duel = contested.duel(measure, seconds * LONGER if contested.prepared.case.targeted else seconds)
    if duel is None:
        pytest.skip(contested.entry["unmeasured"][measure])
    benchmark.pedantic(duel.turn_of_ours, setup=duel.turn_of_theirs, rounds=duel.rounds, iterations=1)
    figures = duel.figures()
    for whose in ("", "yardstick_"):
        p50, p99 = figures[f"{whose}p50_us"], figures[f"{whose}p99_us"]
        assert p50 is not None
        assert 0 < p50 <= (p50 if p99 is None else p99)
    _note(benchmark, contested, measure, **figures)


def test_load_in_a_cold_process(contested: Contest, benchmark: Any) -> None:
    _timed(contested)
    found = list[dict[str, Any]]()
    rounds = COLD_ROUNDS if contested.prepared.case.targeted else 1
    benchmark.pedantic(lambda: found.append(contested.cold()), rounds=rounds, iterations=1)
    assert all(0 < run["loading_s"] < run["process_s"] for run in found)
    assert all(run["memory_mb"] > 0 for run in found)
    _note(benchmark, contested, "cold", runs=found)
