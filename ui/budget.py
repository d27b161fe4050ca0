"""The error budget of an objective, and the breaches of it. Arithmetic on what the monitor measured; no database, no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

JOINED_US = 60_000_000  # bad windows that are no further apart are one breach


@dataclass(frozen=True)
class Budget:
    """How many decisions may be late in a stretch of time, and how many were. ``share``: the objective's, of all measured ones."""

    share: float
    measured: int
    misses: int

    @property
    def allowed(self) -> float:
        return (1.0 - self.share) * self.measured

    @property
    def spent(self) -> float | None:
        """As a part of the budget, above 1 once there is none left; None where nothing was measured."""
        return self.misses / self.allowed if self.measured else None

    @property
    def left(self) -> float | None:
        """As a part of the budget; below 0 where more was spent than there was."""
        return None if self.spent is None else 1.0 - self.spent

    @property
    def on_time(self) -> float | None:
        """The share that was seen within the deadline."""
        return 1.0 - self.misses / self.measured if self.measured else None


@dataclass(frozen=True)
class Breach:
    """A run of windows with late decisions in minutes that spent the budget too fast, or in which nothing was decided though events waited.

    Times in UTC microseconds; ``worst_p99_ms``: of the windows with a latency.
    """

    start_us: int
    end_us: int
    misses: int
    worst_p99_ms: float | None
    most_waiting: int
    stood_still: bool
    versions: tuple[str, ...]


def breaches(windows: Sequence[Any]) -> list[Breach]:
    """Bad windows, oldest first, as runs, newest first."""
    runs: list[list[Any]] = []
    end_us = 0
    for window in windows:
        if not runs or window.start_us - end_us > JOINED_US:
            runs.append([])
        runs[-1].append(window)
        end_us = max(end_us, window.end_us)
    return [_breach(run) for run in reversed(runs)]


def _breach(run: Sequence[Any]) -> Breach:
    return Breach(
        start_us=run[0].start_us,
        end_us=max(w.end_us for w in run),
        misses=sum(w.misses for w in run),
        worst_p99_ms=max((w.p99_ms for w in run if w.p99_ms is not None), default=None),
        most_waiting=max(w.lag for w in run),
        stood_still=any(w.decisions == 0 for w in run),
        versions=tuple(dict.fromkeys(w.model_version for w in run if w.model_version)),
    )
