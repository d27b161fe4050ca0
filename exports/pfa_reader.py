"""The strict reader of our PFA documents, into the canonical ensemble: any other program than ours is refused, not guessed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.schema import FeatureSchema
from exports import json_document
from exports.ensemble import LINKS, Builder, Ensemble, Link, Node, Split
from exports.errors import CorruptArtifact, UnsupportedConstruct
from exports.pfa_engine import ANY, GIVEN, LEAF_ONLY, Json, program
from exports.pfa_names import columns, in_use
from exports.pfa_writer import MAX_DEPTH, metadata

_LEVELS: Final = 2 * MAX_DEPTH + 16  # a node is an object in an object; 16 are above the trees and below the leaves
_MOST_TREES: Final = 1 << 24
_NODE_KEYS: Final = frozenset({"field", "operator", "value", "missing_passes", "pass", "fail"})


class Document(NamedTuple):
    """What a PFA file says: the trees and the features they ask for."""

    ensemble: Ensemble
    schema: FeatureSchema


def read(path: Path) -> Document:
    """Read a file. Raises ``CorruptArtifact`` or ``UnsupportedConstruct``, naming the part of the document."""
    found = json_document.read(path, _LEVELS)
    if not isinstance(found, dict):
        raise CorruptArtifact(path.name, "not a JSON object, which every PFA document is")
    try:
        reader = _Reader(found, path.name)
        return Document(reader.ensemble(), reader.schema)
    except RecursionError:  # from comparing or naming what is not ours
        raise CorruptArtifact(path.name, "nested too deeply where no tree is") from None


class _Reader:
    """Reads the trees, then accepts the document if its program is ``pfa_engine``'s for what it read."""

    def __init__(self, document: dict[str, Json], source: str) -> None:
        self._document, self._source = document, source
        self.schema, self._link = self._metadata()
        self._every = columns(self.schema)
        self._columns = {column.name: column for column in self._every}
        self._codes = [{label: code for code, label in enumerate(f.categories)} for f in self.schema.features]

    def _metadata(self) -> tuple[FeatureSchema, Link]:
        found = self._document.get("metadata")
        if not isinstance(found, dict) or not {"schema", "link"} <= set(found):
            raise UnsupportedConstruct(
                self._source, "metadata", "schema and link are read from there: only polyscore's own documents are scored"
            )
        try:
            schema, link = (json_document.parse(found[key], 0) for key in ("schema", "link"))
            schema, link = FeatureSchema.from_json(schema), _link(link)
            expected = metadata(schema, link)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise CorruptArtifact(self._source, f"metadata: {error}") from None
        if set(found) != set(expected) or found.get("names") != expected.get("names"):
            raise UnsupportedConstruct(self._source, "metadata", f"{sorted(found)}, and names that are not the schema's")
        return schema, link

    def ensemble(self) -> Ensemble:
        """The trees, once the program has been found to be ours."""
        outputs = self._outputs()
        builder = Builder(len(self.schema))
        try:
            for k, trees in enumerate(outputs):
                for tree in trees:
                    builder.add(k, {"TreeNode": tree}, self._node)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptArtifact(self._source, f"cells.outputs: a node without what a node needs ({error!r})") from None
        except ValueError as error:
            raise CorruptArtifact(self._source, f"cells.outputs: {error}") from None
        ensemble = builder.build(len(outputs), self._link)
        self._check_program(ensemble)
        return ensemble

    def _check_program(self, ensemble: Ensemble) -> None:
        expected = program(self.schema, in_use(self._every, ensemble), self._link, ensemble.n_outputs)
        for key in sorted({*expected, *self._document} - {"metadata"}):
            if key not in expected or key not in self._document or _text(self._document[key]) != _text(expected[key]):
                raise UnsupportedConstruct(self._source, key, "not what polyscore writes for this schema and link: refused, not guessed")

    def _outputs(self) -> list[list[Json]]:
        """The trees, an array an output; the document keeps none."""
        try:
            cell = self._document["cells"]["outputs"]
            outputs, cell["init"] = cell["init"], []
        except (KeyError, TypeError):
            outputs = None
        if not isinstance(outputs, list) or not outputs or not all(isinstance(trees, list) for trees in outputs):
            raise CorruptArtifact(self._source, "cells.outputs.init holds no arrays of trees")
        return outputs

    def _node(self, item: Json) -> Node[Json]:
        (kind, node), *more = item.items()
        if more or kind not in ("TreeNode", "double"):
            raise ValueError(f"{sorted(item)} where one of TreeNode, double was due")
        if kind == "double":
            return _number(node)
        if set(node) != _NODE_KEYS or type(node["missing_passes"]) is not bool:
            raise ValueError(f"a node with {sorted(node)}, missing_passes={node.get('missing_passes')!r}")
        if node["operator"] == ANY:
            return self._only_leaf(node)
        return self._split(node), node["pass"], node["fail"]

    def _only_leaf(self, node: dict[str, Any]) -> float:
        """The value of a tree that is one leaf, or so written: both ways lead to the same."""
        written = (node["field"], node["value"], node["missing_passes"]) == (self._every[0].name, LEAF_ONLY, False)
        if not written or node["pass"] != node["fail"] or list(node["pass"]) != ["double"]:
            raise UnsupportedConstruct(self._source, f"operator {ANY!r}", "engines disagree on it where a value is missing")
        return _number(node["pass"]["double"])

    def _split(self, node: dict[str, Any]) -> Split:
        column, operator = self._columns[node["field"]], node["operator"]
        (kind, value), *more = node["value"].items()
        if more or (operator, kind) not in (("<=", "double"), ("in", "array")):
            raise UnsupportedConstruct(self._source, f"operator {operator!r} with {sorted(node['value'])}", "no test that LightGBM has")
        if operator == "<=":
            threshold = math.inf if column.given else _number(value)
            if column.given and _number(value) != GIVEN:
                raise ValueError(f"{column.name!r} is compared with {value!r}: it holds {GIVEN}, or null")
            return Split(column.feature, threshold, node["missing_passes"], column.zero_missing)
        if node["missing_passes"]:
            raise UnsupportedConstruct(self._source, "missing_passes", "a missing category passes; LightGBM never sends it there")
        if not isinstance(value, list):
            raise ValueError(f"an array that is a {type(value).__name__}")
        return Split(column.feature, 0.0, codes=tuple(sorted({self._codes[column.feature][label] for label in value})))


def _link(found: dict[str, Any]) -> Link:
    link = Link(**found)
    kinds = (type(link.kind), type(link.sigmoid), type(link.average_over), type(link.classes))
    known = kinds == (str, float, int, bool) and link.kind in LINKS
    if not known or not math.isfinite(link.sigmoid) or not 1 <= link.average_over <= _MOST_TREES:
        raise ValueError(f"{link} is no link")
    return link


def _number(value: Any) -> float:
    """A finite double. Raises ``ValueError``."""
    try:
        number = float(value) if type(value) in (float, int) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{str(value)[:40]!r} is no double")
    return number


def _text(value: Json) -> str:
    """A value as text: equal for equal JSON, where Python's == takes 1, 1.0 and true for the same."""
    return json.dumps(value, sort_keys=True)
