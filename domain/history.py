"""A bounded log of what happened to one key, kept as bytes.

A history is an int64 array (n, 2), sorted by time, then id: ``time << 32 | value`` and a 64-bit id, time in
seconds since 2000 (signed 32 bits: 1932 to 2068), value below 2**32. It travels as the array's bytes: 16 an entry. The same set of
entries gives the same history in whatever order they came; an entry that is there already changes nothing.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled

Entries = NDArray[np.int64]
DAY: Final = 86_400
WILD: Final = 8  # the newest entry by which time is told: those behind it may have wild clocks
EMPTY: Final[Entries] = np.empty((0, 2), dtype=np.int64)
_NOTHING: Final[Entries] = np.frombuffer(bytes(16), dtype=np.int64).reshape(-1, 2)[:0]  # not to be written to, like all that is decoded
_YEAR_2000 = 946_684_800


def identity(event_id: str) -> int:
    """A stable signed 64-bit id of a string (BLAKE2b): equal on every machine, unlike ``hash``."""
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest(), "little", signed=True)


def seconds(moment: datetime) -> int:
    """Whole seconds since 2000, as a history counts them."""
    return int(moment.timestamp()) - _YEAR_2000


def decode(data: bytes | None) -> Entries:
    """The history that these bytes hold; none at all is an empty one."""
    return np.frombuffer(data, dtype=np.int64).reshape(-1, 2) if data else _NOTHING


@compiled
def time_of(entry: int) -> int:
    """The time of an entry's first number."""
    return entry >> 32


@compiled
def value_of(entry: int) -> int:
    """The value of an entry's first number."""
    return entry & 0xFFFFFFFF


@compiled
def find(entries: Entries, ident: int) -> int:
    """Where the entry of this id stands; -1: nowhere."""
    for i in range(entries.shape[0]):
        if entries[i, 1] == ident:
            return i
    return -1


@compiled
def before(entries: Entries, time: int, ident: int) -> int:
    """How many entries come before (``time``, ``ident``)."""
    at: int = entries.shape[0]
    while at > 0 and (entries[at - 1, 0] >> 32 > time or (entries[at - 1, 0] >> 32 == time and entries[at - 1, 1] >= ident)):
        at -= 1
    return at


@compiled
def remember(entries: Entries, time: int, value: int, ident: int, span: int, capacity: int) -> Entries:
    """The history with one more entry; those older than ``span`` seconds or beyond the ``capacity`` newest are let go.

    Age counts from the eighth newest entry, so that a few events with a wild clock do not wipe a history.
    """
    n, at = entries.shape[0], before(entries, time, ident)
    grown = np.empty((n + 1, 2), np.int64)
    grown[:at] = entries[:at]
    grown[at, 0] = time << 32 | value
    grown[at, 1] = ident
    grown[at + 1 :] = entries[at:]
    first = max(0, n + 1 - capacity)
    oldest = (grown[max(0, n + 1 - WILD), 0] >> 32) - span
    while first < n and grown[first, 0] >> 32 < oldest:
        first += 1
    return grown[first:]


@compiled
def without(entries: Entries, at: int) -> Entries:
    """The history less one entry."""
    kept = np.empty((entries.shape[0] - 1, 2), np.int64)
    kept[:at] = entries[:at]
    kept[at:] = entries[at + 1 :]
    return kept
