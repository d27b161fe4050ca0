"""A machine's state: sums over its past, its newest cycles, which are not in those sums yet, and the sums with them.

A cycle that comes late finds its place among the newest ``KEPT``; one that comes again is answered as it was the first time, from what had
*arrived* by then. What is older than those is in the sums for good. Kept as bytes: both sums, then one entry a cycle.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from domain.maintenance import kernels
from domain.maintenance.kernels import KEPT, SIZE, WORDS, Entries, Reading, Sums

BYTES: Final = 16 * SIZE + 4 * WORDS * KEPT  # a state's size at most
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
    past, newest, entries, status, installed = kernels.take(*state, place, reading, row)
    return State(past, newest, entries), status, installed
