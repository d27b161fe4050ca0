"""Times a subject and its yardstick in turn, so that whatever else the machine does falls on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, Final

import numpy as np

_TURN: Final = 100  # calls in a row at most: long enough that the caches are one's own, short beside what a machine's speed wanders
_TURNS: Final = 8  # wanted at least, of calls that are quick enough
_MOST_ROUNDS: Final = 2_000
_SLOW_NS: Final = 100_000_000
P99_CALLS: Final = 1_000  # fewer tell nothing of the slowest hundredth


class Duel:
    """Calls of ``ours`` and ``theirs`` over ``items`` for about ``seconds`` together; each call is timed by itself, in nanoseconds.

    The first twentieth of a turn finds the caches full of the other's and is not counted.
    """

    def __init__(
        self,
        ours: Callable[[Any], Any],
        theirs: Callable[[Any], Any],
        items: Sequence[Any],
        seconds: float,
        expected_s: tuple[float, float] | None = None,
        *,
        least_rounds: int = 1,
        most_s: float = 0.0,
    ) -> None:
        """``expected_s``: what a call takes about, where it is too long to be tried more than once.

        ``least_rounds``: so many, though they take longer than ``seconds``; fewer where they would take longer than ``most_s``.
        """
        self._ours, self._theirs = ours, theirs
        self._our_items, self._their_items = cycle(items), cycle(items)
        self.ours_ns, self.theirs_ns = list[int](), list[int]()
        if expected_s is not None:
            for call in (ours, theirs):
                call(items[0])  # what a first call finds to be prepared is no part of the others
        our_ns, their_ns = (s * 1e9 for s in expected_s or (_tried(call, items) for call in (ours, theirs)))
        self._our_turn, self._their_turn = (_turn(ns, seconds) for ns in (our_ns, their_ns))
        whole_s = (our_ns * self._our_turn + their_ns * self._their_turn) / 1e9
        wanted = max(seconds, min(least_rounds * whole_s, most_s)) * (1 + 1e-9)
        self.rounds = int(np.clip(wanted / max(whole_s, 1e-9), 1, _MOST_ROUNDS))

    def turn_of_theirs(self) -> None:
        """The yardstick's turn, before each of ``turn_of_ours``."""
        self.theirs_ns += _counted(_timed(self._theirs, islice(self._their_items, self._their_turn)))

    def turn_of_ours(self) -> None:
        """The subject's turn."""
        self.ours_ns += _counted(_timed(self._ours, islice(self._our_items, self._our_turn)))

    def figures(self) -> dict[str, float | None]:
        """Median and 99th percentile of a call in microseconds, of both, and how many calls of ours they are of.

        The latter is None where there were fewer than ``P99_CALLS``.
        """
        found: dict[str, float | None] = {"calls": len(self.ours_ns)}
        for name, times in (("", self.ours_ns), ("yardstick_", self.theirs_ns)):
            p50, p99 = np.percentile(times, (50, 99), method="higher").tolist()
            found |= {f"{name}p50_us": p50 / 1e3, f"{name}p99_us": p99 / 1e3 if len(times) >= P99_CALLS else None}
        return found


def _tried(call: Callable[[Any], Any], items: Sequence[Any]) -> float:
    """Seconds of the quickest of three calls; of the first, where that is slow."""
    first = _timed(call, items[:1])
    return min(first if first[0] > _SLOW_NS else first + _timed(call, islice(cycle(items), 3))) / 1e9


def _turn(call_ns: float, seconds: float) -> int:
    """How many calls fit a turn, if there are to be ``_TURNS`` of each."""
    return int(np.clip(seconds * 1e9 / (2 * _TURNS) / max(call_ns, 1), 1, _TURN))


def _timed(call: Callable[[Any], Any], items: Any) -> list[int]:
    clock, took = time.perf_counter_ns, list[int]()
    for item in items:
        began = clock()
        call(item)
        took.append(clock() - began)
    return took


def _counted(times: list[int]) -> list[int]:
    return times[len(times) // 20 :]
