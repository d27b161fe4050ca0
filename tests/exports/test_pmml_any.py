"""PMML that others wrote scores as PMML's rules say, applied plainly to random trees, and as its publishers say; or is refused by name."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import pmml
from exports.errors import UnsupportedConstruct
from tests.exports import foreign

SHARED = Path(os.environ.get("POLYSCORE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "conformance" / "pmml"
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
    scorer = pmml.load(SHARED / str(case["model"]))
    given_input: dict[str, float | str | None] = case["input"]  # type: ignore[assignment]  # JSON
    values = scorer.score(scorer.schema.row(given_input)).values
    classes = ("will play", "may play", "no play")
    if case["predicted"] is None:
        assert all(math.isnan(value) for value in values)
        return
    assert classes[int(np.argmax(values))] == case["predicted"]
    penalty = 0.8 if "defaultChild" in str(case["model"]) else 1.0  # of confidences; values are probabilities
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
