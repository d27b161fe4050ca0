"""PMML's own ways: odd names and labels, edges of thresholds, several quantities; and what its reader refuses beyond that."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.schema import Feature, FeatureSchema
from exports import files, pmml, pmml_writer
from exports.ensemble import LINKS, Builder, Ensemble, Link, Split
from exports.errors import ArtifactError, UnsupportedModel
from exports.missing import ZERO
from tests.exports.odd import ODD_LABELS, ODD_NAMES, unnamed, with_labels, with_names
from tests.exports.zoo import SCHEMA, trained

SMALL = FeatureSchema((Feature("x"), Feature("label", "categorical", ("a", 'b"', "c\\"))))


def grown(trees: list[tuple[int, Any]], link: Link = Link(), outputs: int = 1) -> Ensemble:  # noqa: B008  # frozen
    builder = Builder(len(SMALL))
    for output, tree in trees:
        builder.add(output, tree, lambda node: node)
    return builder.build(outputs, link)


def written(ensemble: Ensemble, folder: Path) -> Path:
    return files.write(folder / "model.pmml", "\n".join(pmml_writer.document(ensemble, SMALL)).encode())


@pytest.mark.parametrize("schema", [with_names(names) for names in ODD_NAMES] + [with_labels(labels) for labels in ODD_LABELS])
@pytest.mark.parametrize("kind", ["binary", "zero-as-missing", "one-vs-all"])
def test_names_labels_and_descriptions_come_back_as_they_were(kind: str, schema: FeatureSchema, tmp_path: Path) -> None:
    model = unnamed(trained(kind))
    scorer = pmml.load(pmml.export(model, schema, tmp_path / "model.pmml"))
    assert scorer.schema == schema
    assert scorer.ensemble.same_as(model.ensemble)


SPLITS = [
    *(Split(0, threshold, left) for threshold in (0.1, math.inf, -math.inf, 5e-324, -1.7976931348623157e308) for left in (False, True)),
    *(Split(0, threshold, left, zero_missing=True) for threshold, left in ((math.inf, False), (ZERO, False), (-0.5, True))),
    *(Split(1, 0.0, codes=codes) for codes in ((), (0,), (1,), (0, 2), (0, 1, 2))),
]


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_comes_back(split: Split, tmp_path: Path) -> None:
    for leaves in ((1.0, -0.0), (math.inf, -math.inf)):
        ensemble = grown([(0, (split, *leaves)), (0, leaves[0])])
        assert pmml.load(written(ensemble, tmp_path)).ensemble.same_as(ensemble)


@pytest.mark.parametrize("outputs", [1, 2, 3])
@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.parametrize("average_over", [1, 2])
def test_every_link_of_quantities_comes_back(kind: Any, outputs: int, average_over: int, tmp_path: Path) -> None:
    if kind == "softmax":
        return
    ensemble = grown([(k, float(k)) for k in range(outputs) for _ in range(2)], Link(kind, average_over=average_over), outputs)
    assert pmml.load(written(ensemble, tmp_path)).ensemble.same_as(ensemble)


def test_classes_by_a_link_that_no_objective_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="signed_square"):
        written(grown([(0, 1.0)], Link("signed_square", classes=True)), tmp_path)


def test_a_tree_deeper_than_xml_readers_go_is_refused_and_one_less_is_read(tmp_path: Path) -> None:
    def chain(depth: int) -> Ensemble:
        builder = Builder(len(SMALL))
        builder.add(0, 0, lambda level: (Split(0, float(level)), ~level, level + 1) if 0 <= level < depth else float(level))
        return builder.build(1, Link())

    deepest = chain(pmml_writer.MAX_DEPTH)
    assert pmml.load(written(deepest, tmp_path)).ensemble.same_as(deepest)
    with pytest.raises(UnsupportedModel, match="set max_depth to 2000"):
        written(chain(pmml_writer.MAX_DEPTH + 1), tmp_path)


CHANGES: list[tuple[Ensemble, str, str, str]] = [
    (grown([(0, (Split(0, -0.5, True, True), 1.0, 2.0))]), "1.0000000180025095e-35", "1e-35", "Constant"),
    (grown([(0, (Split(0, -0.5, True, True), 1.0, 2.0))]), 'DerivedField name="x_unless_zero"', 'DerivedField name="y"', "DerivedField"),
    (grown([(0, (Split(1, 0.0, codes=(1, 2)), 1.0, 2.0))]), 'booleanOperator="or"', 'booleanOperator="xor"', "xor"),
    (grown([(0, (Split(1, 0.0, codes=(1, 2)), 1.0, 2.0))]), 'operator="equal"', 'operator="notEqual"', "list of labels"),
    (grown([(0, (Split(1, 0.0, codes=(1, 2)), 1.0, 2.0))]), 'value="c\\"/></Comp', 'value="b&quot;"/></Comp', "twice"),
    (grown([(0, (Split(1, 0.0, codes=(2,)), 1.0, 2.0))]), 'operator="equal" value="c', 'operator="equal" value="z', "no label"),
    (grown([(0, (Split(1, 0.0, codes=(0,)), 1.0, 2.0))]), 'booleanOperator="isNotIn"', 'booleanOperator="isIn"', "opposite"),
    (grown([(0, (Split(1, 0.0, codes=(0,)), 1.0, 2.0))]), 'n="1"', 'n="2"', "Array"),
    (grown([(0, (Split(1, 0.0, codes=(0,)), 1.0, 2.0))]), 'defaultChild="2"', 'defaultChild="1"', "never does"),
    (grown([(k, 1.0) for k in range(2)], outputs=2), 'name="raw_score_1" optype', 'name="raw_score_2" optype', "raw_score_2"),
    (grown([(k, 1.0) for k in range(2)], outputs=2), '<FieldRef field="linked_1"/>', '<FieldRef field="linked_0"/>', "FieldRef"),
]


@pytest.mark.parametrize(("ensemble", "before", "after", "named"), CHANGES)
def test_a_document_that_was_changed_is_refused_by_name(ensemble: Ensemble, before: str, after: str, named: str, tmp_path: Path) -> None:
    path = written(ensemble, tmp_path)
    _changed(path, lambda text: text.replace(before, after, 1))
    with pytest.raises(ArtifactError, match=named):
        pmml.load(path)


def test_a_name_that_is_not_spelled_as_the_document_says_is_refused(tmp_path: Path) -> None:
    path = pmml.export(unnamed(trained("binary")), with_names(ODD_NAMES[1]), tmp_path / "model.pmml")
    _changed(path, lambda text: text.replace('"\\u0001"', '"\\u0002"', 1))
    with pytest.raises(ArtifactError, match="spells"):
        pmml.load(path)


def test_a_sum_of_no_trees_is_refused(tmp_path: Path) -> None:
    path = written(grown([(0, 1.0)]), tmp_path)
    _changed(path, lambda text: re.sub("<Segment id=.*</Segment>", "", text, flags=re.DOTALL))
    with pytest.raises(ArtifactError, match="no trees"):
        pmml.load(path)


def test_comments_change_nothing(tmp_path: Path) -> None:
    path = pmml.export(trained("binary"), SCHEMA, tmp_path / "model.pmml")
    before = pmml.load(path).ensemble
    _changed(path, lambda text: text.replace("<True/>", "<!-- a note --><True/>").replace("<Output>", "<Output><!-- one more -->"))
    assert pmml.load(path).ensemble.same_as(before)


def _changed(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
