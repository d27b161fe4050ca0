"""The ONNX files, beyond what every format proves: valid by the standard, judged by two engines, refused when they are not ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

import exports.onnx
from domain.schema import Feature, FeatureSchema
from exports import native, onnx, onnx_graph, onnx_reader
from exports.compiled import KernelScorer
from exports.ensemble import Builder, Ensemble, Link, Node, Split
from exports.errors import ArtifactError, CorruptArtifact, EngineMissing, SchemaMismatch, UnsupportedConstruct, UnsupportedModel
from exports.onnx import OnnxScorer
from exports.onnx_trees import MAX_DEPTH
from tests.exports import awkward
from tests.exports.zoo import KINDS, SCHEMA, rows, trained


def scorer(kind: str, folder: Path) -> OnnxScorer:
    return onnx.load(onnx.export(trained(kind), SCHEMA, folder / "model.onnx"))


def proto(kind: str, folder: Path) -> ModelProto:
    found = ModelProto()
    found.ParseFromString(onnx.export(trained(kind), SCHEMA, folder / "model.onnx").read_bytes())
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_is_valid_by_the_standards_own_checker(kind: str, tmp_path: Path) -> None:
    checker.check_model(onnx.export(trained(kind), SCHEMA, tmp_path / "model.onnx").read_bytes(), full_check=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_graphs_own_values_and_class_agree_with_lightgbm(kind: str, tmp_path: Path) -> None:
    """ONNX Runtime's ``Exp`` is one ulp off in places: 2 ulps seen after a logistic link, 3 after softmax of 3 and log1p."""
    booster, loaded = trained(kind), scorer(kind, tmp_path)
    x = rows(loaded.ensemble)
    answers = loaded.graph_batch(x)
    assert answers.raw.tobytes() == np.asarray(booster.predict(x, raw_score=True)).reshape(len(x), -1).tobytes()
    wanted = np.asarray(booster.predict(x)).reshape(len(x), -1)
    np.testing.assert_array_max_ulp(answers.values, wanted, maxulp=4)
    if not loaded.ensemble.link.classes:
        assert answers.classes is None
    else:
        chosen = wanted.argmax(axis=1) if wanted.shape[1] > 1 else wanted[:, 0] > 0.5
        assert answers.classes is not None
        assert answers.classes.dtype == np.int64
        assert answers.classes.tolist() == chosen.astype(int).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_the_standards_reference_implementation_agrees_bit_for_bit(kind: str, tmp_path: Path) -> None:
    loaded, judge = scorer(kind, tmp_path), ReferenceEvaluator(proto(kind, tmp_path))
    x = rows(loaded.ensemble)[:150]
    with np.errstate(all="ignore"):
        raw, values = judge.run(["raw", "values"], {"features": x})
    assert raw.tobytes() == loaded.raw_batch(x).tobytes()
    np.testing.assert_array_max_ulp(values, loaded.score_batch(x), maxulp=4)


EDGES: dict[str, tuple[Split, dict[float, str]]] = {
    "on the threshold": (Split(0, 0.5), {0.5: "left", np.nextafter(0.5, 1): "right", -np.inf: "left", np.inf: "right", np.nan: "right"}),
    "missing goes left": (Split(0, 0.5, default_left=True), {np.nan: "left", np.inf: "right", 1e300: "right"}),
    "is it there at all": (Split(0, np.inf), {np.inf: "left", 1e300: "left", np.nan: "right"}),
    "zero is missing": (Split(0, 0.5, zero_missing=True), {0.0: "right", 1e-35: "right", 1.1e-35: "left", -2e-35: "left"}),
    "codes": (
        Split(1, 0.0, codes=(0, 2, 39)),
        {0: "left", -0.5: "left", -1: "right", 1.9: "right", 2.9: "left", 39: "left", 40: "right", np.nan: "right", np.inf: "right"}
        | {-np.inf: "right", 1e300: "right", -1e300: "right", 2.0**31: "right", 2.0**32: "right", 2.0**64: "right", -(2.0**31): "right"},
    ),
    "no codes": (Split(1, 0.0, codes=()), {0: "right", -0.5: "right", -1: "right", np.nan: "right"}),
}


