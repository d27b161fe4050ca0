"""What a PFA document says: names that PFA takes, columns for the ways in which trees read a feature, no infinity, any depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.schema import Feature, FeatureSchema
from exports import pfa
from exports.errors import ArtifactError, UnsupportedConstruct, UnsupportedModel
from exports.pfa_names import identifiers
from tests.exports.handmade import Tree, booster
from tests.exports.zoo import SCHEMA, trained

STRANGE = ("a b", "a_b", "a[0]", "a_b_2", "école", "", "1st", 'say "x"', "日本")


def written(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_names_that_pfa_takes_stay_and_no_two_become_one() -> None:
    found = identifiers(STRANGE)
    assert found == ("a_b_3", "a_b", "a_0_", "a_b_2", "_cole", "_", "_1st", "say__x_", "__")
    assert identifiers(found) == found


def test_a_renamed_feature_keeps_its_name_beside_it(tmp_path: Path) -> None:
    schema = FeatureSchema(tuple(Feature(name) for name in STRANGE))
    trees = [Tree([i], [0.5], [2], [i, -1.0]) for i in range(len(STRANGE))]
    document = written(pfa.export(booster(trees, len(STRANGE)), schema, tmp_path / "model.pfa"))
    fields = {field["name"]: field.get("doc", field["name"]) for field in document["input"]["fields"]}
    assert tuple(fields.values()) == STRANGE
    assert json.loads(document["metadata"]["names"]) == {field: name for field, name in fields.items() if field != name}
    assert pfa.load(tmp_path / "model.pfa").schema == schema


def test_a_document_whose_names_are_fine_says_nothing_of_names(tmp_path: Path) -> None:
    document = written(pfa.export(trained("binary"), SCHEMA, tmp_path / "model.pfa"))
    assert set(document["metadata"]) == {"schema", "link"}
    assert all(set(field) == {"name", "type"} for field in document["input"]["fields"])


def test_names_that_are_not_the_schemas_are_refused(tmp_path: Path) -> None:
    schema = FeatureSchema((Feature("a b"),))
    path = pfa.export(booster([Tree([0], [0.5], [2], [1, 2])], 1), schema, tmp_path / "model.pfa")
    path.write_text(path.read_text().replace(r"{\"a_b\": \"a b\"}", r"{\"a_b\": \"a c\"}"))
    with pytest.raises(UnsupportedConstruct, match="metadata"):
        pfa.load(path)


def test_columns_are_written_only_for_the_ways_in_which_splits_read(tmp_path: Path) -> None:
    trees = [Tree([0], [1.0], [4], [1, 2]), Tree([1], [np.inf], [8], [1, 2]), Tree([2], [np.inf], [4], [1, 2])]
    document = written(pfa.export(booster(trees, 4), None, tmp_path / "model.pfa"))
    columns = document["action"][0]["let"]["row"]["new"]
    plain = [f"Column_{i}" for i in range(4)]
    assert sorted(columns) == sorted([*plain, "Column_0_nonzero", "Column_1_given", "Column_2_nonzero_given"])


@pytest.mark.parametrize(("threshold", "leaf"), [(-np.inf, 1.0), (0.0, np.inf), (0.0, -np.inf)])
def test_an_infinity_that_json_has_no_number_for_is_refused(threshold: float, leaf: float, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="infinity"):
        pfa.export(booster([Tree([0], [threshold], [8], [leaf, 2.0])], 1), None, tmp_path / "model.pfa")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [1_000, 10_000])
def test_a_deep_tree_reads_back_as_it_is(depth: int, tmp_path: Path) -> None:
    model = booster([Tree([0] * depth, range(depth), [10] * depth, np.arange(depth + 1) / 7)], 1)
    x = np.array([[-1.0], [depth / 2], [depth - 1.0], [depth + 1.0], [np.nan]])
    scorer = pfa.load(pfa.export(model, None, tmp_path / "model.pfa"))
    assert scorer.raw_batch(x).ravel().tobytes() == np.asarray(model.predict(x, raw_score=True)).tobytes()


def test_a_tree_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    model = booster([Tree([0] * 10_001, range(10_001), [10] * 10_001, range(10_002))], 1)
    with pytest.raises(UnsupportedModel, match="depth 10001"):
        pfa.export(model, None, tmp_path / "model.pfa")
    assert list(tmp_path.iterdir()) == []


DEEP = '{"a":' * 5_000 + "1" + "}" * 5_000


@pytest.mark.parametrize("place", ['"polyscore"', '"<="', '"map"', "false", '{"double":', '"schema":"'])
def test_deep_nesting_where_no_tree_is_is_refused(place: str, tmp_path: Path) -> None:
    path = pfa.export(trained("binary"), SCHEMA, tmp_path / "model.pfa")
    new = {'{"double":': f'{{"double":{DEEP},"more":', '"schema":"': '"schema":"' + "[" * 5_000}.get(place, DEEP)
    path.write_text(path.read_text().replace(place, new, 1))
    with pytest.raises(ArtifactError, match=r"model\.pfa"):
        pfa.load(path)


def test_a_pretty_printed_document_is_the_same(tmp_path: Path) -> None:
    path = pfa.export(trained("zero-as-missing"), SCHEMA, tmp_path / "model.pfa")
    before = pfa.load(path).ensemble
    path.write_text(json.dumps(written(path), indent=2, sort_keys=True))
    assert pfa.load(path).ensemble.same_as(before)
