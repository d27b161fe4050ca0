"""A machine's state: sums over its past, its newest cycles, which are not in those sums yet, and the sums with them.

A cycle that comes late finds its place among the newest ``KEPT``; one that comes again is answered as it was the first time, from what had
*arrived* by then. What is older than those is in the sums for good. Kept as bytes: both sums, then one entry a cycle.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.maintenance.events import SENSORS, SETTINGS
from domain.maintenance.kernels import ARRIVED, FOLDED, INSTALLED, SIZE, Reading, Sums, fill, observe, replace

Entries = NDArray[np.int32]  # (n, WORDS): place, number of arrival, then the reading's float32 bits; sorted by place
KEPT: Final = 64  # a scorer that was killed reads again what it had not committed: this many cycles of one machine may be among that
WORDS: Final = 2 + SETTINGS + SENSORS
BYTES: Final = 16 * SIZE + 4 * WORDS * KEPT  # a state's size at most
NEW, REPEATED, OLD, CONFLICT = 0, 1, 2, 3
_NOTHING: Final = bytes(16 * SIZE)


class State(NamedTuple):
    """The parts of a state, as views of its bytes, not to be written to: ``past`` is all that is not among the ``entries``."""

    past: Sums
    newest: Sums
    entries: Entries


def decode(data: bytes | None) -> State:
    """The state that these bytes hold; none at all is a machine never heard of."""
    words = np.frombuffer(data or _NOTHING, dtype=np.int32)
    sums = words[: 4 * SIZE].view(np.float64)
    return State(sums[:SIZE], sums[SIZE:], words[4 * SIZE :].reshape(-1, WORDS))


def encode(state: State) -> bytes:
    """The bytes of a state."""
    return state.past.tobytes() + state.newest.tobytes() + state.entries.tobytes()


def place_of(cycle: int, replaced: bool) -> int:
    """Where a message stands in a machine's life: a replacement right behind the cycle that it names."""
    return 2 * cycle + replaced


def take(state: State, place: int, reading: Reading, row: Sums) -> tuple[State, int, int]:
    """Take in a message and fill the row of its cycle, as of its own place in life (a replacement's row says nothing).

    Returns the state after it, whether it was ``NEW``, and after which cycle its part was installed. ``CONFLICT``: another
    reading stands at its place. ``OLD``: too old to have a place; its row is that of the past with its own reading.
    """
    past, newest, entries, status, installed = _take(*state, place, reading, row)
    return State(past, newest, entries), status, installed


@njit(cache=True)
def _take(past: Sums, newest: Sums, entries: Entries, place: int, reading: Reading, row: Sums) -> tuple[Sums, Sums, Entries, int, int]:
    if place <= past[FOLDED]:
        then = past.copy()
        _move(then, place, reading)
        fill(then, reading, place // 2, row)
        return past, newest, entries, OLD, int(then[INSTALLED])
    at, n = _where(entries, place), entries.shape[0]
    if at < n and entries[at, 0] == place:
        status = REPEATED if _same(_reading(entries, at), reading) else CONFLICT
        return past, newest, entries, status, int(_recall(past, entries, at, row)[INSTALLED])
    grown, before = _inserted(entries, at, place, int(past[ARRIVED]), reading), past.copy()
    if at == n:  # the common way: what comes next goes on from where the last one stood
        then = newest.copy()
        _move(then, place, reading)
        fill(then, reading, place // 2, row)
        after = then
    else:
        then, after = _recall(past, grown, at, row), _all(past, grown)
    before[ARRIVED] += 1
    if n == KEPT:
        _move(before, grown[0, 0], _reading(grown, 0))
        before[FOLDED] = grown[0, 0]
        grown = grown[1:]
    return before, after, grown, NEW, int(then[INSTALLED])


@njit(cache=True)
def _where(entries: Entries, place: int) -> int:
    at: int = entries.shape[0]
    while at > 0 and entries[at - 1, 0] >= place:
        at -= 1
    return at


@njit(cache=True)
def _recall(past: Sums, entries: Entries, at: int, row: Sums) -> Sums:
    """Fill the row of the entry ``at`` from what came before it in life and had arrived when it did; returns the sums then."""
    then = past.copy()
    for i in range(at + 1):
        if entries[i, 1] <= entries[at, 1]:
            _move(then, entries[i, 0], _reading(entries, i))
    fill(then, _reading(entries, at), entries[at, 0] // 2, row)
    return then


@njit(cache=True)
def _all(past: Sums, entries: Entries) -> Sums:
    then = past.copy()
    for i in range(entries.shape[0]):
        _move(then, entries[i, 0], _reading(entries, i))
    return then


@njit(cache=True)
def _move(sums: Sums, place: int, reading: Reading) -> None:
    if place % 2:
        replace(sums, place // 2)
    else:
        observe(sums, reading)


@njit(cache=True)
def _reading(entries: Entries, at: int) -> Reading:
    return entries[at, 2:].view(np.float32)


@njit(cache=True)
def _same(a: Reading, b: Reading) -> bool:
    same = True
    for i in range(a.shape[0]):
        same &= a[i] == b[i] or (np.isnan(a[i]) and np.isnan(b[i]))
    return same


@njit(cache=True)
def _inserted(entries: Entries, at: int, place: int, arrival: int, reading: Reading) -> Entries:
    n = entries.shape[0]
    grown = np.empty((n + 1, WORDS), np.int32)
    grown[:at] = entries[:at]
    grown[at, 0], grown[at, 1] = place, arrival
    grown[at, 2:] = reading.view(np.int32)
    grown[at + 1 :] = entries[at:]
    return grown
