"""The strict reader of our ONNX models: trees, schema and link are read, written anew, and must come out as what was in the file.

So nothing but a model that polyscore writes reaches an engine. Whatever is otherwise is refused by the name of its node.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from domain.schema import FeatureSchema
from exports import onnx_graph
from exports.ensemble import Ensemble, Link
from exports.errors import CorruptArtifact, UnsupportedConstruct
from exports.fit import check_kinds
from exports.metadata import link_of, schema_of
from exports.onnx_graph import CATEGORICAL, DIGEST, LINK, PRODUCER, SCHEMA, ZERO_MISSING
from exports.onnx_scan import Scan
from exports.onnx_trees import DOUBLE, INTEGERS, MAX_BYTES, MAX_DEPTH, MEMBERS, TARGETS, TENSORS, Columns, ensemble_of, too_deep


class Document(NamedTuple):
    """What a file holds, and the file as it was written anew."""

    ensemble: Ensemble
    schema: FeatureSchema
    model: ModelProto


def read(data: bytes, source: str) -> Document:
    """What a file's bytes hold. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``SchemaMismatch``."""
    if len(data) > MAX_BYTES:
        raise CorruptArtifact(source, f"{len(data)} bytes; an ONNX model of trees has at most {MAX_BYTES}")
    Scan(data, source).check(PRODUCER.encode())
    found = ModelProto()
    try:
        found.ParseFromString(data)
    except DecodeError:
        raise CorruptArtifact(source, "not an ONNX model, or damaged: export it again") from None
    schema, link = _metadata(found, source)
    ensemble = _ensemble(found.graph, len(schema), link, source)
    check_kinds(ensemble, schema)
    if too_deep(ensemble):
        raise UnsupportedConstruct(source, "TreeEnsemble", f"a tree deeper than {MAX_DEPTH}, on which ONNX Runtime may crash")
    ours = onnx_graph.model(ensemble, schema)
    _compare(found, ours, source)
    return Document(ensemble, schema, ours)


def _metadata(found: ModelProto, source: str) -> tuple[FeatureSchema, Link]:
    texts = {str(p.key): p.value for p in found.metadata_props}
    if not all(isinstance(text, str) for text in texts.values()):
        raise CorruptArtifact(source, "its metadata is not UTF-8")  # protobuf then hands out bytes
    if set(texts) != {SCHEMA, LINK, DIGEST} or len(found.metadata_props) != len(texts):
        raise UnsupportedConstruct(source, "metadata_props", f"they hold {sorted(texts)}; polyscore writes {SCHEMA}, {LINK} and {DIGEST}")
    if onnx_graph.digest(found.graph, texts[SCHEMA], texts[LINK]) != texts[DIGEST]:
        raise CorruptArtifact(source, f"{DIGEST} is not that of its content: the file was changed after it was written; export it again")
    return schema_of(texts[SCHEMA], source), link_of(texts[LINK], source)


def _ensemble(graph: GraphProto, features: int, link: Link, source: str) -> Ensemble:
    trees = [node for node in graph.node if node.op_type == "TreeEnsemble"]
    if len(trees) != 1:
        raise UnsupportedConstruct(source, "TreeEnsemble", f"{len(trees)} nodes of this operator where one was due")
    try:
        constants = {
            c.name: tuple(_array(c, np.dtype("int64")).tolist()) for c in graph.initializer if c.name in (CATEGORICAL, ZERO_MISSING)
        }
        columns = Columns(features, constants.get(CATEGORICAL, ()), constants.get(ZERO_MISSING, ()))
        return ensemble_of(_attributes(trees[0]), columns, link)
    except (ValueError, KeyError, OverflowError) as error:
        raise CorruptArtifact(source, f"node 'raw' (TreeEnsemble): {error}") from None


def _attributes(node: NodeProto) -> dict[str, Any]:
    given = {a.name: a for a in node.attribute}
    tensors = {**TENSORS, MEMBERS: DOUBLE} if MEMBERS in given else TENSORS
    found: dict[str, Any] = {name: np.array(given[name].ints, dtype=np.int64) for name in INTEGERS}
    return {**found, **{name: _array(given[name].t, kind) for name, kind in tensors.items()}, TARGETS: given[TARGETS].i}


def _array(tensor: TensorProto, kind: np.dtype[Any]) -> NDArray[Any]:
    return np.frombuffer(tensor.raw_data, dtype=kind.newbyteorder("<")).astype(kind)


def _compare(found: ModelProto, ours: ModelProto, source: str) -> None:
    """Raises ``UnsupportedConstruct``, naming the first part of the file that is not what polyscore writes."""
    if found == ours:
        return
    reason = "not what polyscore writes for these trees, schema and link: refused, not guessed"
    expected = {n.name: n for n in ours.graph.node}
    for node in found.graph.node:
        if expected.get(node.name) != node:
            raise UnsupportedConstruct(source, f"node {node.name!r} ({node.op_type})", reason)
    constants = {c.name: c for c in ours.graph.initializer}
    for constant in found.graph.initializer:
        if constants.get(constant.name) != constant:
            raise UnsupportedConstruct(source, f"constant {constant.name!r}", reason)
    raise UnsupportedConstruct(source, "the model", reason)
