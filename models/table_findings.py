"""What is wrong with a table before a model learns from it: columns that say nothing, that give the label away, rows that repeat."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from models.errors import DataError
from models.table import Index, Matrix, Table
from models.table_metrics import r2

LOOKED_AT = 100_000  # rows, evenly spread: what gives a label away does so in any sample
BINS = 64
NEAR_PERFECT = {"binary": 0.995, "multiclass": 0.99, "regression": 0.999}  # AUC, share right, R²
CHANCE = 1e-9  # that a value keeps to one class by accident
ID_ROWS = 100  # fewer whole numbers may well all differ
NEARLY_CONSTANT = 0.995
FLOAT32 = float(np.finfo(np.float32).max)  # so LightGBM 4.6 keeps labels, and the gain of a split, which may be the sum of their squares
CLOSEST = 1e-18  # of labels that differ by less the gains are zero as float32; of 1e-34 the leaf values are, too


def check_label(table: Table) -> None:
    """Raises ``DataError`` naming the row of a quantity that is too large for LightGBM, or where all are too close to each other."""
    if table.objective != "regression":
        return
    y, place, largest = table.y, f"column {table.label!r}", math.sqrt(FLOAT32 / len(table))
    if (too_large := np.abs(y) > largest).any():
        row = int(too_large.argmax())
        held = f"LightGBM reckons in float32, which of {len(table):,} rows holds labels up to {largest:.1e}"
        raise DataError(f"{place}, row {row + 1}: {y[row]:g} is too large to learn; {held}: write them in a larger unit")
    if np.abs(y - y[0]).max() < CLOSEST:
        raise DataError(f"{place}: all labels lie within {CLOSEST:g}, which LightGBM takes for one; write them in a smaller unit")
    if len(np.unique(y.astype(np.float32))) == 1:
        raise DataError(f"{place}: all labels are {y[0]:g} to LightGBM, which learns them as float32; take off what they share")


def useless(table: Table, kept: frozenset[str] = frozenset()) -> dict[str, str]:
    """Why a column is of no use, by name: one value only, or whole numbers that all differ (an id) and are not in ``kept``.

    Raises ``DataError`` where no column is left.
    """
    found = {}
    for i, feature in enumerate(table.schema.features):
        column = table.x[:, i]
        given = column[~np.isnan(column)]
        if len(given) == 0:
            found[feature.name] = "empty"
        elif len(given) == len(column) and given.min() == given.max():
            found[feature.name] = "the same value in every row"
        elif feature.kind == "numeric" and feature.name not in kept and _counts(given):
            found[feature.name] = "an id: whole numbers that all differ; --keep it if it is a quantity"
    if len(found) == len(table.schema):
        raise DataError(f"{table.name}: no column is left to learn from: " + "; ".join(f"{n!r}: {why}" for n, why in found.items()))
    return found


def _counts(given: Matrix) -> bool:
    if len(given) < ID_ROWS or not (given[:ID_ROWS] == np.floor(given[:ID_ROWS])).all():
        return False
    return bool((given == np.floor(given)).all()) and len(np.unique(given)) == len(given)


def nearly_constant(table: Table) -> dict[str, int]:
    """Columns that hold another than their commonest value in less than one row of 200: name, and how many rows."""
    found = {}
    for i, name in enumerate(table.schema.names):
        counts = np.unique(table.x[:, i], return_counts=True)[1]
        if counts.max() >= NEARLY_CONSTANT * len(table):
            found[name] = int(len(table) - counts.max())
    return found


def duplicates(table: Table) -> int:
    """Rows that another row before them equals, label included."""
    seen = np.zeros(len(table), dtype=np.uint64)
    for column in (*(table.x[:, i] for i in range(len(table.schema))), table.y):
        bits = np.ascontiguousarray(column + 0.0).view(np.uint64)  # + 0.0: minus zero is zero
        seen = _mixed(seen ^ _mixed(bits))
    return len(table) - len(np.unique(seen))


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al., OOPSLA 2014): every bit depends on all."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def leaks(table: Table) -> dict[str, str]:
    """Columns that look as if they were known only with the label, and why: near-perfect alone, or a value kept to one class."""
    chosen = table.evenly(LOOKED_AT)
    y = table.y[chosen]
    found = {}
    for i, name in enumerate(table.schema.names):
        column = table.x[chosen, i]
        alone = _alone(column, y, table.objective)
        if alone >= NEAR_PERFECT[table.objective]:
            found[name] = f"{_MEASURE[table.objective]} {alone:.4f} by itself"
        elif table.objective != "regression" and (why := _kept_to_one_class(column, y, table.classes)):
            found[name] = why
    return found


_MEASURE = {"binary": "AUC", "multiclass": "share right", "regression": "R²"}


def _alone(column: Matrix, y: Matrix, objective: str) -> float:
    """How well the column by itself tells the label: learned on every other row in bins, judged on the rest."""
    bins = _binned(column)
    learn, test = np.arange(len(y)) % 2 == 0, np.arange(len(y)) % 2 == 1
    if objective == "multiclass":
        counts = np.zeros((bins.max() + 1, int(y.max()) + 1))
        np.add.at(counts, (bins[learn], y[learn].astype(np.int64)), 1.0)
        base = float((y[test] == np.bincount(y[learn].astype(np.int64)).argmax()).mean())
        right = float((counts.argmax(axis=1)[bins[test]] == y[test]).mean())
        return right if base < NEAR_PERFECT["multiclass"] else 0.0
    total, count = (np.bincount(bins[learn], weights=w, minlength=bins.max() + 1) for w in (y[learn], np.ones(learn.sum())))
    told = ((total + y[learn].mean()) / (count + 1.0))[bins[test]]
    if objective == "binary":
        return max(float(roc_auc_score(y[test], told)), _ranked(column, y)) if 0 < y[test].sum() < test.sum() else 0.0
    return max(r2(y[test], told), _same_order(column, y))


def _binned(column: Matrix) -> Index:
    """Bins of about equal size, one a value where there are few; missing is a bin of its own."""
    given = column[~np.isnan(column)]
    values = np.unique(given)
    edges = values if len(values) <= 4 * BINS else np.unique(np.quantile(given, np.linspace(0, 1, BINS + 1)))
    return np.where(np.isnan(column), 0, 1 + np.searchsorted(edges, column)).astype(np.int64)


def _ranked(column: Matrix, y: Matrix) -> float:
    """AUC of the column's own order, either way, over rows where it has a value: a bin may hold both sides of a sharp edge."""
    given = ~np.isnan(column)
    if given.sum() < 0.9 * len(y) or not 0 < y[given].sum() < given.sum():
        return 0.0
    found = float(roc_auc_score(y[given], column[given]))
    return max(found, 1 - found)


def _same_order(column: Matrix, y: Matrix) -> float:
    """Spearman's correlation, squared, over rows where the column has a value."""
    given = ~np.isnan(column)
    if given.sum() < 0.9 * len(y) or len(np.unique(column[given])) < 3:
        return 0.0
    a, b = rankdata(column[given]), rankdata(y[given])
    return float(np.corrcoef(a, b)[0, 1] ** 2) if b.std() else 0.0


def _kept_to_one_class(column: Matrix, y: Matrix, classes: tuple[str, ...]) -> str:
    """Says so where all rows off the column's commonest value are of one class, and chance would not have it so."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    if not len(values):  # it is filled in rows that are not looked at
        return ""
    off = ~np.isnan(column) & (column != values[counts.argmax()])
    if not off.any() or (y[off] != y[off][0]).any():
        return ""
    share = float((y == y[off][0]).mean())
    if off.sum() * math.log(share) > math.log(CHANCE):
        return ""
    return f"the same value in every row that is not {classes[int(y[off][0])]!r}; its {off.sum():,} other rows all are"