@pytest.mark.parametrize("name", EDGES)
def test_where_values_at_the_edges_go(name: str) -> None:
    split, wanted = EDGES[name]
    schema = FeatureSchema((Feature("a"), Feature("b", "categorical", tuple(map(str, range(40))))))
    builder = Builder(2)
    builder.add(0, -1, lambda place: (split, 1, 2) if place < 0 else float(place))
    loaded = OnnxScorer(onnx_reader.read(onnx_graph.document(builder.build(1, Link()), schema), "model.onnx"))
    x = np.zeros((len(wanted), 2))
    x[:, split.feature] = list(wanted)
    assert dict(zip(wanted, loaded.raw_batch(x)[:, 0], strict=True)) == {v: {"left": 1.0, "right": 2.0}[side] for v, side in wanted.items()}


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_whatever_a_model_holds_onnx_runtime_scores_as_the_kernel_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ensemble, schema = awkward.ensemble(rng)
    document = onnx_reader.read(onnx_graph.document(ensemble, schema), "model.onnx")
    assert document.ensemble.same_as(ensemble)
    assert document.schema == schema
    x = awkward.rows(schema, rng, 200)
    loaded = OnnxScorer(document)
    with np.errstate(all="ignore"):
        wanted = KernelScorer(ensemble, schema).raw_batch(x)
    np.testing.assert_array_equal(loaded.raw_batch(x), wanted)
    np.testing.assert_array_equal(np.array([loaded.score(row.tolist()).raw for row in x[:40]]), wanted[:40])


def test_the_file_says_what_its_inputs_and_outputs_are(tmp_path: Path) -> None:
    found = proto("binary", tmp_path)
    texts = {p.key: p.value for p in found.metadata_props}
    names = [feature["name"] for feature in json.loads(texts["polyscore_schema"])]
    assert (names, json.loads(texts["polyscore_schema"])[3]["categories"]) == (list(SCHEMA.names), list(SCHEMA.features[3].categories))
    assert json.loads(texts["polyscore_link"])["kind"] == "logistic"
    assert len(texts["polyscore_sha256"]) == 64
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*found.graph.input, *found.graph.output)}
    assert kinds == {"features": TensorProto.DOUBLE, "raw": TensorProto.DOUBLE, "values": TensorProto.DOUBLE, "class": TensorProto.INT64}


Change = Callable[[ModelProto], object]


def trees(model: ModelProto) -> NodeProto:
    return next(node for node in model.graph.node if node.op_type == "TreeEnsemble")


def attribute(name: str, place: int, value: int) -> Change:
    return lambda m: next(a.ints for a in trees(m).attribute if a.name == name).__setitem__(place, value)


def tensor(name: str, place: int, value: float) -> Change:
    def change(model: ModelProto) -> None:
        found = next(a.t for a in trees(model).attribute if a.name == name)
        values = np.frombuffer(found.raw_data, dtype=np.uint8 if name == "nodes_modes" else np.float64).copy()
        values[place] = value
        found.raw_data = values.tobytes()

    return change


def less_than(model: ModelProto) -> None:
    found = next(a.t for a in trees(model).attribute if a.name == "nodes_modes")
    found.raw_data = found.raw_data.replace(b"\x00", b"\x01", 1)


def node(name: str) -> Callable[[ModelProto], NodeProto]:
    return lambda m: next(n for n in m.graph.node if n.name == name)


def foreign(model: ModelProto) -> None:
    inputs, outputs = list(model.graph.input), list(model.graph.output)
    made = helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "g", inputs, outputs), producer_name="skl2onnx"
    )
    model.CopyFrom(made)


