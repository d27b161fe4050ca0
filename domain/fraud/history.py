"""A bounded log of what happened to one key, and what it looked like at any moment.

A history is an int64 array (n, 2), sorted by time, then id: ``time << 32 | value`` and a 64-bit id, time in
seconds since 2000 (signed 32 bits: 1932 to 2068), value below 2**32. It travels as the array's bytes: 16 an entry. The same set of
entries gives the same history in whatever order they came; an entry that is there already changes nothing.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Entries = NDArray[np.int64]
DAY = 86_400
NEVER = -(1 << 40)
_YEAR_2000 = 946_684_800
_LOW = (1 << 32) - 1


def identity(event_id: str) -> int:
    """A stable signed 64-bit id of a string (BLAKE2b): equal on every machine, unlike ``hash``."""
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest(), "little", signed=True)


def seconds(moment: datetime) -> int:
    """Whole seconds since 2000, as a history counts them."""
    return int(moment.timestamp()) - _YEAR_2000


def decode(data: bytes | None) -> Entries:
    """The history that these bytes hold; none at all is an empty one."""
    return np.frombuffer(data or b"", dtype="<i8").reshape(-1, 2)


class Found(NamedTuple):
    """Where an entry with the id stands (-1: nowhere) and what was stored there."""

    at: int
    time: int
    value: int


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def find(entries: Entries, ident: int) -> Found:
    """The entry of this id."""
    for i in range(entries.shape[0]):
        if entries[i, 1] == ident:
            return Found(i, entries[i, 0] >> 32, entries[i, 0] & _LOW)
    return Found(-1, 0, 0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def remember(entries: Entries, time: int, value: int, ident: int, span: int, capacity: int) -> Entries:
    """The history with one more entry; those older than ``span`` seconds or beyond the ``capacity`` newest are let go.

    Age counts from the second newest entry, so that one event with a wild clock does not wipe a history.
    """
    n = entries.shape[0]
    grown = np.empty((n + 1, 2), np.int64)
    at = n
    while at > 0 and (entries[at - 1, 0] >> 32 > time or (entries[at - 1, 0] >> 32 == time and entries[at - 1, 1] > ident)):
        at -= 1
    grown[:at] = entries[:at]
    grown[at, 0] = time << 32 | value
    grown[at, 1] = ident
    grown[at + 1 :] = entries[at:]
    first = max(0, n + 1 - capacity)
    oldest = (grown[max(0, n - 1), 0] >> 32) - span
    while first < n and grown[first, 0] >> 32 < oldest:
        first += 1
    return grown[first:]


class Summary(NamedTuple):
    """A window of a history: how many entries, the sum of their values, of their squares, and the largest (0 if none)."""

    count: float
    total: float
    squares: float
    largest: float


@njit(cache=True)  # type: ignore[untyped-decorator]
def summarise(entries: Entries, time: int, ident: int, spans: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Fill ``out`` (len(spans), 4) with a ``Summary`` per window: entries before (``time``, ``ident``) and younger than the span.

    Spans are in seconds, shortest first; an entry exactly as old as the span is outside.
    """
    out[:] = 0.0
    for i in range(entries.shape[0]):
        at = entries[i, 0] >> 32
        if at > time or (at == time and entries[i, 1] >= ident):
            break
        value = float(entries[i, 0] & _LOW)
        for w in range(spans.shape[0] - 1, -1, -1):
            if time - at >= spans[w]:
                break
            out[w, 0] += 1.0
            out[w, 1] += value
            out[w, 2] += value * value
            out[w, 3] = max(out[w, 3], value)


@njit(cache=True)  # type: ignore[untyped-decorator]
def latest(entries: Entries, time: int, ident: int, least: int) -> int:
    """The time of the last entry before (``time``, ``ident``) whose value is at least ``least``; ``NEVER`` if there is none."""
    for i in range(entries.shape[0] - 1, -1, -1):
        at = entries[i, 0] >> 32
        if (at < time or (at == time and entries[i, 1] < ident)) and entries[i, 0] & _LOW >= least:
            return at
    return NEVER
