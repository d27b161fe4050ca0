"""What a model learned from, as distributions, and how far what it is asked now lies from them: the population stability index.

``Baseline`` travels in a bundle's manifest. ``models/watch.py`` compares days of decisions with it and says when it is drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from domain.schema import FeatureSchema

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
BINS: Final = 10
_GHOST: Final = 0.5  # added to each cell's count: an empty cell would make the index infinite (Krichevsky and Trofimov, 1981)


@dataclass(frozen=True)
class Profile:
    """How one number or category was distributed over all rows: ``shares`` by bin or by code, ``unseen`` and ``missing`` sum to one.

    ``edges`` are the upper bounds of all bins but the last, which has none; a category has no edges.
    """

    name: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float
    unseen: float = 0.0
    categorical: bool = False

    @classmethod
    def numeric(cls, name: str, values: Array) -> Profile:
        """Of ``values`` (n,): bins between quantiles that are values themselves; where quantiles are equal, one bin."""
        there = values[~np.isnan(values)]
        cuts = np.quantile(there, np.arange(1, BINS) / BINS, method="inverted_cdf") if len(there) else np.empty(0)
        return cls(name, tuple(np.unique(cuts).tolist()), (), 0.0)._filled(values)

    @classmethod
    def category(cls, name: str, values: Array, codes: int) -> Profile:
        """Of ``values`` (n,) that are codes below ``codes``, negative where the schema does not list the label."""
        return cls(name, (), (0.0,) * codes, 0.0, categorical=True)._filled(values)

    def counts(self, values: Array) -> Counts:
        """(cells,) how many of ``values`` (n,) fall into each bin or code, into what is unseen (of a category), and are missing."""
        missing = np.isnan(values)
        there = values[~missing]
        if not self.categorical:
            of_bin = np.bincount(np.searchsorted(self.edges, there), minlength=len(self.edges) + 1)
            return np.append(of_bin, missing.sum())
        listed = (there >= 0) & (there < len(self.shares))
        of_code = np.bincount(there[listed].astype(np.int64), minlength=len(self.shares))
        return np.append(of_code, [(~listed).sum(), missing.sum()])

    def psi(self, counts: Counts, rows: int) -> float:
        """The population stability index of ``counts`` (cells,) against this profile, which was made of ``rows``.

        The sum over cells of ``(q - p) * ln(q / p)``, in which missing and unseen are cells like the others.
        """
        was = np.array([*self.shares, *([self.unseen] if self.categorical else []), self.missing]) * rows
        p, q = ((c + _GHOST) / (c + _GHOST).sum() for c in (was, counts))
        return float(((q - p) * np.log(q / p)).sum())

    def _filled(self, values: Array) -> Profile:
        cells = np.round(self.counts(values) / max(len(values), 1), 7).tolist()
        shares, missing = cells[:-1], cells[-1]
        unseen = shares.pop() if self.categorical else 0.0
        return Profile(self.name, self.edges, tuple(shares), missing, unseen, self.categorical)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "shares": list(self.shares), "missing": self.missing}
        return found | ({"unseen": self.unseen} if self.categorical else {"edges": list(self.edges)})

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Profile:
        edges = tuple(map(float, item.get("edges", ())))
        shares = tuple(map(float, item["shares"]))
        return cls(str(item["name"]), edges, shares, float(item["missing"]), float(item.get("unseen", 0.0)), "edges" not in item)


@dataclass(frozen=True)
class Baseline:
    """The rows that a model comes from: a profile of each feature, in the schema's order, and of each output after the link.

    ``rows`` is how many there were. Rows of one key and day resemble each other, so what chance explains is reckoned with ``draws``:
    each key on each day is one.
    """

    rows: int
    draws: int
    features: tuple[Profile, ...]
    scores: tuple[Profile, ...]

    @classmethod
    def of(
        cls,
        x: Array,
        scores: Array,
        schema: FeatureSchema,
        keys: Sequence[str] | NDArray[np.str_] | None = None,
        days: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> Baseline:
        """Of ``x`` (n, features) and the model's answers to them, ``scores`` (n, outputs), with those of models beside it.

        ``x`` must hold **all rows that were decided** in the days learned from, labelled or not: labels tell of some rows only (not of the
        sightings at the checkout, not of parts that still run), and a stream compared with those would always have drifted. ``keys`` and
        ``days`` (n,) say whose rows they are and of which day; without them each row counts as a draw of its own.
        """
        features = [
            Profile.category(f.name, x[:, i], len(f.categories)) if f.kind == "categorical" else Profile.numeric(f.name, x[:, i])
            for i, f in enumerate(schema.features)
        ]
        table = scores.reshape(len(x), -1)
        outputs = [Profile.numeric(output_name(i, table.shape[1]), table[:, i]) for i in range(table.shape[1])]
        names = range(len(x)) if keys is None else map(str, keys)
        draws = set(zip(names, [0] * len(x) if days is None else map(int, days), strict=True))
        return cls(len(x), len(draws), tuple(features), tuple(outputs))

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """Features first, then outputs."""
        return (*self.features, *self.scores)

    def counts(self, x: Array, scores: Array) -> tuple[Counts, ...]:
        """The counts of each profile, features first, then outputs; ``x`` (n, features), ``scores`` (n, outputs)."""
        return tuple(p.counts(v) for p, v in zip(self.profiles, np.hstack([x, scores]).T, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for a manifest's ``baseline``."""
        parts = {"features": [p.to_json() for p in self.features], "scores": [p.to_json() for p in self.scores]}
        return {"rows": self.rows, "draws": self.draws, **parts}

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> Baseline:
        """What ``to_json`` wrote. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
        features, scores = (tuple(Profile.from_json(p) for p in item[part]) for part in ("features", "scores"))
        return cls(int(item["rows"]), int(item["draws"]), features, scores)


def output_name(number: int, outputs: int) -> str:
    """What an output is called beside the features."""
    return "score" if outputs == 1 else f"score[{number}]"


def chance(cells: int, n: int, m: int, level: float) -> float:
    """The index that two samples of one distribution, of ``n`` and ``m`` draws, exceed with a chance of ``level``.

    Without a drift the index divided by ``1/n + 1/m`` is about chi-squared with ``cells - 1`` degrees of freedom (Yurdakul, "Statistical
    Properties of Population Stability Index", 2018), so it is expected at ``(cells - 1) * (1/n + 1/m)``.
    """
    return float(chdtri(max(cells - 1, 1), level)) * (1 / max(n, 1) + 1 / max(m, 1))
