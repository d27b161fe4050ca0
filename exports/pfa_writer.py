"""PFA from an ensemble, piece by piece and without recursion: a tree nests as deeply in JSON as it is deep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import numpy as np

from domain.schema import FeatureSchema
from exports.ensemble import Ensemble, Link, Split
from exports.errors import UnsupportedModel
from exports.pfa_engine import ANY, GIVEN, LEAF_ONLY, Json, program
from exports.pfa_names import columns, identifiers, in_use

MAX_DEPTH: Final = 10_000  # splits above a leaf: as many as the reader takes
_OPEN: Final = '{"TreeNode":'
_END: Final = "]}}}"  # of the empty trees, their cell, the cells and the document


def document(ensemble: Ensemble, schema: FeatureSchema) -> Iterator[str]:
    """The document's text, in pieces. Raises ``UnsupportedModel`` for what PFA cannot carry, before the first piece."""
    _check(ensemble)
    return _Writer(ensemble, schema).document()


def metadata(schema: FeatureSchema, link: Link) -> dict[str, str]:
    """What our reader asks a document for; PFA's metadata are strings. ``names`` says which field is which feature."""
    found = {"schema": json.dumps(schema.to_json()), "link": json.dumps(asdict(link))}
    names = {field: name for field, name in zip(identifiers(schema.names), schema.names, strict=True) if field != name}
    return {**found, "names": json.dumps(names)} if names else found


def _check(ensemble: Ensemble) -> None:
    leaf = ensemble.feature < 0
    if not np.isfinite(ensemble.threshold[leaf]).all():
        raise UnsupportedModel("a leaf is infinite, and JSON, which PFA is, has no infinity: export as native")
    if np.isneginf(ensemble.threshold[~leaf]).any():
        raise UnsupportedModel("a threshold is -inf, and JSON, which PFA is, has no infinity: export as native")
    deepest = int(ensemble.depths().max(initial=0))
    if deepest > MAX_DEPTH:
        raise UnsupportedModel(f"a tree of depth {deepest}: PFA nests trees, here to {MAX_DEPTH}; set max_depth, or export as native")


class _Writer:
    def __init__(self, ensemble: Ensemble, schema: FeatureSchema) -> None:
        self._ensemble, self._schema = ensemble, schema
        self._columns = in_use(columns(schema), ensemble)
        self._fields = {column[1:]: json.dumps(column.name) for column in self._columns}
        self._labels = [[json.dumps(c) for c in f.categories] for f in schema.features]

    def document(self) -> Iterator[str]:
        ensemble = self._ensemble
        told = {"metadata": metadata(self._schema, ensemble.link)}
        yield _compact(told | program(self._schema, self._columns, ensemble.link, ensemble.n_outputs)).removesuffix(_END)
        for output in range(ensemble.n_outputs):
            yield ",[" if output else "["
            for place, tree in enumerate(ensemble.trees(output)):
                yield "," if place else ""
                yield self._tree(int(ensemble.tree_start[tree]))
            yield "]"
        yield f"{_END}\n"

    def _tree(self, root: int) -> str:
        split = self._ensemble.split(root)
        if isinstance(split, float):
            leaf = _leaf(split)
            field = json.dumps(self._columns[0].name)
            return "".join((_node(field, ANY, _compact(LEAF_ONLY), False), leaf, ',"fail":', leaf, "}"))
        return "".join(self._nodes(root)).removeprefix(_OPEN)[:-1]

    def _nodes(self, root: int) -> Iterator[str]:
        todo: list[int | str] = [root]
        while todo:
            node = todo.pop()
            if isinstance(node, str):
                yield node
                continue
            split = self._ensemble.split(node)
            if isinstance(split, float):
                yield _leaf(split)
                continue
            yield _OPEN + self._split(split)
            todo += ["}}", int(self._ensemble.right[node]), ',"fail":', node + 1]

    def _split(self, split: Split) -> str:
        """A split up to what stands on its left."""
        given = split.threshold == np.inf
        field = self._fields[split.feature, split.zero_missing, given]
        if split.codes is None:
            return _node(field, "<=", _leaf(GIVEN if given else split.threshold), split.default_left)
        labels = ",".join(self._labels[split.feature][code] for code in split.codes)
        return _node(field, "in", f'{{"array":[{labels}]}}', split.default_left)


def _node(field: str, operator: str, value: str, missing_passes: bool) -> str:
    passes = "true" if missing_passes else "false"
    return f'{{"field":{field},"operator":"{operator}","value":{value},"missing_passes":{passes},"pass":'


def _leaf(value: float) -> str:
    return f'{{"double":{value!r}}}'


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
