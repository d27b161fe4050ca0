"""The champion's trees with leaves learned anew: a small step towards fresh labels, without new splits (LightGBM's ``Booster.refit``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import lightgbm as lgb

from domain.contract import Domain
from domain.learning import Rows
from exports.formats import FORMATS
from models.bundle import Bundle
from models.manifest import called
from models.report import Boosters, learnable

DECAY: Final = 0.5  # how much of the old leaf stays: LightGBM's ``decay_rate``
Fit = Callable[[Domain, Rows], Boosters]


def refitting(champion: Bundle, decay: float = DECAY) -> Fit:
    """What fits the champion's models to rows: the same trees, each leaf ``decay`` of the old value and the rest of the rows' own."""

    def fit(domain: Domain, rows: Rows) -> Boosters:
        x = learnable(rows.x, domain.schema)
        found = {}
        for name in ("", *champion.beside):
            booster = lgb.Booster(model_file=champion.folder / called(name, FORMATS["native"].file_name))
            found[name] = booster.refit(x, rows.y, decay_rate=decay)
        return found

    return fit
