"""How a domain's model is made and judged: its recipe, its metrics, and the baselines that it must beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """How a model is fitted: LightGBM's parameters and the number of boosting rounds."""

    params: Mapping[str, Any]
    rounds: int


@dataclass(frozen=True)
class Window:
    """Lengths in days: trained on, waited for labels, tested on."""

    train: int = 7
    delay: int = 7
    test: int = 7

    @property
    def span(self) -> int:
        return self.train + self.delay + self.test


class Rows(NamedTuple):
    """Labelled rows in order of event time: ``x`` (n, features), ``y`` (n,), ``key`` (n,), ``day`` (n,) since the data's first one."""

    x: Matrix
    y: Matrix
    key: NDArray[np.str_]
    day: NDArray[np.int64]


Metrics = dict[str, float]


@dataclass(frozen=True)
class Learning:
    """What ``models`` needs to train a domain's model and to say what it is worth.

    ``judge`` takes the tested rows and what the model answers to them: (n, outputs) after the link, and behind them the
    answers of the models ``beside`` it. ``baselines`` learns from the first rows, answers the second and judges that, by name.
    ``window`` parts by time; None parts by key, each key's rows whole on one side.
    """

    recipe: Recipe
    judge: Callable[[Rows, Matrix], Metrics]
    baselines: Callable[[Rows, Rows], dict[str, Metrics]]
    headline: str  # the metric in which the model must beat every baseline
    shown: Mapping[str, str]  # up to four metrics that plots and tables show, and their titles
    history_days: int  # of simulated history that a first training takes
    lower_is_better: bool = False
    window: Window | None = None
    folds: int = 4
    leave_out_found: bool = False  # keys with a positive label known by the day of a test are left out of it
    beside: Mapping[str, Recipe] = field(default_factory=dict)  # more models on the same rows, by name
    unit: Callable[[Rows], NDArray[np.int64]] | None = None  # rows that stand or fall together: a number each; None: each by itself
    measure: Callable[[Rows, Matrix], float] | None = None  # the headline alone, for who asks for it hundreds of times

    def headline_of(self, rows: Rows, scores: Matrix) -> float:
        """The headline metric of these answers."""
        return self.judge(rows, scores)[self.headline] if self.measure is None else self.measure(rows, scores)
