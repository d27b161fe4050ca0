"""An ensemble laid out for the kernel: tables in one integer array, 16-byte nodes with adjacent children.

A row is first spread into columns, one for each way in which a feature is read: NaN becomes -inf where missing goes left and
stays NaN where it goes right, so the walk itself only compares. A category becomes one column per distinct set: 0 inside, NaN outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exports.ensemble import LINKS, Ensemble
from exports.errors import UnsupportedModel

LANES: Final = 8  # trees walked in lockstep; 8 was the fastest of 1, 4, 8 (2.5 against 4.1 us at 200 x 31)
TABLES: Final = 6  # the header: where each table starts and stops, then the numbers below
HEADER: Final = 2 * TABLES + 6
NUMERIC, CATEGORICAL, CODES, GROUPS, OUTPUTS, _SPARE = range(TABLES)
N_FEATURES, N_COLUMNS, N_TREES, N_OUTPUTS, LINK, AVERAGE = range(2 * TABLES, HEADER)
DENSE: Final = 1_000_000  # the largest code for which a table by code is made; beyond it the codes in use are searched
MOST_MEMBERS: Final = 1 << 30  # bytes of a feature's table of which category is in which set
DEFAULT_LEFT: Final = 1
ZERO_MISSING: Final = 2


@dataclass(frozen=True, eq=False)
class Packed:
    """What the kernel reads.

    ``ints`` int32: header and tables. ``nodes`` float64 (2 * nodes,): threshold or leaf value, then column and first child as
    two int32. ``members`` uint8: per categorical feature a matrix (distinct codes + 1, sets), row 0 in no set.
    ``work`` float64: row, then raw and linked outputs, columns, leaves.
    """

    ints: NDArray[np.int32]
    nodes: NDArray[np.float64]
    members: NDArray[np.uint8]
    sigmoid: float

    @property
    def links(self) -> NDArray[np.int32]:
        """The same memory as ``nodes``, as int32."""
        return self.nodes.view(np.int32)

    def workspace(self) -> NDArray[np.float64]:
        """A fresh ``work``; two threads may not share one."""
        size = self.ints[N_FEATURES] + 2 * self.ints[N_OUTPUTS] + self.ints[N_COLUMNS] + self.ints[N_TREES] + 1
        return np.full(int(size), np.nan)


def pack(ensemble: Ensemble) -> Packed:
    """Lay out an ensemble. O(nodes); the result holds nothing of the ensemble."""
    numeric, numeric_column = _numeric_columns(ensemble)
    categorical, codes, members, set_column = _categorical_columns(ensemble, len(numeric))
    n_columns = len(numeric) + sum(c[2] for c in categorical)
    column = np.where(ensemble.category_set >= 0, set_column, numeric_column)
    nodes, roots = _nodes(ensemble, column, n_columns)
    outputs = np.searchsorted(ensemble.tree_output, np.arange(ensemble.n_outputs + 1))
    tables = [np.array(t, dtype=np.int32).ravel() for t in (numeric, categorical, codes, _groups(ensemble, roots), outputs, [])]
    stops = HEADER + np.cumsum([len(t) for t in tables])
    spans = [edge for table, stop in zip(tables, stops, strict=True) for edge in (stop - len(table), stop)]
    link = ensemble.link
    numbers = [ensemble.n_features, n_columns + 1, ensemble.n_trees, ensemble.n_outputs, LINKS.index(link.kind), link.average_over]
    ints = np.concatenate([np.array(spans + numbers, dtype=np.int32), *tables]).astype(np.int32)
    return Packed(ints, nodes, members, link.sigmoid)


def _numeric_columns(ensemble: Ensemble) -> tuple[list[tuple[int, int]], NDArray[np.int32]]:
    """The distinct (feature, flags) in use, and each node's place among them (-1: none)."""
    used = (ensemble.feature >= 0) & (ensemble.category_set < 0)
    flags = ensemble.default_left * DEFAULT_LEFT + ensemble.zero_missing * ZERO_MISSING
    key = ensemble.feature.astype(np.int64) * 4 + flags
    distinct, place = np.unique(key[used], return_inverse=True)
    column = np.full(len(key), -1, dtype=np.int32)
    column[used] = place
    return [(int(k) // 4, int(k) % 4) for k in distinct], column


def _categorical_columns(ensemble: Ensemble, first: int) -> tuple[list[tuple[int, ...]], list[int], NDArray[np.uint8], NDArray[np.int32]]:
    """Per feature (feature, first column, sets, codes in the table, where its codes and its matrix start); the tables; columns.

    A table has the row of each code; or, where "codes in the table" is below zero, that many codes, sorted, of the rows 1 and up.
    """
    column = np.full(len(ensemble.feature), -1, dtype=np.int32)
    table: list[tuple[int, ...]] = []
    rows_of_codes: list[int] = []
    matrices: list[NDArray[np.uint8]] = []
    offset = 0
    for feature in np.unique(ensemble.feature[ensemble.category_set >= 0]):
        here = (ensemble.feature == feature) & (ensemble.category_set >= 0)
        distinct, place = np.unique(ensemble.category_set[here], return_inverse=True)
        column[here] = first + place
        rows, matrix, sparse = _membership([ensemble.sets[s] for s in distinct])
        known = -len(rows) if sparse else len(rows)
        table.append((int(feature), first, len(distinct), known, len(rows_of_codes), offset))
        rows_of_codes += rows
        matrices.append(matrix.ravel())
        first, offset = first + len(distinct), offset + matrix.size
    return table, rows_of_codes, np.concatenate([np.zeros(0, np.uint8), *matrices]), column


def _membership(sets: list[tuple[int, ...]]) -> tuple[list[int], NDArray[np.uint8], bool]:
    """Row of each code (0: in no set), the matrix (rows, sets), and False; or the codes in use instead of the rows, and True."""
    codes = sorted(set().union(*sets))
    if (len(codes) + 1) * len(sets) > MOST_MEMBERS:
        raise UnsupportedModel(f"one feature has {len(codes):,} categories in {len(sets):,} sets: that takes more than a gigabyte")
    row = {code: number for number, code in enumerate(codes, 1)}
    matrix = np.zeros((len(codes) + 1, len(sets)), dtype=np.uint8)
    for place, members in enumerate(sets):
        matrix[[row[code] for code in members], place] = 1
    if codes and codes[-1] > DENSE:
        return codes, matrix, True
    rows = np.zeros(codes[-1] + 1 if codes else 1, dtype=np.int32)  # code 0 is looked up even if no set holds any
    rows[codes] = np.arange(1, len(codes) + 1)
    return rows.tolist(), matrix, False


def _nodes(ensemble: Ensemble, column: NDArray[np.int32], dummy: int) -> tuple[NDArray[np.float64], list[int]]:
    """Nodes by tree, each tree with children adjacent; a leaf reads the NaN of column ``dummy`` and so steps to itself."""
    at = np.zeros(len(ensemble.feature), dtype=np.int32)
    child = np.zeros(len(ensemble.feature), dtype=np.int32)
    roots = []
    for tree in range(ensemble.n_trees):
        start = free = int(ensemble.tree_start[tree])
        roots.append(start)
        at[start], free = start, start + 1
        queue = [start]
        for node in queue:  # breadth first: the top of a tree shares cache lines
            if ensemble.feature[node] < 0:
                child[node] = at[node] - 1
                continue
            below = (node + 1, int(ensemble.right[node]))
            child[node] = free
            at[below[0]], at[below[1]], free = free, free + 1, free + 2
            queue += below
    nodes = np.zeros(2 * len(at))
    links = nodes.view(np.int32)
    nodes[2 * at] = np.where(ensemble.category_set >= 0, 0.0, ensemble.threshold)
    links[4 * at + 2] = np.where(ensemble.feature < 0, dummy, column)
    links[4 * at + 3] = child
    return nodes, roots


def _groups(ensemble: Ensemble, roots: list[int]) -> list[list[int]]:
    """(depth, 8 roots, 8 trees) per group, trees of like depth together; a short group repeats its last tree."""
    depths = ensemble.depths()
    order = [int(t) for t in np.argsort(depths, kind="stable")]
    groups = []
    for first in range(0, len(order), LANES):
        lanes = order[first : first + LANES]
        lanes += lanes[-1:] * (LANES - len(lanes))
        groups.append([int(depths[lanes[-1]]), *(roots[t] for t in lanes), *lanes])
    return groups
