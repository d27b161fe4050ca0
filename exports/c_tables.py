"""The kernel's tables back into the ensemble they were made of. Bounds are checked; what else is odd shows when it is written anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exports.ensemble import Builder, Ensemble, Link, Node, Split
from exports.packing import DEFAULT_LEFT, LANES, ZERO_MISSING

Ints = NDArray[np.int64]
_WIDTH: Final = 2 * LANES + 1
_MOST_OUTPUTS: Final = 1 << 16


@dataclass(frozen=True, eq=False)
class Tables:
    """As ``packing.Packed`` has them, each an array of its own; ``values``, ``columns`` and ``children`` (nodes,).

    ``members`` has eight of a line of its matrix in a byte, the first in the lowest bit.
    """

    numeric: Ints
    categorical: Ints
    codes: Ints
    members: Ints
    outputs: Ints
    groups: Ints
    values: NDArray[np.float64]
    columns: Ints
    children: Ints


def ensemble_of(tables: Tables, n_features: int, link: Link) -> Ensemble:
    """The ensemble. Raises ``ValueError`` for numbers that lead nowhere. O(size of the tables)."""
    splits = [*_numeric(tables.numeric, n_features), *_categorical(tables, n_features)]
    roots = _roots(tables.groups, len(tables.values))
    if not 1 < len(tables.outputs) <= _MOST_OUTPUTS or tables.outputs[0] or (np.diff(tables.outputs) < 0).any():
        raise ValueError("outputs that do not follow each other")
    if tables.outputs[-1] != len(roots):
        raise ValueError(f"{tables.outputs[-1]} trees of outputs, and {len(roots)} trees")
    values, columns, children = tables.values.tolist(), tables.columns.tolist(), tables.children.tolist()
    visits = 0

    def node(at: int) -> Node[int]:
        nonlocal visits
        visits += 1
        if visits > len(values):
            raise ValueError("trees that share nodes, or run in a circle")
        column, child = columns[at], children[at]
        if column == len(splits):
            return float(values[at])
        if column > len(splits) or not 0 <= child < len(values) - 1:
            raise ValueError(f"node {at} leads nowhere")
        split = splits[column]
        return (split._replace(threshold=values[at]) if split.codes is None else split), child, child + 1

    builder = Builder(n_features)
    for output, (first, stop) in enumerate(zip(tables.outputs[:-1].tolist(), tables.outputs[1:].tolist(), strict=True)):
        for tree in range(first, stop):
            builder.add(output, roots[tree], node)
    return builder.build(len(tables.outputs) - 1, link)


def _numeric(table: Ints, n_features: int) -> list[Split]:
    """The split of each column, without its threshold."""
    if len(table) % 2 or (len(table) and not (table[::2].max() < n_features and table[1::2].max() <= DEFAULT_LEFT + ZERO_MISSING)):
        raise ValueError("a column of no feature")
    pairs = table.reshape(-1, 2).tolist()
    return [Split(feature, 0.0, bool(flags & DEFAULT_LEFT), bool(flags & ZERO_MISSING)) for feature, flags in pairs]


def _categorical(tables: Tables, n_features: int) -> list[Split]:
    """The same of the columns of categories: a set each. Where tables start is counted, not believed."""
    if len(tables.categorical) % 6:
        raise ValueError("half a category")
    found: list[Split] = []
    code, member = 0, 0
    for feature, _, sets, known, _, _ in tables.categorical.reshape(-1, 6).tolist():
        rows = tables.codes[code : code + known]
        lines = int(rows.max(initial=0)) + 1
        size = lines * -(-sets // 8)
        octets = tables.members[member : member + size]
        if feature >= n_features or len(rows) != known or lines > known + 1 or len(octets) != size:
            raise ValueError(f"categories of feature {feature} that are not there")
        code_of = np.full(lines, -1)
        code_of[rows] = np.arange(known)
        code_of[0] = -1
        matrix = np.unpackbits(octets.astype(np.uint8).reshape(lines, -1), axis=1, bitorder="little")[:, :sets]
        inside = [np.sort(code_of[np.flatnonzero(column)]).tolist() for column in matrix.T]
        found += [Split(feature, 0.0, codes=tuple(codes)) for codes in inside]
        code, member = code + known, member + size
    return found


def _roots(groups: Ints, nodes: int) -> list[int]:
    """The root of each tree, in order."""
    if len(groups) % _WIDTH or not len(groups):
        raise ValueError("half a group of trees")
    lanes = groups.reshape(-1, _WIDTH)
    roots, trees = lanes[:, 1 : LANES + 1].ravel(), lanes[:, LANES + 1 :].ravel()
    if roots.max() >= nodes or trees.max() >= len(trees):
        raise ValueError("a group of trees that are not there")
    found = np.full(int(trees.max()) + 1, -1)
    found[trees] = roots
    if (found < 0).any():
        raise ValueError("a tree without a root")
    return [int(root) for root in found]
