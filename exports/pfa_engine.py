"""The program of our PFA documents: types, the walk with LightGBM's missing side, the sum in order, the link.

Written by the writer; the reader accepts a document only if its program is this one, so that a changed one is never misread.
Source: the PFA specification 0.8.1 (Data Mining Group), libraries ``model.tree``, ``a`` and ``m``.
"""

from __future__ import annotations

from typing import Any

from domain.schema import FeatureSchema
from exports.ensemble import Link

Json = Any


def row_type(schema: FeatureSchema) -> Json:
    """The input: every feature by name, null where it is missing."""
    fields = [{"name": f.name, "type": ["null", "string" if f.categories else "double"]} for f in schema.features]
    return {"type": "record", "name": "Row", "fields": fields}


def output_type(classes: bool) -> Json:
    doubles = {"type": "array", "items": "double"}
    fields = [{"name": "raw", "type": doubles}, {"name": "values", "type": doubles}]
    return {"type": "record", "name": "Scores", "fields": [*fields, {"name": "class", "type": "int"}] if classes else fields}


def trees_type(schema: FeatureSchema) -> Json:
    """One array of trees an output; the record is what ``model.tree.missingTest`` and ``simpleWalk`` ask for."""
    node = {
        "type": "record",
        "name": "TreeNode",
        "fields": [
            {"name": "field", "type": {"type": "enum", "name": "Feature", "symbols": list(schema.names)}},
            {"name": "operator", "type": "string"},
            {"name": "value", "type": ["double", {"type": "array", "items": "string"}]},
            {"name": "missing_passes", "type": "boolean"},
            {"name": "pass", "type": ["TreeNode", "double"]},
            {"name": "fail", "type": ["TreeNode", "double"]},
        ],
    }
    return {"type": "array", "items": {"type": "array", "items": node}}


_TEST: Json = {
    "params": [{"row": "Row"}, {"node": "TreeNode"}],
    "ret": "boolean",
    "do": [{"ifnotnull": {"answer": {"model.tree.missingTest": ["row", "node"]}}, "then": "answer", "else": "node.missing_passes"}],
}


def action(link: Link, outputs: int) -> Json:
    """Walk, sum from the left, average, link, and decide where the model tells classes apart."""
    walked = {"model.tree.simpleWalk": ["row", "tree", {"fcn": "u.test"}]}
    leaf = {"params": [{"tree": "TreeNode"}], "ret": "double", "do": [{"u.leaf": ["input", "tree"]}]}
    add = {"params": [{"total": "double"}, {"value": "double"}], "ret": "double", "do": [{"+": ["total", "value"]}]}
    del walked
    total = {"a.fold": [{"a.map": ["trees", leaf]}, {"double": 0.0}, add]}
    one = {"params": [{"trees": {"type": "array", "items": "TreeNode"}}], "ret": "double", "do": [total]}
    raw: Json = {"a.map": [{"cell": "outputs"}, one]}
    new = {"raw": "raw", "values": "values"}
    if link.classes:
        new["class"] = _decision(outputs)
    return [{"let": {"raw": raw}}, {"let": {"values": _linked(link)}}, {"new": new, "type": "Scores"}]


def functions() -> Json:
    """The test of a node, and the walk of a tree."""
    walk = {"model.tree.simpleWalk": ["row", "tree", {"fcn": "u.test"}]}
    return {"test": _TEST, "leaf": {"params": [{"row": "Row"}, {"tree": "TreeNode"}], "ret": "double", "do": [walk]}}
