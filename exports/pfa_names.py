"""Names that PFA takes for features, and the columns in which trees read them.

PFA's names are Avro's: letters, digits and underscores. A feature called otherwise travels under a name made from its own, and the
document says which is which. A column is one way in which splits read a feature, null where that way counts it as missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from domain.schema import FeatureSchema
from exports.ensemble import Ensemble

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_WAYS: Final = (("", False, False), ("_nonzero", True, False), ("_given", False, True), ("_nonzero_given", True, True))


class Column(NamedTuple):
    """A field of the record that trees read.

    ``zero_missing``: null for zero too, |x| <= 1e-35. ``given``: 0 for any value, which is how splits with the threshold +inf,
    that ask only whether there is a value, are written: JSON has no infinity.
    """

    name: str
    feature: int
    zero_missing: bool
    given: bool


def identifiers(names: Sequence[str]) -> tuple[str, ...]:
    """A name for each feature, in order: its own where PFA takes that, else one that no other feature has."""
    taken = {name for name in names if _NAME.fullmatch(name)}
    return tuple(name if name in taken else _free(_similar(name), taken) for name in names)


def columns(schema: FeatureSchema) -> list[Column]:
    """Every column that there can be, feature by feature; a category is read in one way only."""
    fields = identifiers(schema.names)
    taken = set(fields)
    return [
        Column(_free(fields[i] + ending, taken) if ending else fields[i], i, zero_missing, given)
        for i, feature in enumerate(schema.features)
        for ending, zero_missing, given in _WAYS[: 1 if feature.categories else None]
    ]


def in_use(every: Sequence[Column], ensemble: Ensemble) -> list[Column]:
    """The plain columns, and of the others those that a split reads."""
    flags = zip(ensemble.feature.tolist(), ensemble.zero_missing.tolist(), (ensemble.threshold == np.inf).tolist(), strict=True)
    read = {flag for flag in flags if flag[0] >= 0}
    return [c for c in every if c[1:] in read or not (c.zero_missing or c.given)]


def _similar(name: str) -> str:
    similar = _NO_NAME.sub("_", name)
    return similar if _NAME.fullmatch(similar) else f"_{similar}"


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered where it is taken; it is taken from now on."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
