"""The program of our PFA documents: types, the columns that trees read, the walk with LightGBM's missing side, the sum in order.

Written by the writer; the reader accepts a document only if its program is this one, so that a changed one is never misread.
Source: the PFA specification 0.8.1 (Data Mining Group), libraries ``model.tree``, ``a``, ``m`` and ``impute``. ``alwaysTrue`` is kept
out of splits: for a missing value it is true in Titus and null in Hadrian.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from domain.schema import FeatureSchema
from exports.ensemble import Link
from exports.missing import ZERO
from exports.pfa_link import DOUBLES, added, double, function, linked
from exports.pfa_names import Column, identifiers

Json = Any
ANY: Final = "alwaysTrue"  # the operator of a tree that is one leaf, since PFA's walk starts at a node: both its ways lead to the leaf
LEAF_ONLY: Final[Json] = {"array": []}  # what it is compared with there
GIVEN: Final = 0.0  # what a column that is asked only whether there is a value holds, and is compared with
_MAYBE: Final[Json] = ["null", "double"]


def program(schema: FeatureSchema, columns: Sequence[Column], link: Link, outputs: int) -> dict[str, Json]:
    """The whole document but for its metadata, and without trees; the cells come last, and in them the trees."""
    names = identifiers(schema.names)
    return {
        "name": "polyscore",
        "method": "map",
        "input": {"type": "record", "name": "Row", "fields": [_input(*pair, schema) for pair in enumerate(names)]},
        "output": _output_type(link.classes),
        "fcns": {**_readings(columns), **_functions(link)},
        "action": [{"let": {"row": _row(schema, columns, names)}}, *_scores(link, outputs)],
        "cells": {"outputs": {"type": _trees_type(columns), "init": []}},
    }


def _input(feature: int, name: str, schema: FeatureSchema) -> Json:
    """A feature by name, null where it is missing; one that PFA calls otherwise keeps its own name beside it."""
    field = {"name": name, "type": _type(schema, feature)}
    return field if name == schema.names[feature] else {**field, "doc": schema.names[feature]}


def _type(schema: FeatureSchema, feature: int) -> Json:
    return ["null", "string"] if schema.features[feature].categories else _MAYBE


def _output_type(classes: bool) -> Json:
    fields: list[Json] = [{"name": "raw", "type": DOUBLES}, {"name": "values", "type": DOUBLES}]
    return {"type": "record", "name": "Scores", "fields": [*fields, {"name": "class", "type": "int"}] if classes else fields}


def _trees_type(columns: Sequence[Column]) -> Json:
    """One array of trees an output; the record is what ``model.tree.missingTest`` and ``simpleWalk`` ask for."""
    node = {
        "type": "record",
        "name": "TreeNode",
        "fields": [
            {"name": "field", "type": {"type": "enum", "name": "Column", "symbols": [c.name for c in columns]}},
            {"name": "operator", "type": "string"},
            {"name": "value", "type": ["double", {"type": "array", "items": "string"}]},
            {"name": "missing_passes", "type": "boolean"},
            {"name": "pass", "type": ["TreeNode", "double"]},
            {"name": "fail", "type": ["TreeNode", "double"]},
        ],
    }
    return {"type": "array", "items": {"type": "array", "items": node}}


def _readings(columns: Sequence[Column]) -> dict[str, Json]:
    """How numbers are read: NaN is null, as LightGBM has it; PFA would put it above every number."""
    nan, zero = {"impute.isnan": ["x"]}, {"<=": [{"m.abs": ["x"]}, double(ZERO)]}
    found = {"known": _reading({"if": nan, "then": None, "else": "x"})}
    if any(c.zero_missing for c in columns):
        found["nonzero"] = _reading({"if": {"||": [nan, zero]}, "then": None, "else": "x"})
    if any(c.given for c in columns):
        found["given"] = _reading(double(GIVEN))
    return found


def _reading(of_x: Json) -> Json:
    return {"params": [{"maybe": _MAYBE}], "ret": _MAYBE, "do": [{"ifnotnull": {"x": "maybe"}, "then": of_x, "else": None}]}


def _row(schema: FeatureSchema, columns: Sequence[Column], names: Sequence[str]) -> Json:
    """The record of the columns."""
    fields = [{"name": c.name, "type": _type(schema, c.feature)} for c in columns]
    new = {c.name: _read(c, f"input.{names[c.feature]}", bool(schema.features[c.feature].categories)) for c in columns}
    return {"new": new, "type": {"type": "record", "name": "Columns", "fields": fields}}


def _read(column: Column, value: Json, category: bool) -> Json:
    if category:
        return value
    read = {"u.nonzero" if column.zero_missing else "u.known": [value]}
    return {"u.given": [read]} if column.given else read


def _functions(link: Link) -> dict[str, Json]:
    """``test``: does a row pass a node, missing values by the node's own word; ``leaf``: the value a tree comes to; the link."""
    answer = {"answer": {"model.tree.missingTest": ["row", "node"]}}
    test = {"ifnotnull": answer, "then": "answer", "else": "node.missing_passes"}
    walk = {"model.tree.simpleWalk": ["row", "tree", {"fcn": "u.test"}]}
    return {
        "test": {"params": [{"row": "Columns"}, {"node": "TreeNode"}], "ret": "boolean", "do": [test]},
        "leaf": function({"row": "Columns", "tree": "TreeNode"}, walk),
        "link": {"params": [{"raw": DOUBLES}], "ret": DOUBLES, "do": linked(link)},
    }


def _scores(link: Link, outputs: int) -> list[Json]:
    """Walk, sum from the left, link, and decide where the model tells classes apart."""
    leaves = {"a.map": ["trees", function({"tree": "TreeNode"}, {"u.leaf": ["row", "tree"]})]}
    one = function({"trees": {"type": "array", "items": "TreeNode"}}, added(leaves))
    new = {"raw": "raw", "values": "values"}
    if link.classes:
        new["class"] = _decision(outputs)
    return [
        {"let": {"raw": {"a.map": [{"cell": "outputs"}, one]}}},
        {"let": {"values": {"u.link": ["raw"]}}},
        {"new": new, "type": "Scores"},
    ]


def _decision(outputs: int) -> Json:
    """The class: the likeliest, or, of a single probability, 1 above a half."""
    if outputs > 1:
        return {"a.argmax": ["values"]}
    return {"if": {">": [{"attr": "values", "path": [0]}, double(0.5)]}, "then": 1, "else": 0}
