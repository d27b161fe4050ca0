"""How right the decisions on a table's rows were, as far as labels have come: in rows, as nobody said what a row is worth."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from domain.decision import Decision
from domain.table.policy import FLAG, RowPolicy
from domain.table.rows import Label

V = TypeVar("V")
REMEMBERED: Final = 200_000  # rows, and as many labels, that wait for each other
BINARY: Final = ("flagged right", "flagged wrong", "missed")
MULTICLASS: Final = ("answered right", "answered wrong")
REGRESSION: Final = ("labelled rows", "absolute error")


class RowLedger:
    """Joins decisions and labels by the row's id, whichever comes first; a later label of a row takes the place of an earlier one."""

    def __init__(self, policy: RowPolicy, value_of: Callable[[Label], float]) -> None:
        self._policy, self._value_of = policy, value_of
        self._answers: OrderedDict[str, float] = OrderedDict()
        self._labels: OrderedDict[str, tuple[datetime, float]] = OrderedDict()
        self._added: dict[str, float] = defaultdict(float)

    def decided(self, decision: Decision) -> None:
        if decision.decision_id in self._answers:
            return
        answer = self._answer(decision)
        _remember(self._answers, decision.decision_id, answer)
        self._added["rows"] += 1
        if decision.decision_id in self._labels:
            self._join(answer, self._labels[decision.decision_id][1], 1)

    def learned(self, label: Label) -> None:
        before, said = self._labels.get(label.id), (label.event_time, self._value_of(label))
        if before is not None and before >= said:
            return
        answer = self._answers.get(label.id)
        if answer is not None and before is not None:
            self._join(answer, before[1], -1)
        _remember(self._labels, label.id, said)
        if answer is not None:
            self._join(answer, said[1], 1)

    def passed(self, now: datetime) -> None:
        """A row waits for nothing but its label."""

    def take(self) -> dict[str, float]:
        taken, self._added = {name: value for name, value in self._added.items() if value}, defaultdict(float)
        return taken

    def _answer(self, decision: Decision) -> float:
        """What was said of the row, as a label says it: flagged or not, the class's place, the quantity."""
        classes = self._policy.classes
        if not classes:
            return decision.score
        if len(classes) == 2:
            return float(decision.action == FLAG)
        said = decision.context.get(self._policy.noted)
        return float(classes.index(said)) if isinstance(said, str) and said in classes else -1.0

    def _join(self, answer: float, value: float, sign: int) -> None:
        for name, amount in self._worth(answer, value).items():
            self._added[name] += sign * amount

    def _worth(self, answer: float, value: float) -> Mapping[str, float]:
        if not self._policy.classes:
            return {"labelled rows": 1.0, "absolute error": abs(answer - value)}
        if len(self._policy.classes) > 2:
            return {"answered right" if answer == value else "answered wrong": 1.0}
        if answer:
            return {"flagged right" if value else "flagged wrong": 1.0}
        return {"missed" if value else "passed right": 1.0}


def _remember(memory: OrderedDict[str, V], key: str, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
