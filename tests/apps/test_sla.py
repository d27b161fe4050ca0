"""The arithmetic of SLA windows, without Kafka."""

from __future__ import annotations

import numpy as np
import pytest

from apps.sla import HIGHEST_US, Seen, Windows, merge

T0 = 1_772_366_400_000_000


def seen(latency_us: int | None, *, action: str = "approve", version: str = "v1", domain: str = "fraud", decided_us: int = 500) -> Seen:
    source = None if latency_us is None else T0
    return Seen(domain, version, "pmml", action, source, T0 + decided_us, T0 + (latency_us or 0))


def windows() -> Windows:
    return Windows({"fraud": 100.0}, T0)


def test_percentiles_agree_with_sorting_to_three_digits() -> None:
    latencies = np.random.default_rng(5).lognormal(9.5, 0.8, 20_000).astype(int)
    open_windows = windows()
    for latency in latencies:
        open_windows.add(seen(int(latency)))
    (window,) = open_windows.close(T0 + 2_000_000, {})
    expected = np.sort(latencies)[[9_999, 18_999, 19_799, 19_979]] / 1000  # the nearest ranks of 50, 95, 99 and 99.9 %
    assert [window.p50_ms, window.p95_ms, window.p99_ms, window.p999_ms] == pytest.approx(expected, rel=2e-3)
    assert window.max_ms == latencies.max() / 1000
    assert window.misses == (latencies > 100_000).sum() > 0
    assert (window.decisions, window.measured, window.throughput) == (20_000, 20_000, 10_000.0)
    assert window.decided_p50_ms == 0.5


def test_replayed_decisions_count_in_throughput_and_not_in_latency() -> None:
    open_windows = windows()
    open_windows.add(seen(None, action="block"))
    open_windows.add(seen(3_000))
    (window,) = open_windows.close(T0 + 1_000_000, {"fraud": 4})
    assert (window.decisions, window.measured, window.p99_ms, window.lag) == (2, 1, 3.0, 4)
    assert window.actions == {"block": 1, "approve": 1}


def test_a_window_of_replayed_decisions_has_no_latency() -> None:
    open_windows = windows()
    open_windows.add(seen(None))
    (window,) = open_windows.close(T0 + 1_000_000, {})
    assert (window.decisions, window.p50_ms, window.max_ms, window.histogram) == (1, None, None, "")


def test_the_deadline_itself_is_met() -> None:
    open_windows = windows()
    for latency in (100_000, 100_001):
        open_windows.add(seen(latency))
    assert open_windows.close(T0 + 1, {})[0].misses == 1


def test_each_model_version_has_its_window() -> None:
    open_windows = windows()
    open_windows.add(seen(1, version="v2"))
    open_windows.add(seen(1, version="v1"))
    assert [w.model_version for w in open_windows.close(T0 + 1, {})] == ["v1", "v2"]


def test_a_window_starts_where_the_last_one_ended_and_forgets_it() -> None:
    open_windows = windows()
    open_windows.add(seen(70_000))
    open_windows.close(T0 + 10, {})
    open_windows.add(seen(10))
    (second,) = open_windows.close(T0 + 20, {})
    assert (second.start_us, second.end_us, second.decisions, second.max_ms) == (T0 + 10, T0 + 20, 1, 0.01)


def test_a_clock_that_is_set_back_begins_anew_from_there() -> None:
    open_windows = windows()
    open_windows.add(seen(1))
    open_windows.close(T0 + 2_000_000, {})
    open_windows.add(seen(1))
    (window,) = open_windows.close(T0 - 3_600_000_000, {})
    assert (window.end_us - window.start_us, window.throughput) == (2_000_000, 0.5)
    open_windows.add(seen(1))
    (after,) = open_windows.close(T0 - 3_598_000_000, {})
    assert (after.start_us, after.throughput) == (window.end_us, 0.5)


def test_a_scorer_that_stands_still_is_seen_and_one_without_work_is_not() -> None:
    open_windows = windows()
    assert open_windows.close(T0 + 1, {"fraud": 0}) == []
    (stalled,) = open_windows.close(T0 + 2, {"fraud": 7})
    assert (stalled.model_version, stalled.format, stalled.decisions, stalled.lag) == ("", "", 0, 7)
    (rest,) = open_windows.close(T0 + 3, {"fraud": 0})
    assert (rest.decisions, rest.lag) == (0, 0)
    assert open_windows.close(T0 + 4, {"fraud": 0}) == []


def test_one_last_window_tells_that_a_domain_came_to_rest() -> None:
    open_windows = windows()
    open_windows.add(seen(1))
    open_windows.close(T0 + 1, {})
    assert [w.decisions for w in open_windows.close(T0 + 2, {})] == [0]
    assert open_windows.close(T0 + 3, {}) == []


def test_a_clock_ahead_and_a_latency_beyond_the_histogram_are_held_at_its_ends() -> None:
    open_windows = windows()
    open_windows.add(seen(-5))
    open_windows.add(seen(2 * HIGHEST_US))
    (window,) = open_windows.close(T0 + 1, {})
    assert (window.measured, window.p50_ms, window.max_ms, window.misses) == (2, 0.0, HIGHEST_US / 1000, 1)


def test_merged_windows_are_one_histogram() -> None:
    generator = np.random.default_rng(8)
    latencies = np.concatenate([generator.lognormal(m, 0.5, 3_000) for m in (7.0, 9.0, 11.0)]).astype(int)
    apart, together = windows(), windows()
    parts = []
    for place, latency in enumerate(latencies, 1):
        apart.add(seen(int(latency)))
        together.add(seen(int(latency)))
        if place % 1_000 == 0:
            parts += apart.close(T0 + place, {})
    (whole,) = together.close(T0 + len(latencies), {})
    merged = merge(parts)
    assert len(parts) == 9
    assert merged == (9_000, whole.misses, whole.p50_ms, whole.p95_ms, whole.p99_ms, whole.p999_ms, whole.max_ms)
    assert np.mean([part.p99_ms for part in parts]) != pytest.approx(whole.p99_ms, rel=0.1), "averaging would have been wrong"


def test_merging_nothing_measured_gives_no_latency() -> None:
    assert merge([]) == (0, 0, None, None, None, None, None)


def test_an_unknown_domain_is_left_out() -> None:
    open_windows = windows()
    open_windows.add(seen(1, domain="weather"))
    assert open_windows.close(T0 + 1, {}) == []
