"""The program of our PFA documents: types, the walk with LightGBM's missing side, the sum in order, the link.

Written by the writer; the reader accepts a document only if its program is this one, so that a changed one is never misread.
Source: the PFA specification 0.8.1 (Data Mining Group), libraries ``model.tree``, ``a`` and ``m``.
"""

from __future__ import annotations

from typing import Any, Final

from domain.schema import FeatureSchema
from exports.ensemble import Link

Json = Any
ANY: Final = "alwaysTrue"  # an operator that any value passes, but a missing one
ANY_VALUE: Final[Json] = {"double": 0.0}  # what it is compared with: nothing; here in a real split
LEAF_ONLY: Final[Json] = {"array": []}  # and here in a tree that is one leaf, since PFA's walk starts at a node
_DOUBLES: Final[Json] = {"type": "array", "items": "double"}


def program(schema: FeatureSchema, link: Link, outputs: int, trees: Json) -> dict[str, Json]:
    """The whole document. ``trees`` is the value of the cell ``outputs``: an array of trees for each output."""
    return {
        "name": "polyscore",
        "method": "map",
        "input": _row_type(schema),
        "output": _output_type(link.classes),
        "fcns": _functions(),
        "cells": {"outputs": {"type": _trees_type(schema), "init": trees}},
        "action": _action(link, outputs),
    }


def _row_type(schema: FeatureSchema) -> Json:
    """The input: every feature by name, null where it is missing."""
    fields = [{"name": f.name, "type": ["null", "string" if f.categories else "double"]} for f in schema.features]
    return {"type": "record", "name": "Row", "fields": fields}


def _output_type(classes: bool) -> Json:
    fields: list[Json] = [{"name": "raw", "type": _DOUBLES}, {"name": "values", "type": _DOUBLES}]
    return {"type": "record", "name": "Scores", "fields": [*fields, {"name": "class", "type": "int"}] if classes else fields}


def _trees_type(schema: FeatureSchema) -> Json:
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


def _functions() -> Json:
    """``test``: does a row pass a node, missing values by the node's own word; ``leaf``: the value a tree comes to."""
    answer = {"answer": {"model.tree.missingTest": ["row", "node"]}}
    test = {"ifnotnull": answer, "then": "answer", "else": "node.missing_passes"}
    walk = {"model.tree.simpleWalk": ["row", "tree", {"fcn": "u.test"}]}
    return {
        "test": {"params": [{"row": "Row"}, {"node": "TreeNode"}], "ret": "boolean", "do": [test]},
        "leaf": {"params": [{"row": "Row"}, {"tree": "TreeNode"}], "ret": "double", "do": [walk]},
    }


def _action(link: Link, outputs: int) -> list[Json]:
    """Walk, sum from the left, average, link, and decide where the model tells classes apart."""
    leaf = {"params": [{"tree": "TreeNode"}], "ret": "double", "do": [{"u.leaf": ["input", "tree"]}]}
    add = {"params": [{"total": "double"}, {"value": "double"}], "ret": "double", "do": [{"+": ["total", "value"]}]}
    total: Json = {"a.fold": [{"a.map": ["trees", leaf]}, _double(0.0), add]}
    if link.average_over > 1:
        total = {"/": [total, _double(link.average_over)]}
    one = {"params": [{"trees": {"type": "array", "items": "TreeNode"}}], "ret": "double", "do": [total]}
    new = {"raw": "raw", "values": "values"}
    if link.classes:
        new["class"] = _decision(outputs)
    return [
        {"let": {"raw": {"a.map": [{"cell": "outputs"}, one]}}},
        {"let": {"values": _linked(link)}},
        {"new": new, "type": "Scores"},
    ]


def _linked(link: Link) -> Json:
    """Raw scores to values (LightGBM's ``ConvertOutput``)."""
    if link.kind == "identity":
        return "raw"
    if link.kind == "softmax":
        return {"m.link.softmax": ["raw"]}
    of_one: dict[str, Json] = {
        "logistic": {"/": [_double(1.0), {"+": [_double(1.0), {"m.exp": [{"*": [_double(-link.sigmoid), "x"]}]}]}]},
        "exp": {"m.exp": ["x"]},
        "signed_square": {"*": ["x", {"m.abs": ["x"]}]},
        "log1p_exp": {"m.ln1p": [{"m.exp": ["x"]}]},
    }
    return {"a.map": ["raw", {"params": [{"x": "double"}], "ret": "double", "do": [of_one[link.kind]]}]}


def _decision(outputs: int) -> Json:
    """The class: the likeliest, or, of a single probability, 1 above a half."""
    if outputs > 1:
        return {"a.argmax": ["values"]}
    return {"if": {">": [{"attr": "values", "path": [0]}, _double(0.5)]}, "then": 1, "else": 0}


def _double(value: float) -> Json:
    return {"double": float(value)}
