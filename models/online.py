"""A model that learns one label at a time, beside the batch's: what it would have said of each decision before it knew the answer.

River's linear models on standardised features: they forget at the pace of their step, so they follow a drift in days where trees wait for
their next training, and rank worse while nothing drifts. They are no tree ensemble, so no format carries them: they challenge, and are not
promoted. Source: Montiel et al., "River: machine learning for streaming data in Python", JMLR 22, 2021.
"""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain
from domain.decision import Decision
from domain.history import identity

STEP: Final = 0.01  # of gradient descent; of a quantity's, whose errors are larger, SMALL_STEP
SMALL_STEP: Final = 0.001
WAITING: Final = 50_000  # decisions without a label; the oldest are forgotten
KEPT: Final = 20_000  # labelled ones that are kept to be judged on
_FAR: Final = 10.0  # standard deviations: what lies further out counts as that far
Vector = NDArray[np.float64]


class Seen(NamedTuple):
    """A decision whose label has come: both models' answers from before it, (outputs,) each, and the label."""

    decision_id: str
    key: str
    day: int  # since 1970
    x: Vector
    champion: str  # the version that decided
    raw: Vector
    online: Vector
    y: float


class _Waiting(NamedTuple):
    decision: Decision
    x: Vector
    answer: Vector


