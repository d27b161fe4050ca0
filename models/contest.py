"""Champion and challenger on the same events: how often they agree, what each would have done, and what that was worth. Pure."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, TypeVar

from domain.contract import Domain, Ledger
from domain.decision import Decision

K = TypeVar("K")
V = TypeVar("V")
WAITING: Final = 30_000  # decisions of a side that wait for the other; as many that both have made, and labels
# Of a decision that waits: no ledger looks at them.
_UNUSED: Final[dict[str, Any]] = {
    "features": [],
    "raw": [],
    "reasons": [],
    "facts": {},
}
PAIRS: Final = 20  # of versions; the one that began first goes


class Pair:
    """Two versions on the events that both decided. Each side has a ledger that saw these alone, so that their sums compare."""

    def __init__(self, domain: Domain, champion: str, challenger: str) -> None:
        self.champion, self.challenger = champion, challenger
        self._ledgers: tuple[Ledger, Ledger] = (domain.ledger(), domain.ledger())
        self._sums: tuple[dict[str, float], dict[str, float]] = (defaultdict(float), defaultdict(float))
        self._actions: Counter[tuple[str, str]] = Counter()
        self._apart = 0.0
        self.changed = True

    def begin(self) -> None:
        """What labels alone came to before the two met is no worth of theirs."""
        for ledger in self._ledgers:
            ledger.take()

    def decided(self, ours: Decision, theirs: Decision) -> None:
        """The champion's decision of an event, and the challenger's."""
        self._actions[ours.action, theirs.action] += 1
        self._apart += abs(ours.score - theirs.score)
        for ledger, decision in zip(self._ledgers, (ours, theirs), strict=True):
            ledger.decided(decision)
        self.changed = True

    def learned(self, label: Any) -> None:
        for ledger in self._ledgers:
            ledger.learned(label)

    def passed(self, now: datetime) -> None:
        for ledger in self._ledgers:
            ledger.passed(now)

    def balance(self) -> dict[str, Any]:
        """Counts and sums up to now, as plain JSON values. ``actions`` holds "approve > block": the champion's, then the challenger's."""
        for ledger, sums in zip(self._ledgers, self._sums, strict=True):
            for name, amount in ledger.take().items():
                sums[name] += amount
                self.changed = True
        both = self._actions.total()
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "both": both,
            "agreed": sum(n for (ours, theirs), n in self._actions.items() if ours == theirs),
            "mean_difference": self._apart / both,
            "actions": {f"{ours} > {theirs}": n for (ours, theirs), n in sorted(self._actions.items())},
            "champion_sums": dict(self._sums[0]),
            "challenger_sums": dict(self._sums[1]),
        }


class Contest:
    """A domain's pairs, told decisions, shadow decisions and labels in whatever order and how often they come; each event counts once.

    Its memory is bounded, as a ledger's is.
    """

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._made: OrderedDict[str, Decision] = OrderedDict()
        self._waiting: OrderedDict[str, dict[str, Decision]] = OrderedDict()  # the challengers' decisions of an event, by version
        self._met: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._labels: deque[Any] = deque(maxlen=WAITING)
        self._pairs: OrderedDict[tuple[str, str], Pair] = OrderedDict()

    def decided(self, decision: Decision) -> None:
        """Take in a decision that was made for real."""
        if decision.decision_id in self._made:
            return
        _keep(self._made, decision.decision_id, decision.model_copy(update=_UNUSED))
        for theirs in self._waiting.pop(decision.decision_id, {}).values():
            self._meet(decision, theirs)

    def shadowed(self, theirs: Decision) -> None:
        """Take in what a challenger would have decided."""
        ours = self._made.get(theirs.decision_id)
        if ours is not None:
            self._meet(ours, theirs)
            return
        of_event = self._waiting.get(theirs.decision_id, {})
        of_event[theirs.model_version] = theirs.model_copy(update=_UNUSED)
        _keep(self._waiting, theirs.decision_id, of_event)

    def learned(self, label: Any) -> None:
        """Take in a label; pairs that begin later hear of it too."""
        self._labels.append(label)
        for pair in self._pairs.values():
            pair.learned(label)

    def balance(self, now: datetime) -> Iterator[dict[str, Any]]:
        """The balance of each pair in which something changed. ``now``: the wall clock, which ledgers may wait for."""
        for pair in self._pairs.values():
            pair.passed(now)
            found = pair.balance()
            if pair.changed:
                pair.changed = False
                yield found

    def _meet(self, ours: Decision, theirs: Decision) -> None:
        met = (theirs.model_version, theirs.decision_id)
        if met in self._met or ours.model_version == theirs.model_version:
            return
        _keep(self._met, met, None)
        self._pair(ours.model_version, theirs.model_version).decided(ours, theirs)

    def _pair(self, champion: str, challenger: str) -> Pair:
        if (champion, challenger) not in self._pairs:
            pair = Pair(self._domain, champion, challenger)
            for label in self._labels:
                pair.learned(label)
            pair.begin()
            self._pairs[champion, challenger] = pair
            if len(self._pairs) > PAIRS:
                self._pairs.popitem(last=False)
        return self._pairs[champion, challenger]


def _keep(memory: OrderedDict[K, V], name: K, value: V) -> None:
    memory[name] = value
    if len(memory) > WAITING:
        memory.popitem(last=False)
