"""From the probabilities of what is bought next to one offer: whichever is expected to earn most, if it earns enough.

A visit gets one offer at most. The policy's memory of a shopper holds when, on which visit and at which sighting the latest
offers were made, so a sighting that comes again gets the offer that it first got, and no other sighting of that visit gets one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from domain.contract import Judged, Verdict
from domain.cross_sell.groups import COUNT, GROUPS, MARGINS
from domain.history import identity, seconds
from domain.terms import Term

NEVER: Final = 1.0  # the threshold where no probability would bring an offer
REMEMBERED: Final = 16  # offers of a shopper
MEMORY_BYTES: Final = REMEMBERED * 32
_FORM: Final = struct.Struct("<qqqq")
_YEAR_2000: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Economics:
    """In units of the store's currency: what a purchase earns by group, and what an offer costs (its discount, the shopper's patience)."""

    margins: tuple[float, ...] = MARGINS
    offer: float = 0.3


# The margins are what the store's books say, and what the ledger counts with: nobody chooses them.
TERMS = (Term("offer", Economics.offer, 0, 2, 0.05, "currency", "What an offer costs: its discount, and the shopper's patience."),)


class _Offer(NamedTuple):
    """When (seconds since 2000), on the visit that began when, of which group, at which sighting."""

    time: int
    start: int
    group: int
    sighting: int


class CrossSellPolicy:
    """Judges the probabilities of the groups against what each earns."""

    remembers = True

    def __init__(self, economics: Economics | None = None) -> None:
        self.economics = economics or Economics()

    def judge(self, scores: Sequence[float], event: Judged, facts: Mapping[str, Any], memory: bytes | None) -> Verdict:
        """The offer, or none. ``score`` is the probability of the best group, ``threshold`` the one from which it is offered.

        The threshold is ``NEVER`` where the basket holds all groups, and where an offer would be worth it to one who opted out or
        had an offer on this visit. What would not be worth it is not asked for offers, which may have been made since it first came.
        """
        offers, time, sighting = _read(memory), seconds(event.event_time), identity(event.id)
        start = int(facts["visit_start"])
        notes = {"visit": (_YEAR_2000 + timedelta(seconds=start)).isoformat(), "offer": None, "expected_margin": None}
        again = next((o for o in offers if o.sighting == sighting), None)
        if again is not None:
            return self._offer(scores, again.group, notes, None)
        group = self._best(scores, int(facts["bought"]))
        if group is None:
            return Verdict("none", False, max(scores), NEVER, None, notes)
        if scores[group] < self._threshold(group):
            return Verdict("none", False, scores[group], self._threshold(group), None, notes)
        if facts["opt_out"] or any(o.start <= time <= o.time or start <= o.time <= facts["visit_last"] for o in offers):
            return Verdict("none", False, scores[group], NEVER, None, notes)
        return self._offer(scores, group, notes, _written([*offers, _Offer(time, start, group, sighting)]))

    def _best(self, scores: Sequence[float], bought: int) -> int | None:
        """The group that is expected to earn most of those that are not in the basket (``bought``, as bits)."""
        ahead = [g for g in range(COUNT) if not bought >> g & 1]
        return max(ahead, key=lambda g: scores[g] * self.economics.margins[g], default=None)

    def _threshold(self, group: int) -> float:
        return min(self.economics.offer / self.economics.margins[group], NEVER)

    def _offer(self, scores: Sequence[float], group: int, notes: Mapping[str, str | float | None], memory: bytes | None) -> Verdict:
        earned = {"offer": GROUPS[group], "expected_margin": scores[group] * self.economics.margins[group]}
        return Verdict("offer", True, scores[group], self._threshold(group), memory, {**notes, **earned}, group)


def _read(memory: bytes | None) -> list[_Offer]:
    return [_Offer(*values) for values in _FORM.iter_unpack(memory or b"")]


def _written(offers: list[_Offer]) -> bytes:
    return b"".join(_FORM.pack(*offer) for offer in sorted(offers)[-REMEMBERED:])
