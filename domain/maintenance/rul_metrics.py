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
    order = np.argsort(key, kind="stable")
    machines = np.split(order, np.flatnonzero(key[order][1:] != key[order][:-1]) + 1)
    return [life for rows in machines if len(rows) for life in _of_one(rows, age[rows])]


def _of_one(rows: Index, age: Matrix) -> Iterator[Index]:
    """The lives of one machine, whose rows' ages are ``age``: a new one begins where the age falls below half of what it was."""
    while len(fallen := np.flatnonzero(age < np.fmax.accumulate(age) / 2)):
        yield rows[: fallen[0]]
        rows, age = rows[fallen[0] :], age[fallen[0] :]
    yield rows


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
