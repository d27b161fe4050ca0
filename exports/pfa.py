"""The ``pfa`` format: a PFA 0.8 document (JSON) that any PFA engine scores from raw features; here it is scored by the kernel."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NoReturn

from domain.schema import FeatureSchema
from exports import files
from exports.compiled import KernelScorer
from exports.ensemble import LINKS, Builder, Ensemble, Link, Node, Split, preorder
from exports.errors import CorruptArtifact, UnsupportedConstruct, UnsupportedModel
from exports.fit import check_kinds, fitting
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model
from exports.pfa_engine import ANY, ANY_VALUE, LEAF_ONLY, Json, program
from exports.portable import check_portable

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_METADATA: Final = frozenset({"schema", "link"})
_NODE_KEYS: Final = frozenset({"field", "operator", "value", "missing_passes", "pass", "fail"})


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model as PFA. Raises ``UnsupportedModel`` for what PFA cannot carry, or ``SchemaMismatch``."""
    read = read_model(model)
    fitted = fitting(read, schema)
    try:
        text = json.dumps(document(read.ensemble, fitted), separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise UnsupportedModel("a tree is too deep for nested JSON: set max_depth, or export as native or PMML") from None
    return files.write(path, text.encode() + b"\n")


def document(ensemble: Ensemble, schema: FeatureSchema) -> dict[str, Json]:
    """The document as JSON values. Raises ``UnsupportedModel``."""
    check_portable(ensemble, "PFA")
    for name in schema.names:
        if not _NAME.fullmatch(name):
            raise UnsupportedModel(f"feature {name!r}: PFA's names are letters, digits and underscores; rename it, or export as PMML")
    trees = [[_nested(ensemble, schema, tree) for tree in ensemble.trees(k)] for k in range(ensemble.n_outputs)]
    metadata = {"schema": json.dumps(schema.to_json()), "link": json.dumps(asdict(ensemble.link))}
    return {**program(schema, ensemble.link, ensemble.n_outputs, trees), "metadata": metadata}


def _nested(ensemble: Ensemble, schema: FeatureSchema, tree: int) -> Json:
    """A tree as nested nodes, built from its last node to its first."""
    done: dict[int, Json] = {}
    first = int(ensemble.tree_start[tree])
    for node, split in reversed(list(preorder(ensemble, tree))):
        if isinstance(split, float):
            done[node] = {"double": split}
            continue
        left, right = done.pop(node + 1), done.pop(int(ensemble.right[node]))
        done[node] = {"TreeNode": _node(split, schema, left, right)}
    root = done[first]
    if "TreeNode" in root:
        return root["TreeNode"]
    return {**_node(Split(0, 0.0), schema, root, root), "operator": ANY, "value": LEAF_ONLY}


def _node(split: Split, schema: FeatureSchema, left: Json, right: Json) -> Json:
    feature = schema.features[split.feature]
    operator: str = "<="
    value: Json = {"double": split.threshold}
    if split.codes is not None:
        operator, value = "in", {"array": [feature.categories[code] for code in split.codes]}
    elif split.threshold == math.inf:
        operator, value = ANY, ANY_VALUE
    return {
        "field": feature.name,
        "operator": operator,
        "value": value,
        "missing_passes": split.default_left,
        "pass": left,
        "fail": right,
    }


def load(path: Path) -> KernelScorer:
    """Read a PFA file. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``SchemaMismatch``."""
    reader = _Reader(_parse(path), path.name)
    ensemble = reader.ensemble()
    check_kinds(ensemble, reader.schema)
    return KernelScorer(ensemble, reader.schema)


def _parse(path: Path) -> dict[str, Json]:
    try:
        found = json.loads(files.text(path), object_pairs_hook=_once, parse_constant=_no_constant)
    except ValueError as error:
        raise CorruptArtifact(path.name, f"no JSON that PFA allows: {error}") from None
    except RecursionError:
        raise CorruptArtifact(path.name, "nested too deeply to be read") from None
    if not isinstance(found, dict):
        raise CorruptArtifact(path.name, "not a JSON object, which every PFA document is")
    return found


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


class _Reader:
    """Accepts a document whose program is ``pfa_engine``'s for the schema and link that its metadata state; reads its trees."""

    def __init__(self, document: dict[str, Json], source: str) -> None:
        self._document, self._source = document, source
        self.schema, self._link = self._metadata()
        self._index = {name: i for i, name in enumerate(self.schema.names)}
        self._codes = [{label: code for code, label in enumerate(f.categories)} for f in self.schema.features]

    def _metadata(self) -> tuple[FeatureSchema, Link]:
        found = self._document.get("metadata")
        if not isinstance(found, dict) or set(found) != _METADATA:
            raise UnsupportedConstruct(
                self._source, "metadata", "schema and link are read from there: only polyscore's own documents are scored"
            )
        try:
            schema = FeatureSchema.from_json(json.loads(found["schema"]))
            return schema, self._checked(Link(**json.loads(found["link"])))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise CorruptArtifact(self._source, f"metadata: {error}") from None

    @staticmethod
    def _checked(link: Link) -> Link:
        kinds = (type(link.kind), type(link.sigmoid), type(link.average_over), type(link.classes))
        if kinds != (str, float, int, bool) or link.kind not in LINKS or link.average_over < 1:
            raise ValueError(f"{link} is no link")
        return link

    def ensemble(self) -> Ensemble:
        """The trees, once the program has been found to be ours."""
        outputs = self._outputs()
        expected = program(self.schema, self._link, len(outputs), outputs)
        for key in sorted({*expected, *self._document} - {"metadata"}):
            if key not in expected or self._document.get(key) != expected[key]:
                raise UnsupportedConstruct(self._source, key, "not what polyscore writes for this schema and link: refused, not guessed")
        builder = Builder(len(self.schema))
        try:
            for k, trees in enumerate(outputs):
                for tree in trees:
                    builder.add(k, {"TreeNode": tree}, self._node)
        except (KeyError, TypeError, AttributeError) as error:
            raise CorruptArtifact(self._source, f"cells.outputs: a node without what a node needs ({error!r})") from None
        except ValueError as error:
            raise CorruptArtifact(self._source, f"cells.outputs: {error}") from None
        return builder.build(len(outputs), self._link)

    def _outputs(self) -> list[list[Json]]:
        try:
            outputs = self._document["cells"]["outputs"]["init"]
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
            return self._number(node)
        if set(node) != _NODE_KEYS or type(node["missing_passes"]) is not bool:
            raise ValueError(f"a node with {sorted(node)}, missing_passes={node.get('missing_passes')!r}")
        if (node["operator"], node["value"]) == (ANY, LEAF_ONLY) and node["pass"] == node["fail"] and "double" in node["pass"]:
            return self._number(node["pass"]["double"])
        return self._split(node), node["pass"], node["fail"]

    def _split(self, node: dict[str, Any]) -> Split:
        feature, operator = self._index[node["field"]], node["operator"]
        (kind, value), *more = node["value"].items()
        if operator == ANY and node["value"] == ANY_VALUE and not node["missing_passes"]:
            return Split(feature, math.inf)
        if more or (operator, kind) not in (("<=", "double"), ("in", "array")):
            raise UnsupportedConstruct(self._source, f"operator {operator!r} with {sorted(node['value'])}", "no test that LightGBM has")
        if operator == "<=":
            return Split(feature, self._number(value), node["missing_passes"])
        if node["missing_passes"]:
            raise UnsupportedConstruct(self._source, "missing_passes", "a missing category passes; LightGBM never sends it there")
        return Split(feature, 0.0, codes=tuple(sorted({self._codes[feature][label] for label in value})))

    @staticmethod
    def _number(value: Any) -> float:
        if type(value) not in (float, int) or abs(value) > 1.8e308:
            raise ValueError(f"{value!r} is no double")
        return float(value)