def outside(model: ModelProto) -> None:
    constant = model.graph.initializer[0]
    constant.data_location = TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="/etc/passwd")


CHANGES: dict[str, tuple[Change, type[ArtifactError], str]] = {
    "another's model": (foreign, UnsupportedConstruct, "skl2onnx"),
    "another operator": (lambda m: node("values")(m).__setattr__("op_type", "Mul"), UnsupportedConstruct, r"'values' \(Mul\)"),
    "another domain": (lambda m: node("scaled")(m).__setattr__("domain", "com.microsoft"), UnsupportedConstruct, "'scaled'"),
    "an operator more": (
        lambda m: m.graph.node.append(helper.make_node("Exp", ["raw"], ["more"], name="more")),
        UnsupportedConstruct,
        "'more'",
    ),
    "another constant": (lambda m: m.graph.initializer[-1].__setattr__("raw_data", bytes(8)), UnsupportedConstruct, "constant"),
    "data outside": (outside, UnsupportedConstruct, "field 13 of a tensor"),
    "a subgraph": (
        lambda m: trees(m).attribute.add(name="body").g.__setattr__("name", "inner"),
        UnsupportedConstruct,
        "field 6 of an attribute",
    ),
    "a function": (lambda m: m.functions.add(name="f"), UnsupportedConstruct, "field 25 of a model"),
    "another version": (lambda m: m.__setattr__("ir_version", 9), UnsupportedConstruct, "the model"),
    "another order of bytes": (lambda m: m.opset_import.add(domain="ai.onnx.ml", version=4), UnsupportedConstruct, "the model"),
    "metadata more": (lambda m: m.metadata_props.add(key="more", value="x"), UnsupportedConstruct, "metadata_props"),
    "metadata gone": (lambda m: m.metadata_props.pop(), UnsupportedConstruct, "metadata_props"),
    "another link": (lambda m: m.metadata_props[1].__setattr__("value", '{"kind":"exp"}'), CorruptArtifact, "link"),
    "another schema": (lambda m: m.metadata_props[0].__setattr__("value", "[]"), CorruptArtifact, "TreeEnsemble"),
    "nested metadata": (lambda m: m.metadata_props[0].__setattr__("value", "[" * 100_000), CorruptArtifact, "schema"),
    "no text": (lambda m: m.metadata_props[0].ParseFromString(b"\x0a\x10polyscore_schema\x12\x01\xff"), CorruptArtifact, "UTF-8"),
    "another comparison": (less_than, UnsupportedConstruct, "TreeEnsemble"),
    "a set gone": (tensor("nodes_modes", 0, 1), CorruptArtifact, "membership_values"),
    "a NaN for a leaf": (tensor("leaf_weights", 3, np.nan), CorruptArtifact, "NaN"),
    "a circle": (attribute("nodes_truenodeids", 1, 0), CorruptArtifact, "circle"),
    "no such node": (attribute("nodes_falsenodeids", 1, 1 << 40), CorruptArtifact, "out of range"),
    "no such feature": (attribute("nodes_featureids", 1, 99), CorruptArtifact, "out of range"),
    "no such output": (attribute("leaf_targetids", 1, 1), CorruptArtifact, "out of range"),
    "many outputs": (
        lambda m: next(a for a in trees(m).attribute if a.name == "n_targets").__setattr__("i", 1 << 40),
        CorruptArtifact,
        "outputs",
    ),
    "a list too short": (
        lambda m: next(a for a in trees(m).attribute if a.name == "nodes_trueleafs").ints.pop(),
        CorruptArtifact,
        "were due",
    ),
    "no trees": (lambda m: trees(m).__setattr__("op_type", "Exp"), UnsupportedConstruct, "TreeEnsemble"),
    "a category for missing": (tensor("membership_values", 0, 0.0), CorruptArtifact, "set"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_model_is_refused_by_name_even_with_a_digest_of_its_own(name: str, tmp_path: Path) -> None:
    change, error, named = CHANGES[name]
    found = proto("binary", tmp_path)
    change(found)
    texts = {p.key: p for p in found.metadata_props}
    if "polyscore_sha256" in texts and isinstance(texts["polyscore_schema"].value, str):
        texts["polyscore_sha256"].value = onnx_graph.digest(found.graph, texts["polyscore_schema"].value, texts["polyscore_link"].value)
    path = tmp_path / "changed.onnx"
    path.write_bytes(found.SerializeToString())
    with pytest.raises(error, match=rf"changed\.onnx: .*{named}"):
        onnx.load(path)


def test_a_file_that_was_changed_after_it_was_written_is_refused(tmp_path: Path) -> None:
    found = proto("binary", tmp_path)
    tensor("leaf_weights", 5, 0.25)(found)
    path = tmp_path / "changed.onnx"
    path.write_bytes(found.SerializeToString())
    with pytest.raises(CorruptArtifact, match="changed after it was written"):
        onnx.load(path)


@pytest.mark.parametrize("part", [b"\x0a\x00", b"\x5a\x00", b"\x2a\x00", b"\x12\x01a"], ids=["nodes", "outputs", "constants", "names"])
def test_a_swarm_of_parts_is_refused_before_it_costs_memory(part: bytes, tmp_path: Path) -> None:
    graph = part * 1_000_000
    length = len(graph)
    head = b"\x12\x09polyscore\x3a" + bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128, length >> 21])
    path = tmp_path / "swarm.onnx"
    path.write_bytes(head + graph)
    with pytest.raises(UnsupportedConstruct, match="5000 parts"):
        onnx.load(path)


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_random_damage_never_ends_in_anything_but_a_refusal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(onnx_graph.document(native_ensemble("multiclass"), SCHEMA))
    for place in rng.integers(len(data), size=3).tolist():
        data[place : place + int(rng.integers(3))] = rng.bytes(int(rng.integers(3)))
    if bytes(data) != onnx_graph.document(native_ensemble("multiclass"), SCHEMA):
        with pytest.raises((ArtifactError, SchemaMismatch)):
            onnx_reader.read(bytes(data), "model.onnx")


