"""PMML that others wrote scores as PMML's rules say, applied plainly to random trees, and as its publishers say; or is refused by name."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import pmml, pmml_any, recognise
from exports.errors import ArtifactError, UnsupportedConstruct
from tests.exports import foreign
from tests.exports.shapes import LAST, QUANTITY, SHAPES, TARGET, document, mining, regression, simple
from tests.exports.zoo import SCHEMA, trained
from tests.published import DATA

SHARED = DATA / "conformance" / "pmml"
published = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the published PMML is not in {SHARED}: set POLYSCORE_TEST_DATA to its folder")
CASES = json.loads((SHARED / "expected.json").read_text()) if SHARED.is_dir() else []
SMALL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SMALL
@given(seed=st.integers(0, 10**9), asis=st.booleans())
def test_a_random_tree_scores_as_its_own_rules_say(seed: int, asis: bool, tmp_path: Path) -> None:
    text = foreign.document(seed, asis=asis)
    path = tmp_path / "tree.pmml"
    path.write_text(text)
    try:
        scorer = pmml.load(path)
    except UnsupportedConstruct as refused:
        if not re.search("weights are not clear|no true child|whether it is aggregated", str(refused)):
            raise
        return
    rows = foreign.rows(seed, 60)
    table = np.array([scorer.schema.row(row) for row in rows])
    expected = np.array([foreign.confidences(text, row) for row in rows])
    np.testing.assert_allclose(scorer.score_batch(table), expected, rtol=1e-12, atol=0)
    np.testing.assert_array_equal([scorer.score(row.tolist()).values for row in table], scorer.score_batch(table))


def test_few_random_trees_are_refused(tmp_path: Path) -> None:
    """Or the test above would say nothing."""
    path, refused = tmp_path / "tree.pmml", 0
    for seed in range(200):
        path.write_text(foreign.document(seed))
        try:
            pmml.load(path)
        except UnsupportedConstruct:
            refused += 1
    assert refused < 60


@published
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['model']}-{len(case['input'])}")
def test_published_predictions_hold(case: dict[str, object], tmp_path: Path) -> None:
    path, penalty = SHARED / str(case["model"]), 1.0
    if "defaultChild" in str(case["model"]):
        with pytest.raises(UnsupportedConstruct, match=r"line 19: TreeModel: a missingValuePenalty is for confidences"):
            pmml.load(path)
        penalty, text = 0.8, path.read_text()
        (path := tmp_path / "without.pmml").write_text(text.replace('missingValuePenalty="0.8"', ""))
    scorer = pmml.load(path)
    given_input: dict[str, float | str | None] = case["input"]  # type: ignore[assignment]  # JSON
    values = scorer.score(scorer.schema.row(given_input)).values
    classes = ("will play", "may play", "no play")
    if case["predicted"] is None:
        assert all(math.isnan(value) for value in values)
        return
    assert classes[int(np.argmax(values))] == case["predicted"]
    if "confidence" in case:
        assert penalty * max(values) == pytest.approx(case["confidence"], rel=1e-12)


@published
def test_the_published_iris_predictions_hold() -> None:
    scorer = pmml.load(SHARED / "iris" / "single_iris_dectree.xml")
    with (SHARED / "iris" / "Iris.csv").open() as file:
        table = [{k: float(v) for k, v in row.items() if k in scorer.schema.names} for row in csv.DictReader(file)]
    expected = (SHARED / "iris" / "single_iris_dectree.expected-by-jpmml-evaluator.csv").read_text().split()[1:]
    classes = ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    found = scorer.score_batch(np.array([scorer.schema.row(row) for row in table]))
    assert [classes[k] for k in found.argmax(axis=1)] == expected
    assert len(expected) == 150


@published
@pytest.mark.parametrize(("name", "said"), [
    ("sas_3.1_iris_tree.xml", "PMML-3_1"),
    ("single_audit_dectree.xml", "line 182: Node: .* recordCounts add up to 0"),
])  # fmt: skip
def test_published_documents_that_are_not_clear_are_refused_by_name(name: str, said: str) -> None:
    with pytest.raises(UnsupportedConstruct, match=said):
        pmml.load(SHARED / name)


@pytest.mark.parametrize("name", ["forest", "vote"])
def test_more_votes_than_memory_is_given_to_are_refused_by_their_number(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "votes.pmml"
    path.write_text(SHAPES[name].text)
    monkeypatch.setattr(pmml_any, "_MOST_VOTES", 3)
    with pytest.raises(UnsupportedConstruct, match=r"asks for \d+ votes"):
        pmml.load(path)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    path.write_text(SHAPES[name].text)
    scorer = recognise.load(path)
    assert scorer.score_batch(np.zeros((2, 1))).shape == (2, len(SHAPES[name].outputs))


REFUSED: list[tuple[str, str, str, str]] = [  # a shape, what of it is changed into what, and what the refusal says
    ("constant", 'rescaleConstant="0.3"', 'rescaleFactor="0.3"', "line 5: Target: does more"),
    ("constant", 'multipleModelMethod="sum"', 'multipleModelMethod="max"', "multipleModelMethod='max'"),
    ("constant", 'multipleModelMethod="sum"', 'multipleModelMethod="average"', "adds a constant to an average"),
    ("constant", 'multipleModelMethod="sum"', 'multipleModelMethod="sum" missingPredictionTreatment="skipSegment"', "skipSegment"),
    ("constant", '<Segment id="1"><True/>', '<Segment id="1"><SimplePredicate field="x" operator="isMissing"/>', "Segment"),
    ("constant", 'name="x" missing', 'name="x" outliers="asExtremeValues" missing', "outliers"),
    ("forest", 'recordCount="6"', 'recordCount="6" confidence="0.9"', "ScoreDistribution has no attribute 'confidence'"),
    ("constant", 'functionName="regression" missing', 'x-mathContext="float" functionName="regression" missing', "x-mathContext"),
    ("constant", 'name="out" optype="continuous" dataType="double"', 'name="out" optype="continuous" dataType="float"', "rounded"),
    ("average", "4.2", "4.5", "namespace"),
    ("forest", 'feature="probability" value="no"/>', 'feature="transformedValue"><FieldRef field="x"/></OutputField>', "FieldRef"),
    ("forest", 'feature="probability" value="no"', 'feature="residual" value="no"', "line 5: OutputField: feature='residual'"),
    ("average", 'version="4.2"', 'version="4.4"', "version='4.4' in the namespace"),
    ("float", 'operator="lessOrEqual"', 'operator="like"', "line 5: SimplePredicate: operator='like'"),
    ("float", 'score="1"', 'score="one"', "score='one' is not a finite number"),
    ("float", 'score="1"', 'score="٣"', "score='٣' is not a finite number"),
    ("average", 'version="4.2"', 'version="4.2.٣"', "version='4.2.٣' in the namespace"),
    ("float", 'missingValueStrategy="none"', 'missingValueStrategy="weightedConfidence"', "of a quantity it says nothing"),
    ("float", 'missingValueStrategy="none"', 'missingValueStrategy="defaultChild"', "defaultChild=None is none of its children"),
    ("float", 'functionName="regression"', 'functionName="regression" isScorable="false"', "isScorable"),
    ("float", "<Node score", '<Node x-y="1" score', "Node: has an attribute 'x-y'"),
    ("float", "<True/>", '<SimplePredicate field="x" operator="isMissing"/>', "the root's predicate is not True"),
    ("float", 'field="x"', 'field="z"', "SimplePredicate: asks for 'z'"),
    ("float", "<Header/>", "<Header/><TransformationDictionary><DefineFunction/></TransformationDictionary>", "DefineFunction"),
    ("cast to float", '<FieldRef field="x"/>', '<Constant dataType="float">1</Constant>', "Constant"),
    ("cast to float", 'score="2"><True/>', f'score="2"><True/><Node score="3">{simple("x", "equal", "1")}</Node>', "both as a double"),
    ("label", 'operator="notEqual"', 'operator="lessThan"', "operator='lessThan'"),
    ("label", 'value="b"/></Node>', 'value="z"/></Node>', "'z' is no label"),
    ("label", '<Value value="b"/>', '<Value value="a"/>', "lists a value twice"),
    ("label", 'dataType="string"', 'dataType="date"', "dataType='date'"),
    ("forest", 'score="yes"', 'score="no"', "is not its most probable class"),
    ("forest", 'recordCount="6"', 'recordCount="6" probability="0.5"', "ScoreDistribution has no attribute 'probability'"),
    ("forest", '<Value value="yes"/>', "", "is none of the target's values"),
    ("vote", LAST, 'missingValueStrategy="nullPrediction"', "has no vote for some rows"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "before", "after", "said"), REFUSED)
def test_what_is_not_known_is_refused_by_name(name: str, before: str, after: str, said: str, tmp_path: Path) -> None:
    text = SHAPES[name].text
    assert before in text
    path = tmp_path / "model.pmml"
    path.write_text(text.replace(before, after))
    with pytest.raises(ArtifactError, match=said):
        pmml.load(path)


def test_predicates_that_would_need_a_huge_ensemble_are_refused(tmp_path: Path) -> None:
    fields = "".join(f'<DataField name="x{i}" optype="continuous" dataType="double"/>' for i in range(40))
    either = (
        '<CompoundPredicate booleanOperator="and">'
        + "".join(simple(f"x{i}", "lessOrEqual", "0") for i in range(40))
        + "</CompoundPredicate>"
    )
    tests = [either.replace('value="0"', f'value="{k}"') for k in range(40)]
    nodes = '<Node score="0"><True/>' + "".join(f'<Node score="{k}">{test}</Node>' for k, test in enumerate(tests)) + "</Node>"
    schema = mining(TARGET, *(f'name="x{i}"' for i in range(40)))
    path = tmp_path / "model.pmml"
    path.write_text(document(fields + QUANTITY, regression(nodes, schema, 'missingValueStrategy="nullPrediction"')))
    with pytest.raises(UnsupportedConstruct, match="TreeModel: takes more tests than"):
        pmml.load(path)


def test_a_row_with_an_invalid_value_has_no_prediction(tmp_path: Path) -> None:
    path = tmp_path / "model.pmml"
    path.write_text(SHAPES["label"].text)
    scorer = pmml.load(path)
    assert scorer.score([scorer.schema.code("label", "a")]).values == (1.0,)
    assert math.isnan(scorer.score([scorer.schema.code("label", "nobody's")]).values[0])


def test_a_changed_document_of_polyscore_is_not_read_as_another_s(tmp_path: Path) -> None:
    """As another's it would be valid: every tree of it is."""
    path = pmml.export(trained("binary"), SCHEMA, tmp_path / "model.pmml")
    path.write_text(path.read_text().replace('missingValueStrategy="defaultChild"', 'missingValueStrategy="none"'))
    with pytest.raises(ArtifactError, match="missingValueStrategy"):
        pmml.load(path)


def test_the_classes_of_the_outputs_are_named_as_the_document_lists_them(tmp_path: Path) -> None:
    path, named = tmp_path / "tree.pmml", 0
    for seed in range(30):
        path.write_text(foreign.document(seed))
        try:
            scorer = pmml.load(path)
        except UnsupportedConstruct:
            continue
        assert scorer.labels == foreign.CLASSES  # type: ignore[attr-defined]  # of a kernel's scorer
        named += 1
    assert named > 10
