"""The graph of our ONNX models: columns from raw features, the trees, the link, the class; all of it in double precision.

Sources: the operators' specification (ONNX 1.16: ai.onnx 21, ai.onnx.ml 5) and, for the link, LightGBM's ``ConvertOutput``.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from domain.schema import FeatureSchema
from exports.ensemble import Ensemble, Link
from exports.errors import UnsupportedModel
from exports.metadata import link_text, schema_text
from exports.missing import ZERO
from exports.onnx_trees import MAX_BYTES, MAX_DEPTH, Columns, attributes, too_deep

PRODUCER: Final = "polyscore"
IR_VERSION: Final = 10  # of ONNX 1.16, the first with this TreeEnsemble
OPERATORS: Final = (("", 21), ("ai.onnx.ml", 5))
SCHEMA, LINK, DIGEST = "polyscore_schema", "polyscore_link", "polyscore_sha256"
FEATURES, RAW, VALUES, CLASS = "features", "raw", "values", "class"
CATEGORICAL, ZERO_MISSING = "categorical", "zero_missing"
_ABOUT: Final = (
    "Input `features`: double [N, features], in the order of the schema in the metadata; NaN is missing, a category is its label's "
    "place in the schema's list, -1 an unseen one. Outputs: `raw`, the sums of the trees' leaves; `values`, after the link; `class`, "
    "of a classifier, the likeliest (of a single probability: 1 above a half). Sums are exact on one thread: intra_op_num_threads=1."
)


def document(ensemble: Ensemble, schema: FeatureSchema) -> bytes:
    """The file. Raises ``UnsupportedModel`` for what ONNX, or its engine, cannot carry."""
    if not ensemble.n_trees:
        raise UnsupportedModel("a model without trees, which ONNX has no word for: export as native")
    if too_deep(ensemble):
        raise UnsupportedModel(f"a tree is deeper than {MAX_DEPTH}, on which ONNX Runtime may crash: set max_depth, or export as native")
    data: bytes = model(ensemble, schema).SerializeToString(deterministic=True)
    if len(data) > MAX_BYTES:
        raise UnsupportedModel(
            f"{len(data)} bytes as ONNX, more than the {MAX_BYTES} that are read back: train fewer trees, or export as native"
        )
    return data


def model(ensemble: Ensemble, schema: FeatureSchema) -> ModelProto:
    """The document as a message. Equal ensembles, schemas and links are equal bytes."""
    made = _wrapped(graph(ensemble))
    texts = {SCHEMA: schema_text(schema), LINK: link_text(ensemble.link)}
    helper.set_model_props(made, {**texts, DIGEST: digest(made.graph, texts[SCHEMA], texts[LINK])})
    return made


def trees_only(whole: ModelProto) -> bytes:
    """The same model up to ``raw``: no link, no class."""
    last = next(i for i, node in enumerate(whole.graph.node) if node.name == RAW)
    nodes = whole.graph.node[: last + 1]
    read = {name for node in nodes for name in node.input}
    constants = [c for c in whole.graph.initializer if c.name in read]
    outputs = [output for output in whole.graph.output if output.name == RAW]
    data: bytes = _wrapped(helper.make_graph(nodes, PRODUCER, whole.graph.input, outputs, constants)).SerializeToString()
    return data


def _wrapped(made: GraphProto) -> ModelProto:
    operators = [helper.make_opsetid(domain, version) for domain, version in OPERATORS]
    return helper.make_model(made, producer_name=PRODUCER, ir_version=IR_VERSION, opset_imports=operators)


def digest(made: GraphProto, schema: str, link: str) -> str:
    """SHA-256 over the graph's bytes, the schema's text and the link's, each with its SHA-256."""
    parts = (made.SerializeToString(deterministic=True), schema.encode(), link.encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def graph(ensemble: Ensemble) -> GraphProto:
    """The graph alone."""
    parts = _Parts()
    columns = parts.columns(Columns.of(ensemble))
    parts.trees(columns, attributes(ensemble))
    parts.linked(ensemble.link, ensemble.n_outputs)
    outputs = [_declared(name, TensorProto.DOUBLE, "N", ensemble.n_outputs) for name in (RAW, VALUES)]
    if ensemble.link.classes:
        parts.decision(ensemble.n_outputs)
        outputs.append(_declared(CLASS, TensorProto.INT64, "N"))
    features = _declared(FEATURES, TensorProto.DOUBLE, "N", ensemble.n_features)
    return helper.make_graph(parts.nodes, PRODUCER, [features], outputs, parts.constants, doc_string=_ABOUT)


def _declared(name: str, kind: int, *shape: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


class _Parts:
    """Nodes and constants, in the order in which they are computed. A node's name is that of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **options: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **options))
        return output

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.array(value), name))
        return name

    def columns(self, columns: Columns) -> str:
        """What the trees read. A code is cut towards zero, as LightGBM does, and counted from 1, since engines differ on a 0 in a set."""
        parts = [FEATURES]
        if columns.categorical:
            x = self.add("Gather", [FEATURES, self.constant(CATEGORICAL, list(columns.categorical))], "labels", axis=1)
            negative = self.add("Less", [x, self.constant("zero", 0.0)], "labels_negative")
            up, down = self.add("Ceil", [x], "labels_up"), self.add("Floor", [x], "labels_down")
            cut = self.add("Where", [negative, up, down], "labels_cut")
            parts.append(self.add("Add", [cut, self.constant("first_code", 1.0)], "codes"))
        if columns.zero_missing:
            x = self.add("Gather", [FEATURES, self.constant(ZERO_MISSING, list(columns.zero_missing))], "numbers", axis=1)
            near = self.add("LessOrEqual", [self.add("Abs", [x], "numbers_size"), self.constant("zero_band", ZERO)], "numbers_zero")
            parts.append(self.add("Where", [near, self.constant("missing", np.nan), x], "numbers_or_missing"))
        return self.add("Concat", parts, "columns", axis=1) if len(parts) > 1 else parts[0]

    def trees(self, columns: str, found: dict[str, Any]) -> None:
        made = {name: numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v for name, v in found.items()}
        self.add("TreeEnsemble", [columns], RAW, domain=OPERATORS[1][0], **made)

    def linked(self, link: Link, outputs: int) -> None:
        """``raw`` to ``values``. The operators Sigmoid, Softmax and Softplus are not used: in double some are wrong or not there."""
        x = RAW
        if link.average_over > 1:
            x = self.add("Div", [x, self.constant("average_over", float(link.average_over))], "mean")
        if link.kind == "identity":
            self.add("Identity", [x], VALUES)
        elif link.kind == "logistic":
            scaled = self.add("Mul", [x, self.constant("minus_sigmoid", -link.sigmoid)], "scaled")
            one = self.constant("one", 1.0)
            self.add("Div", [one, self.add("Add", [one, self.add("Exp", [scaled], "odds_against")], "odds_or_one")], VALUES)
        elif link.kind == "softmax":
            self._softmax(x, outputs)
        elif link.kind == "exp":
            self.add("Exp", [x], VALUES)
        elif link.kind == "signed_square":
            self.add("Mul", [self.add("Abs", [x], "size"), x], VALUES)
        else:
            self._log1p(self.add("Exp", [x], "rate"))

    def _softmax(self, x: str, outputs: int) -> None:
        """Summed from the left, as LightGBM does: hence a running sum, of which the last is taken."""
        axis = self.constant("axis", [1])
        less = self.add("Sub", [x, self.add("ReduceMax", [x, axis], "top", keepdims=1)], "below_top")
        weight = self.add("Exp", [less], "weight")
        sums = self.add("CumSum", [weight, self.constant("sum_axis", 1)], "sums")
        total = self.add("Gather", [sums, self.constant("last", [outputs - 1])], "total", axis=1)
        self.add("Div", [weight, total], VALUES)

    def _log1p(self, x: str) -> None:
        """log(1 + x) with the rounding of 1 + x taken back: log(t) * x / (t - 1) for t = 1 + x (W. Kahan)."""
        one = self.constant("one", 1.0)
        t = self.add("Add", [x, one], "shifted")
        back, log = self.add("Sub", [t, one], "shifted_back"), self.add("Log", [t], "log")
        corrected = self.add("Mul", [log, self.add("Div", [x, back], "lost")], "log_corrected")
        large = self.add("Where", [self.add("Equal", [back, x], "nothing_lost"), log, corrected], "log_of_large")
        self.add("Where", [self.add("Equal", [t, one], "all_lost"), x, large], VALUES)

    def decision(self, outputs: int) -> None:
        if outputs > 1:
            self.add("ArgMax", [VALUES], CLASS, axis=1, keepdims=0)
            return
        over = self.add(
            "Cast", [self.add("Greater", [VALUES, self.constant("half", 0.5)], "over_half")], "class_column", to=TensorProto.INT64
        )
        self.add("Squeeze", [over, self.constant("class_axis", [1])], CLASS)
