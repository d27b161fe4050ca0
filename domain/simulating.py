"""What the simulators share: messages in the order of their sending, though one event leads to others that come days later."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import attrgetter

from domain.contract import Emission

_at = attrgetter("at")


def by_time(stretches: Iterable[tuple[Iterable[Emission], datetime]]) -> Iterator[Emission]:
    """All emissions in order of ``at``, those of one moment in the order of their making.

    ``stretches``: what is made of a stretch of time, and its end, before which no later stretch sends anything. What is due after the
    last end is left out.
    """
    pending: list[Emission] = []
    for made, end in stretches:
        pending += made
        pending.sort(key=_at)
        due = bisect_left(pending, end, key=_at)
        yield from pending[:due]
        del pending[:due]
