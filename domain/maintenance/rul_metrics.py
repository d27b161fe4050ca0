"""What estimates of a remaining useful life are judged by."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from domain.learning import Matrix

Index = NDArray[np.int64]


def rmse(y: Matrix, estimate: Matrix) -> float:
    """Root mean square error, in cycles."""
    return float(np.sqrt(np.mean((estimate - y) ** 2)))


def nasa_score(y: Matrix, estimate: Matrix) -> float:
    """The asymmetric score of the PHM08 challenge, summed over (n,) estimates; less is better, and too late costs more than too early.

    With d = estimate - y: exp(-d / 13) - 1 for d < 0, else exp(d / 10) - 1 (Saxena, Goebel, Simon and Eklund, PHM 2008).
    """
    d = estimate - y
    return float(np.sum(np.where(d < 0, np.expm1(-d / 13), np.expm1(d / 10))))


def lives(key: NDArray[np.str_], age: Matrix) -> list[Index]:
    """The rows of each part's life, in their order: a machine's rows between two falls of the part's ``age``, (n,) in order of time.

    A row of unknown age (nan) belongs to the life before it; a late row, whose age is a little less than the one before it, too.
    """
    found: list[Index] = []
    for name in np.unique(key):
        rows = np.flatnonzero(key == name)
        ages = np.maximum.accumulate(np.nan_to_num(age[rows]))
        fallen = np.flatnonzero(np.nan_to_num(age[rows], nan=np.inf) < ages / 2)
        found += _split(rows, age, int(fallen[0])) if len(fallen) else [rows]
    return found


def _split(rows: Index, age: Matrix, at: int) -> list[Index]:
    rest = rows[at:]
    names = np.zeros(len(rest), dtype=np.str_)
    return [rows[:at], *[rest[part] for part in lives(names, age[rest])]]


def cuts(found: list[Index], names: NDArray[np.str_], repetition: int) -> Index:
    """One row of each life, where its observation is cut off: by lot, and the same lot for the same machine, life and repetition."""
    return np.array(list(_cuts(found, names, repetition)), dtype=np.int64)


def _cuts(found: list[Index], names: NDArray[np.str_], repetition: int) -> Iterator[int]:
    number: dict[str, int] = {}
    for rows in found:
        name = str(names[rows[0]])
        number[name] = number.get(name, -1) + 1
        digest = blake2b(f"{name}/{number[name]}/{repetition}".encode(), digest_size=8).digest()
        yield int(rows[np.random.default_rng(int.from_bytes(digest, "little")).integers(len(rows))])