def native_ensemble(kind: str) -> Ensemble:
    return native.read_model(trained(kind)).ensemble


def chain(depth: int) -> Ensemble:
    builder = Builder(1)

    def read(level: int) -> Node[int]:
        return 0.5 if level < 0 or level == depth else (Split(0, float(level)), -1, level + 1)

    builder.add(0, 0, read)
    return builder.build(1, Link())


def test_a_tree_on_which_the_engine_would_run_out_of_stack_is_refused_both_ways() -> None:
    schema = FeatureSchema((Feature("a"),))
    deepest = onnx_reader.read(onnx_graph.document(chain(MAX_DEPTH), schema), "model.onnx")
    assert OnnxScorer(deepest).score([3.0]).raw == (0.5,)
    with pytest.raises(UnsupportedModel, match="max_depth"):
        onnx_graph.document(chain(MAX_DEPTH + 1), schema)
    with pytest.raises(UnsupportedConstruct, match="deeper"):
        onnx_reader.read(onnx_graph.model(chain(MAX_DEPTH + 1), schema).SerializeToString(), "model.onnx")


def test_a_model_without_trees_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="without trees"):
        onnx_graph.document(Builder(1).build(1, Link()), FeatureSchema((Feature("a"),)))


@pytest.mark.parametrize("package", ["onnxruntime", "exports.onnx_reader"])
def test_a_missing_package_is_named_with_what_to_do(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = onnx.export(trained("binary"), SCHEMA, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EngineMissing, match="pip install onnx onnxruntime"):
        exports.onnx.load(path)


def test_who_does_not_use_onnx_does_not_import_it() -> None:
    code = "import sys, apps.cli, exports.formats; print([m for m in ('onnx', 'onnxruntime') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
