"""A small simulated history and what is made of it, once for all tests of models."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from domain.contract import Emission
from domain.learning import Window
from domain.registry import DOMAINS
from models.dataset import Dataset, replay

FRAUD = DOMAINS["fraud"]
START = datetime(2025, 3, 3, tzinfo=UTC)
DAYS = 42
WINDOW = Window(train=14, delay=7, test=4)


@cache
def history() -> tuple[Emission, ...]:
    return tuple(FRAUD.simulate(5, START, customers=900, terminals=1800, days=DAYS))


@cache
def dataset() -> Dataset:
    return replay(FRAUD, history())
