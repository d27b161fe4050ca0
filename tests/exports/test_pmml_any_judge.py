"""JPMML-Evaluator scores what others wrote as our reader does: JPMML-LightGBM's own files, and random trees with every kind of predicate.

The converter is not always right about LightGBM (NaN on models trained without it, say): here its file is the truth, not the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.schema import FeatureSchema
from exports import pmml
from exports.compiled import KernelScorer
from exports.errors import UnsupportedConstruct
from exports.probes import probes
from tests.exports import foreign, jpmml
from tests.exports.shapes import SHAPES
from tests.exports.zoo import KINDS, trained

pytestmark = pytest.mark.system
Row = dict[str, float | str | None]
Answers = Callable[[Path, list[Row]], list[dict[str, Any]]]
UNKNOWN_TO_THE_CONVERTER = ("one-vs-all", "cross-entropy-lambda")
OUTPUT = "".join(
    f'<OutputField name="probability({label})" optype="continuous" dataType="double" feature="probability" value="{label}"/>'
    for label in foreign.CLASSES
)


@pytest.fixture(scope="module")
def evaluate() -> Iterator[Answers]:
    with jpmml.java(str(jpmml.folder() / "*")) as jvm:
        library = jvm.org.jpmml.evaluator

        def answers(path: Path, table: list[Row]) -> list[dict[str, Any]]:
            evaluator = library.LoadingModelEvaluatorBuilder().load(jvm.java.io.File(str(path))).build()
            evaluator.verify()
            return [dict(library.EvaluatorUtil.decodeAll(evaluator.evaluate(row))) for row in table]

        yield answers


@pytest.fixture(scope="module")
def convert() -> Iterator[Callable[[str, bool, Path], Path]]:
    with jpmml.java(jpmml.converter_classpath()) as jvm:

        def convert(text: str, compact: bool, path: Path) -> Path:
            model = path.with_suffix(".txt")
            model.write_text(text)
            options = jvm.java.util.LinkedHashMap()
            options.put("compact", compact)
            read = jvm.org.jpmml.lightgbm.LightGBMUtil.loadGBDT(jvm.java.io.FileInputStream(str(model)))
            out = jvm.java.io.FileOutputStream(str(path))
            jvm.org.jpmml.model.JAXBSerializer().serializePretty(read.encodePMML(options, None, None), out)
            out.close()
            return path

        yield convert


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNKNOWN_TO_THE_CONVERTER])
def test_a_file_of_jpmml_lightgbm_scores_as_its_own_evaluator_does(
    kind: str, compact: bool, convert: Callable[[str, bool, Path], Path], evaluate: Answers, tmp_path: Path
) -> None:
    path = convert(trained(kind).model_to_string(), compact, tmp_path / "model.pmml")
    scorer = pmml.load(path)
    x = probes(scorer.ensemble, scorer.schema, most=300)[-300:]
    found = scorer.score_batch(x)
    for values, answer in zip(found, evaluate(path, [shown(scorer.schema, row) for row in x.tolist()]), strict=True):
        expected = probabilities(answer, len(values)) if scorer.ensemble.link.classes else [answer["_target"]]
        np.testing.assert_array_max_ulp(values, np.array(expected, dtype=np.float64), maxulp=4)


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_a_random_tree_scores_as_the_evaluator_does(first: int, evaluate: Answers, tmp_path: Path) -> None:
    compared = 0
    for seed in range(first, first + 20):
        path = tmp_path / f"{seed}.pmml"
        path.write_text(foreign.document(seed, output=f"<Output>{OUTPUT}</Output>"))
        scorer = loaded(path)
        if scorer is None or 'Strategy="weightedConfidence"' in path.read_text() or 'Strategy="aggregateNodes"' in path.read_text():
            continue  # the evaluator knows neither of these two
        rows = foreign.rows(seed, 25)
        found = scorer.score_batch(np.array([scorer.schema.row(row) for row in rows]))
        expected = [[answer.get(f"probability({label})") for label in foreign.CLASSES] for answer in evaluate(path, rows)]
        np.testing.assert_array_equal(found, np.array(expected, dtype=np.float64))
        compared += 1
    assert compared > 5


@pytest.mark.parametrize("name", SHAPES)
def test_what_other_converters_write_scores_as_the_evaluator_does(name: str, evaluate: Answers, tmp_path: Path) -> None:
    path = tmp_path / "model.pmml"
    path.write_text(SHAPES[name].text)
    scorer = pmml.load(path)
    x = probes(scorer.ensemble, scorer.schema, most=200)
    rows = [shown(scorer.schema, row) for row in x.tolist()]
    for row, values in zip(rows, scorer.score_batch(x), strict=True):
        if "99" in row.values() and SHAPES[name].strict:
            assert np.isnan(values).all()  # the evaluator throws
            continue
        (answer,) = evaluate(path, [row])
        expected = [answer.get(output) for output in SHAPES[name].outputs]
        np.testing.assert_array_max_ulp(values, np.array(expected, dtype=np.float64), maxulp=4)


def loaded(path: Path) -> KernelScorer | None:
    try:
        return pmml.load(path)
    except UnsupportedConstruct:
        return None


def probabilities(answer: dict[str, Any], outputs: int) -> list[float]:
    return [answer["probability(1)"]] if outputs == 1 else [answer[f"probability({k})"] for k in range(outputs)]


def shown(schema: FeatureSchema, row: list[float]) -> Row:
    """A row as an engine is given it: labels, also one that nobody listed, and None for missing."""
    pairs = zip(schema.features, row, strict=True)
    return {f.name: None if math.isnan(v) else label(f.categories, v) if f.categories else v for f, v in pairs}


def label(categories: tuple[str, ...], value: float) -> str:
    code = math.trunc(value) if math.isfinite(value) else -1
    return categories[code] if 0 <= code < len(categories) else "99"