class Online:
    """A domain's learner. Told decisions and labels in the order in which they come."""

    def __init__(self, domain: Domain, outputs: int) -> None:
        self._domain, self._outputs = domain, outputs
        self._learner = learner(domain, outputs)
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._of_key: dict[str, set[str]] = defaultdict(set)
        self._early: OrderedDict[str, list[Any]] = OrderedDict()  # labels by id: what they speak of may come after them
        self._early_of_key: dict[str, set[str]] = defaultdict(set)
        self.seen: deque[Seen] = deque(maxlen=KEPT)
        self.learned_rows = self.forgotten = 0

    def decided(self, decision: Decision) -> Vector | None:
        """What the learner says of a decision's features, (outputs,); None for one that it has seen, or that has none."""
        if decision.decision_id in self._waiting or not decision.features:
            return None
        x = np.array([math.nan if value is None else value for value in decision.features])
        answer = self._learner.answer(x)
        bare = decision.model_copy(update={"features": [], "reasons": []})
        self._waiting[decision.decision_id] = waiting = _Waiting(bare, x, answer)
        self._of_key[decision.key].add(decision.decision_id)
        y = self._domain.targets(self._told_before(decision))(bare)
        if not math.isnan(y):
            self._learn(waiting, y)
        elif len(self._waiting) > WAITING:
            self._forget(next(iter(self._waiting)))
            self.forgotten += 1
        return answer

    def _told_before(self, decision: Decision) -> list[Any]:
        names = {decision.decision_id} & self._early.keys() | self._early_of_key.get(decision.key, set())
        return [label for name in sorted(names) for label in self._early[name]]

    def learned(self, label: Any) -> int:
        """Learn from what a label says of decisions that wait; returns of how many."""
        target, done = self._domain.targets([label]), 0
        if label.id not in self._waiting:
            self._keep(label)
        for name in self._spoken_of(label):
            waiting = self._waiting[name]
            y = target(waiting.decision)
            if not math.isnan(y):
                self._learn(waiting, y)
                done += 1
        return done

    def _keep(self, label: Any) -> None:
        told = self._early.setdefault(label.id, [])
        if label in told:
            return
        told.append(label)
        self._early_of_key[label.key].add(label.id)
        if len(self._early) > WAITING:
            name, oldest = self._early.popitem(last=False)
            for key in {label.key for label in oldest}:
                _drop(self._early_of_key, key, name)

    def _spoken_of(self, label: Any) -> Iterable[str]:
        """The decisions that a label may speak of: the one whose id it has, else those of its key, shuffled by their ids.

        A life that is learned from its first cycle to its last would leave the learner with its end alone in mind.
        """
        if label.id in self._waiting:
            return (label.id,)
        return sorted(self._of_key.get(label.key, ()), key=identity)

    def _learn(self, waiting: _Waiting, y: float) -> None:
        d = waiting.decision
        self._learner.learn(waiting.x, y)
        day = int(d.event_time.timestamp() // 86_400)
        self.seen.append(Seen(d.decision_id, d.key, day, waiting.x, d.model_version, np.array(d.raw), waiting.answer, y))
        self.learned_rows += 1
        self._forget(d.decision_id)

    def _forget(self, name: str) -> None:
        _drop(self._of_key, self._waiting.pop(name).decision.key, name)


def _drop(of_key: dict[str, set[str]], key: str, name: str) -> None:
    """Take a name from those of its key."""
    of_key[key].discard(name)
    if not of_key[key]:
        del of_key[key]


class Learner:
    """River's model with our rows: standardised, a missing value at its feature's mean, a category as one of its labels or none."""

    def __init__(self, domain: Domain) -> None:
        from river import preprocessing  # noqa: PLC0415  # takes seconds, and most of what imports this does without

        self._names, self._categorical = domain.schema.names, set(domain.schema.categorical_indices)
        self._scaler: Any = preprocessing.StandardScaler()

    def row(self, x: Vector) -> dict[str, float]:
        """What is known of a row, by name."""
        known = {self._names[i]: float(v) for i, v in enumerate(x) if not math.isnan(v) and i not in self._categorical}
        scaled = {name: max(-_FAR, min(_FAR, value)) for name, value in self._scaler.transform_one(known).items()}
        labels = {f"{self._names[i]}={int(x[i])}": 1.0 for i in self._categorical if x[i] >= 0}
        return {**scaled, **labels}

    def look(self, x: Vector) -> None:
        """Take the row into the means and deviations."""
        self._scaler.learn_one({self._names[i]: float(v) for i, v in enumerate(x) if not math.isnan(v) and i not in self._categorical})

    def answer(self, x: Vector) -> Vector:
        raise NotImplementedError

    def learn(self, x: Vector, y: float) -> None:
        raise NotImplementedError


class _Binary(Learner):
    def __init__(self, domain: Domain) -> None:
        from river import linear_model, optim  # noqa: PLC0415

        super().__init__(domain)
        self._model: Any = linear_model.LogisticRegression(optim.SGD(STEP))

    def answer(self, x: Vector) -> Vector:
        return np.array([self._model.predict_proba_one(self.row(x)).get(True, 0.0)])

    def learn(self, x: Vector, y: float) -> None:
        self.look(x)
        self._model.learn_one(self.row(x), bool(y))


class _Multiclass(Learner):
    def __init__(self, domain: Domain, outputs: int) -> None:
        from river import linear_model, optim  # noqa: PLC0415

        super().__init__(domain)
        self._model: Any = linear_model.SoftmaxRegression(optim.SGD(STEP))
        self._outputs = outputs

    def answer(self, x: Vector) -> Vector:
        found = self._model.predict_proba_one(self.row(x))
        chances = np.array([float(found.get(k, 0.0)) for k in range(self._outputs)])
        return chances / chances.sum() if chances.sum() > 0 else np.full(self._outputs, 1.0 / self._outputs)

    def learn(self, x: Vector, y: float) -> None:
        self.look(x)
        self._model.learn_one(self.row(x), int(y))


class _Regression(Learner):
    def __init__(self, domain: Domain) -> None:
        from river import linear_model, optim, stats  # noqa: PLC0415

        super().__init__(domain)
        self._model: Any = linear_model.LinearRegression(optim.SGD(SMALL_STEP), intercept_lr=STEP)
        self._least, self._most = stats.Min(), stats.Max()

    def answer(self, x: Vector) -> Vector:
        found = float(self._model.predict_one(self.row(x)))
        if self._most.get() < self._least.get():  # nothing was learned yet
            return np.array([0.0])
        return np.array([min(max(found, self._least.get()), self._most.get())])  # a line leaves the range of what there is

    def learn(self, x: Vector, y: float) -> None:
        self.look(x)
        self._least.update(y)
        self._most.update(y)
        self._model.learn_one(self.row(x), y)


def learner(domain: Domain, outputs: int) -> Learner:
    if domain.objective == "binary":
        return _Binary(domain)
    return _Multiclass(domain, outputs) if domain.objective == "multiclass" else _Regression(domain)
