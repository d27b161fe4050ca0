"""Judges the cross-sell recipe on *The Complete Journey*: what goes into a basket next, on visits of the last 12 weeks.

Two tasks. ``underway``: a sighting in the midst of a visit, drawn by lot; a hit is a group that is not in the basket yet and that the
rest of the visit brings. ``before``: the sighting at the beginning; a hit is a group that the household did not buy in its last
``LAST_BASKETS`` baskets and that this visit brings. A visit that brings none of them has no answer and is no row.

The baselines know all that there is to know by then, not only what the model's features remember: sales of the training weeks, and
the household's purchases since its first, leaning on everybody's sales while they are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain, Emission
from domain.cross_sell.events import Checkout, Ping, Purchase
from domain.cross_sell.features import SCHEMA
from domain.cross_sell.groups import COUNT, GROUPS, group_code
from domain.cross_sell.ranking import Mask, per_row
from domain.history import identity
from domain.learning import Matrix, Recipe, Rows
from models import complete_journey, report
from models.dataset import Progress, counted, silent
from models.errors import DataError
from models.train import one_by_one

if TYPE_CHECKING:
    from models.recorded import Question

WEEK: Final = 604_800
TRAIN_WEEKS, TEST_WEEKS, WARM_UP_WEEKS = 36, 12, 4
LAST_BASKETS: Final = 3  # the median basket has five lines: one basket says little of what a household buys
LEANING: Final = 10.0  # baskets that everybody's sales count for in a household's frequency: of 0.01 to 10 the strongest
SIGHTINGS: Final = 4  # of a visit that are learned from
DRAWS: Final = 1000  # of the bootstrap
_SINCE: Final = [SCHEMA.names.index(f"{g}_baskets_since") for g in GROUPS]

