"""The one compiled walk over an ensemble: PMML and PFA are scored here, to the last bit of the raw score.

Compiled by numba once per machine (``cache=True``); ``exports.compiled`` calls it once on load, so no decision waits for that.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from exports.missing import ZERO
from exports.packing import (
    AVERAGE,
    CATEGORICAL,
    CODES,
    DEFAULT_LEFT,
    GROUPS,
    LANES,
    LINK,
    N_COLUMNS,
    N_FEATURES,
    N_OUTPUTS,
    NUMERIC,
    OUTPUTS,
    ZERO_MISSING,
)

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


@njit(cache=True, inline="always")  # numba ships no types
def _table(ints: Ints, which: int) -> Ints:
    return ints[ints[2 * which] : ints[2 * which + 1]]


@njit(cache=True)
def _spread_numeric(table: Ints, row: Floats, columns: Floats) -> None:
    """Numbers into columns: missing as -inf where it goes left, as NaN where it goes right."""
    for c in range(table.shape[0] // 2):
        value = row[table[2 * c]]
        flags = table[2 * c + 1]
        if flags & ZERO_MISSING and -ZERO <= value <= ZERO:
            value = math.nan
        if flags & DEFAULT_LEFT and math.isnan(value):
            value = -math.inf
        columns[c] = value


@njit(cache=True)
def _spread_categorical(table: Ints, codes: Ints, members: Bytes, row: Floats, columns: Floats) -> None:
    """Categories into columns: 0 in the set, NaN outside. A code is cut towards zero, as LightGBM's cast to int does."""
    for f in range(table.shape[0] // 6):
        feature, first, sets, known = table[6 * f], table[6 * f + 1], table[6 * f + 2], table[6 * f + 3]
        value = row[feature]
        line = 0
        if -1.0 < value < known:
            line = codes[table[6 * f + 4] + int(value)]
        elif known < 0:
            line = _found(codes[table[6 * f + 4] : table[6 * f + 4] - known], value)
        start = table[6 * f + 5] + line * sets
        for s in range(sets):
            columns[first + s] = 0.0 if members[start + s] else math.nan


@njit(cache=True)
def _found(codes: Ints, value: float) -> int:
    """The place of a code among the sorted ones, from 1; 0 if it is not there."""
    if not -1.0 < value < codes[-1] + 1.0:
        return 0
    code = int(value)
    place = np.searchsorted(codes, code)
    return int(place) + 1 if codes[place] == code else 0


@njit(cache=True, inline="always")
def _step(nodes: Floats, links: Ints, columns: Floats, node: int) -> int:
    """The child to go to: the first one, or the one beside it. A leaf steps to itself."""
    return links[4 * node + 3] + (1 - np.int32(columns[links[4 * node + 2]] <= nodes[2 * node]))  # type: ignore[no-any-return]


@njit(cache=True)
def _walk(groups: Ints, nodes: Floats, links: Ints, columns: Floats, leaves: Floats) -> None:
    """Each tree's leaf value; eight trees in lockstep hide the latency of each other's loads."""
    width = 2 * LANES + 1
    for start in range(0, groups.shape[0], width):
        g = groups[start : start + width]
        a, b, c, d, e, f, h, i = g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8]
        for _ in range(g[0]):
            a = _step(nodes, links, columns, a)
            b = _step(nodes, links, columns, b)
            c = _step(nodes, links, columns, c)
            d = _step(nodes, links, columns, d)
            e = _step(nodes, links, columns, e)
            f = _step(nodes, links, columns, f)
            h = _step(nodes, links, columns, h)
            i = _step(nodes, links, columns, i)
        leaves[g[9]], leaves[g[10]], leaves[g[11]], leaves[g[12]] = nodes[2 * a], nodes[2 * b], nodes[2 * c], nodes[2 * d]
        leaves[g[13]], leaves[g[14]], leaves[g[15]], leaves[g[16]] = nodes[2 * e], nodes[2 * f], nodes[2 * h], nodes[2 * i]


@njit(cache=True)
def apply_link(kind: int, sigmoid: float, average_over: int, raw: Floats, values: Floats) -> None:
    """Raw scores (outputs,) to values (outputs,), with LightGBM's own formulas; ``kind`` indexes ``ensemble.LINKS``."""
    for k in range(raw.shape[0]):
        score = raw[k] / average_over if average_over > 1 else raw[k]
        if kind == 1:
            score = 1.0 / (1.0 + math.exp(-sigmoid * score))
        elif kind == 3:
            score = math.exp(score)
        elif kind == 4:
            score = abs(score) * score
        elif kind == 5:
            score = math.log1p(math.exp(score))
        values[k] = score
    if kind == 2:
        _softmax(values)


def link_rows(kind: int, sigmoid: float, average_over: int, raw: Floats) -> Floats:
    """``apply_link`` on each row of ``raw`` (n, outputs), in place; returns it."""
    for line in raw:
        apply_link(kind, sigmoid, average_over, line, line)
    return raw


@njit(cache=True)
def _softmax(values: Floats) -> None:
    top = values.max()
    total = 0.0
    for k in range(values.shape[0]):
        values[k] = math.exp(values[k] - top)
        total += values[k]
    for k in range(values.shape[0]):
        values[k] /= total


@njit(cache=True)
def score_row(ints: Ints, nodes: Floats, links: Ints, members: Bytes, work: Floats, sigmoid: float) -> None:
    """Score the row at the start of ``work`` (layout: ``packing.Packed``); raw and linked scores follow it there."""
    n, outputs = ints[N_FEATURES], ints[N_OUTPUTS]
    row, raw, values = work[:n], work[n : n + outputs], work[n + outputs : n + 2 * outputs]
    columns, leaves = work[n + 2 * outputs :], work[n + 2 * outputs + ints[N_COLUMNS] :]
    _spread_numeric(_table(ints, NUMERIC), row, columns)
    _spread_categorical(_table(ints, CATEGORICAL), _table(ints, CODES), members, row, columns)
    _walk(_table(ints, GROUPS), nodes, links, columns, leaves)
    trees = _table(ints, OUTPUTS)
    for k in range(outputs):
        total = 0.0
        for tree in range(trees[k], trees[k + 1]):
            total += leaves[tree]
        raw[k] = total
    apply_link(ints[LINK], sigmoid, ints[AVERAGE], raw, values)


@njit(cache=True)
def score_rows(
    ints: Ints, nodes: Floats, links: Ints, members: Bytes, work: Floats, sigmoid: float, rows: Floats, out: Floats, linked: bool
) -> None:
    """``rows`` (n, features) into ``out`` (n, outputs): after the link if ``linked``, else before it."""
    n, outputs = ints[N_FEATURES], ints[N_OUTPUTS]
    first = n + outputs if linked else n
    for r in range(rows.shape[0]):
        work[:n] = rows[r]
        score_row(ints, nodes, links, members, work, sigmoid)
        out[r] = work[first : first + outputs]
