"""What the offers were worth: how many were made before the shopper left, how many were taken, what that earned."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from domain.cross_sell.events import Label
from domain.cross_sell.groups import GROUPS, MARGINS
from domain.cross_sell.kernels import SILENCE
from domain.decision import Decision
from domain.history import identity

K = TypeVar("K")
V = TypeVar("V")
REMEMBERED: Final = 100_000  # visits, as many shoppers with offers or labels that wait for each other, and twice as many sightings
WAITING: Final = 32  # of one shopper
_SILENCE: Final = timedelta(seconds=SILENCE)


@dataclass
class _Visit:
    """A visit as far as decisions tell. ``heard``: the wall clock when it was first noticed to have been silent since."""

    last: datetime
    offered: bool = False
    heard: datetime | None = None
    ended: bool = False


class _Offer(NamedTuple):
    made: datetime  # the event's time
    seen: datetime  # when the shopper could see it
    group: str


@dataclass
class _Shopper:
    """Offers without a label, and the labels' visits, which an offer may still come for."""

    offers: list[_Offer] = field(default_factory=list)
    visits: dict[datetime, Label] = field(default_factory=dict)


class CrossSellLedger:
    """Joins offers and labels by shopper and visit, whichever comes first; each sighting, offer and visit counts once."""

    def __init__(self) -> None:
        self._sightings: OrderedDict[int, None] = OrderedDict()
        self._visits: OrderedDict[tuple[str, str], _Visit] = OrderedDict()
        self._open: dict[tuple[str, str], _Visit] = {}
        self._shoppers: OrderedDict[str, _Shopper] = OrderedDict()
        self._added: dict[str, float] = defaultdict(float)

    def decided(self, decision: Decision) -> None:
        """Take in a decision; a repeated one changes nothing."""
        sighting = identity(decision.decision_id)
        if sighting in self._sightings:
            return
        _remember(self._sightings, sighting, None, 2 * REMEMBERED)
        self._added["pings"] += 1
        visit = self._visit(decision)
        offer = decision.context.get("offer")
        if isinstance(offer, str) and offer in GROUPS:
            self._offered(decision, visit, offer)

    def learned(self, label: Label) -> None:
        """Take in what became of a visit; only the first label of it counts, the others tell the same."""
        shopper = self._shopper(label.shopper_id)
        if label.visit_start in shopper.visits:
            return
        shopper.visits[label.visit_start] = label
        if len(shopper.visits) > WAITING:
            del shopper.visits[min(shopper.visits)]
        for offer in [o for o in shopper.offers if _within(o, label)]:
            shopper.offers.remove(offer)
            self._join(offer, label)

    def passed(self, now: datetime) -> None:
        """The wall clock: a visit has ended when nothing was heard of it for ``SILENCE``."""
        for name, visit in list(self._open.items()):
            visit.heard = visit.heard or now
            if now - max(visit.heard, visit.last) > _SILENCE:
                visit.ended = True
                self._added["visits ended"] += 1
                self._added["visits without an offer"] += not visit.offered
                del self._open[name]

    def take(self) -> dict[str, float]:
        """What was added since the last time: counts, and margins in units of the store's currency."""
        taken, self._added = {name: value for name, value in self._added.items() if value}, defaultdict(float)
        return taken

    def _visit(self, decision: Decision) -> _Visit:
        name = (decision.key, str(decision.context.get("visit")))
        visit = self._visits.get(name)
        if visit is None:
            visit = _Visit(decision.event_time)
            gone = _remember(self._visits, name, visit, REMEMBERED)
            if gone is not None:
                self._open.pop(gone, None)
            self._open[name] = visit
            self._added["visits"] += 1
        visit.last, visit.heard = max(visit.last, decision.event_time), None
        return visit

    def _offered(self, decision: Decision, visit: _Visit, group: str) -> None:
        self._added["offers"] += 1
        self._added["expected margin"] += float(decision.context.get("expected_margin") or 0.0)
        if visit.ended and not visit.offered:
            self._added["visits without an offer"] -= 1
        visit.offered = True
        # Replayed history has no source time: there is no latency worth adding.
        took = timedelta(microseconds=decision.decided_us - decision.source_us if decision.source_us is not None else 0)
        offer, shopper = _Offer(decision.event_time, decision.event_time + took, group), self._shopper(decision.key)
        label = next((x for x in shopper.visits.values() if _within(offer, x)), None)
        if label is not None:
            self._join(offer, label)
            return
        shopper.offers.append(offer)
        if len(shopper.offers) > WAITING:
            shopper.offers.remove(min(shopper.offers))

    def _join(self, offer: _Offer, label: Label) -> None:
        """Count what became of an offer: on the visit, or in the week after it."""
        self._added["offers with an outcome"] += 1
        self._added["offers before exit"] += offer.seen < label.visit_end
        taken = label.taken(offer.group, offer.made)
        self._added["offers taken"] += taken
        self._added["offers taken on the visit"] += label.taken(offer.group, offer.made, label.visit_end)
        self._added["margin of offers taken"] += taken * MARGINS[GROUPS.index(offer.group)]

    def _shopper(self, name: str) -> _Shopper:
        if name not in self._shoppers:
            _remember(self._shoppers, name, _Shopper(), REMEMBERED)
        self._shoppers.move_to_end(name)
        return self._shoppers[name]


def _within(offer: _Offer, label: Label) -> bool:
    return label.visit_start <= offer.made <= label.visit_end


def _remember(memory: OrderedDict[K, V], key: K, value: V, capacity: int) -> K | None:
    """Returns the key that had to go, the oldest."""
    memory[key] = value
    return memory.popitem(last=False)[0] if len(memory) > capacity else None
