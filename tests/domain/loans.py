"""A table of one's own as a fifth domain for the contract: loans come in, some twice; most are labelled within the hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import numpy as np

from domain.contract import Emission
from domain.schema import Feature, FeatureSchema
from domain.table.rows import Label, Row
from models.table_domain import Facts, domain_of

SCHEMA = FeatureSchema((Feature("amount"), Feature("purpose", "categorical", ("car", "flat")), Feature("years")))
PARAMS = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "deterministic": True, "verbose": -1, "rounds": 30}


def simulate(seed: int, start: datetime, *, days: int | None = None, customers: int = 20) -> Iterator[Emission]:
    """A loan an hour of every customer; some come late, some again, some with cells left out."""
    rng = np.random.default_rng(seed)
    for hour in count() if days is None else range(24 * days):
        found: list[Emission] = []
        for customer in range(customers):
            found += _loan(rng, f"{seed}-{customer}", hour, start + timedelta(hours=hour, seconds=int(rng.integers(1_800))))
        yield from sorted(found, key=lambda e: e.at)


def _loan(rng: np.random.Generator, customer: str, hour: int, at: datetime) -> Iterator[Emission]:
    amount, purpose = float(rng.normal(10, 3)), ("car", "flat", "boat", None)[rng.integers(4)]
    cells: dict[str, Any] = {"amount": amount, "purpose": purpose, **({"years": int(rng.integers(30))} if rng.random() < 0.5 else {})}
    row = Row(id=f"{customer}-{hour}", event_time=at, key=customer, **cells)
    sent = at + timedelta(seconds=900 * int(rng.random() < 0.02))
    for again in range(1 + int(rng.random() < 0.02)):
        yield Emission(sent + timedelta(seconds=again), "events", row.key, row)
    chance, known = 1 / (1 + math.exp(amount - 10 - 2 * (purpose == "car"))), at + timedelta(seconds=1_700)
    yield Emission(known, "labels", customer, Label(id=row.id, event_time=known, key=customer, value=("no", "yes")[rng.random() < chance]))


TABLE = replace(
    domain_of(Facts("table", "binary", SCHEMA, "repaid", ("no", "yes"), 0.5, (), PARAMS)), simulate=simulate, sizes={"customers": 20}
)
