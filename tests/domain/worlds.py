"""A small simulated world of every domain, made once for all tests of the contract: the registry's, a toy of one file, and a table."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.contract import Domain, Emission
from domain.decision import Decision
from domain.learning import Window
from domain.registry import DOMAINS
from exports.scorer import Scores
from models.dataset import Dataset, replay
from models.decide import Model, decide
from models.train import train
from tests.domain.loans import TABLE
from tests.domain.toy import TOY
from tests.once import bundle_once

START = datetime(2025, 3, 3, tzinfo=UTC)
ALL: Mapping[str, Domain] = {**{name: DOMAINS[name] for name in DOMAINS}, "toy": TOY, "table": TABLE}
STATEFUL = [name for name in ALL if name != "table"]  # whose events are known again, and seen beside those before them


@dataclass(frozen=True)
class Small:
    """How small a world may be in which a model can still be told from a guess."""

    days: int
    sizes: Mapping[str, int] = field(default_factory=dict)
    window: Window | None = None


# A domain that is not here is tested in a world of its own ``sizes`` and ``history_days``, which takes longer.
_SMALL = {
    "fraud": Small(38, {"customers": 800, "terminals": 1600}, Window(train=14, delay=7, test=7)),
    "cross_sell": Small(35, {"shoppers": 100, "stores": 3}, Window(train=14, delay=8, test=5)),
    "maintenance": Small(25, {"machines": 24}),
    "toy": Small(10, {"lifts": 20}),
    "table": Small(10, {"customers": 20}),
}


@cache
def history(name: str) -> tuple[Emission, ...]:
    """All messages of the domain's small world, in the order in which they are sent."""
    domain, small = ALL[name], _small(name)
    return tuple(domain.simulate(5, START, days=small.days, **(small.sizes or domain.sizes)))


@cache
def dataset(name: str) -> Dataset:
    return replay(ALL[name], history(name))


@cache
def quick(name: str) -> Domain:
    """The domain with two folds and the window of its small world."""
    learning = replace(ALL[name].learning(), folds=2)
    if learning.window is not None:
        learning = replace(learning, window=_small(name).window or learning.window)
    return replace(ALL[name], learning=lambda: learning)


def bundle_of(factory: pytest.TempPathFactory, name: str) -> Path:
    """The bundle of the domain's small world; a test that changes it takes a copy."""
    return bundle_once(factory, f"small-{name}", lambda folder: train(quick(name), history(name), "simulated", folder))


def _small(name: str) -> Small:
    return _SMALL.get(name) or Small(ALL[name].learning().history_days)


def events(name: str) -> list[Any]:
    """What changes a key's state, in the order of its sending: events and what is known of keys."""
    return [e.value for e in history(name) if e.stream != "labels"]


def labels(name: str) -> list[Any]:
    return [e.value for e in history(name) if e.stream == "labels"]


def in_order(found: Sequence[Any]) -> list[Any]:
    """As a replay takes them: what only changes the state before what decides, at one instant."""
    return sorted(found, key=lambda e: (e.event_time, e.decides, e.id))


def of_busy_keys(name: str, keys: int) -> list[Any]:
    """The events of the keys that have most, in the order of their sending."""
    counts: dict[str, int] = {}
    for event in events(name):
        counts[event.key] = counts.get(event.key, 0) + event.decides
    chosen = set(sorted(counts, key=lambda key: (-counts[key], key))[:keys])
    return [event for event in events(name) if event.key in chosen]


def outputs(domain: Domain) -> tuple[int, int]:
    """How many values the domain's model answers with, and how many there are with those of the models beside it."""
    learning = domain.learning()
    found = [int(r.params.get("num_class", 1)) for r in (learning.recipe, *learning.beside.values())]
    return found[0], sum(found)


class Guess:
    """A scorer that draws by lot, the same for the same row: all that a policy may do is done."""

    def __init__(self, domain: Domain) -> None:
        self.schema, self._objective, self._outputs = domain.schema, domain.objective, outputs(domain)[1]

    def score(self, row: Sequence[float | None]) -> Scores:
        luck = random.Random(np.array(row, dtype="<f8").tobytes())
        if self._objective == "regression":
            found = [luck.choice((5.0, 15.0, 80.0)) for _ in range(self._outputs)]
        else:
            found = [luck.random() ** 2 for _ in range(self._outputs)]
            found = [value / sum(found) for value in found] if self._outputs > 1 else found
        return Scores((), tuple(found))

    def score_batch(self, rows: Any) -> Any:
        return np.array([self.score(row).values for row in rows])

    raw_batch = score_batch


@cache
def decisions(name: str) -> tuple[Decision, ...]:
    """What a scorer that draws by lot decides of the busiest keys, event by event as they come; repeats are decided again."""
    domain = ALL[name]
    features, policy = domain.features(), domain.policy
    model = Model("v1", "native", Guess(domain), lambda row: np.zeros((outputs(domain)[1], len(domain.schema))))
    state, memory = dict[str, bytes](), dict[str, bytes]()
    found = []
    for event in of_busy_keys(name, 150):
        decided = decide(domain, features, model, event, state.get(event.key), memory.get(event.key) if policy.remembers else None)
        if not decided.repeated:
            state[event.key] = decided.state
            if decided.memory is not None:
                memory[event.key] = decided.memory
        if decided.fields:
            moment = int(event.event_time.timestamp()) * 1_000_000
            found.append(Decision(**decided.fields, source_us=moment, broker_us=moment + 1_000, decided_us=moment + 2_000))
    return tuple(found)


def bits(row: Sequence[float]) -> bytes:
    """A row's bytes, so that missing values compare too."""
    return np.array(row, dtype="<f8").tobytes()
