"""SLA windows: latency histograms, deadline misses and throughput of what a reader sees. Knows neither Kafka nor SQL's database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from hdrh.histogram import HdrHistogram

from apps.tables import SlaWindow

KIND = "sla-window"  # the "kind" of a window's message on ``metrics``
HIGHEST_US = 3_600_000_000  # an hour; a longer latency is counted as an hour
_DIGITS = 3  # significant digits of a latency
_PERCENTILES = (50.0, 95.0, 99.0, 99.9)


class Seen(NamedTuple):
    """One decision as the monitor saw it. Times in UTC microseconds; no ``source_us``: replayed, without a latency."""

    domain: str
    model_version: str
    format: str
    action: str
    source_us: int | None
    decided_us: int
    visible_us: int


class Percentiles(NamedTuple):
    """Latency from source to visible over any number of windows, in milliseconds; None where nothing was measured."""

    measured: int
    misses: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None


class Measured(Protocol):
    """What ``merge`` needs of a window: a ``SlaWindow``, or a database row of its columns."""

    @property
    def histogram(self) -> str: ...
    @property
    def misses(self) -> int: ...
    @property
    def max_ms(self) -> float | None: ...


def _histogram() -> Any:
    return HdrHistogram(1, HIGHEST_US, _DIGITS)


@dataclass
class _Tally:
    """One (domain, model version, format) in the open window."""

    visible: Any = field(default_factory=_histogram)
    decided: Any = field(default_factory=_histogram)
    actions: Counter[str] = field(default_factory=Counter)
    misses: int = 0
    max_us: int = 0

    def add(self, seen: Seen, deadline_us: float) -> None:
        self.actions[seen.action] += 1
        if seen.source_us is None:
            return
        latency = _clamp(seen.visible_us - seen.source_us)
        self.visible.record_value(latency)
        self.decided.record_value(_clamp(seen.decided_us - seen.source_us))
        self.misses += latency > deadline_us
        self.max_us = max(self.max_us, latency)


class Windows:
    """Collects what is seen and, when told to close, gives one ``SlaWindow`` for each (domain, model version, format).

    ``deadlines_ms``: by domain. A domain that decided nothing gives a window of its own while it has lag, and one last
    window, without lag, when it comes to rest: so a scorer that stands still is told from one that has nothing to do.
    """

    def __init__(self, deadlines_ms: Mapping[str, float], start_us: int) -> None:
        self._deadlines = dict(deadlines_ms)
        self._tallies: dict[tuple[str, str, str], _Tally] = {}
        self._start_us, self._width_us = start_us, 1_000_000
        self._busy: set[str] = set()  # domains that had decisions or lag in the window before

    def add(self, seen: Seen) -> None:
        """Count one decision. A domain without a deadline (an unknown one) is left out."""
        deadline = self._deadlines.get(seen.domain)
        if deadline is None:
            return
        key = (seen.domain, seen.model_version, seen.format)
        if key not in self._tallies:
            self._tallies[key] = _Tally()
        self._tallies[key].add(seen, deadline * 1000)

    def close(self, end_us: int, lag: Mapping[str, int]) -> list[SlaWindow]:
        """The windows up to ``end_us``; where the clock was set back, as long as the one before. ``lag``: events, by domain."""
        tallies, start_us = self._tallies, self._start_us
        if end_us <= start_us:
            start_us = end_us - self._width_us
        self._tallies, self._start_us, self._width_us = {}, end_us, end_us - start_us
        decided = {key[0] for key in tallies}
        busy = decided | {domain for domain in self._deadlines if lag.get(domain, 0) > 0}
        for domain in (busy | self._busy) - decided:
            tallies[domain, "", ""] = _Tally()
        self._busy = busy
        return [self._window(key, tallies[key], start_us, end_us, lag.get(key[0], 0)) for key in sorted(tallies)]

    def _window(self, key: tuple[str, str, str], tally: _Tally, start_us: int, end_us: int, lag: int) -> SlaWindow:
        domain, model_version, model_format = key
        decisions = tally.actions.total()
        visible = _summary(tally.visible, tally.max_us)
        decided = _summary(tally.decided, HIGHEST_US)
        return SlaWindow(
            domain=domain,
            model_version=model_version,
            format=model_format,
            start_us=start_us,
            end_us=end_us,
            decisions=decisions,
            measured=tally.visible.get_total_count(),
            throughput=decisions * 1e6 / (end_us - start_us),
            p50_ms=visible[50.0],
            p95_ms=visible[95.0],
            p99_ms=visible[99.0],
            p999_ms=visible[99.9],
            max_ms=tally.max_us / 1000 if tally.visible.get_total_count() else None,
            decided_p50_ms=decided[50.0],
            decided_p99_ms=decided[99.0],
            deadline_ms=self._deadlines[domain],
            misses=tally.misses,
            lag=lag,
            actions=dict(tally.actions),
            histogram=tally.visible.encode().decode() if tally.visible.get_total_count() else "",
        )


def merge(windows: Iterable[Measured]) -> Percentiles:
    """The percentiles of all decisions in these windows together, to three digits: histograms are added, not averaged."""
    total, misses, max_ms = _histogram(), 0, 0.0
    for window in windows:
        misses += window.misses
        max_ms = max(max_ms, window.max_ms or 0.0)
        if window.histogram:
            total.decode_and_add(window.histogram)
    measured = int(total.get_total_count())
    found = _summary(total, round(max_ms * 1000))
    return Percentiles(measured, misses, found[50.0], found[95.0], found[99.0], found[99.9], max_ms if measured else None)


def _clamp(latency_us: int) -> int:
    """Clocks of two machines may disagree: below zero is zero."""
    return min(max(latency_us, 0), HIGHEST_US)


def _summary(histogram: Any, max_us: int) -> dict[float, float | None]:
    """Percentiles in milliseconds. The histogram rounds up, so the largest seen value caps them."""
    if not histogram.get_total_count():
        return dict.fromkeys(_PERCENTILES, None)
    found = histogram.get_percentile_to_value_dict(list(_PERCENTILES))
    return {p: min(value, max_us) / 1000 for p, value in found.items()}
