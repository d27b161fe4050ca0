"""Every document is valid against the PMML 4.4 schema, whatever the model and its names are."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from domain.schema import FeatureSchema
from exports import pmml
from tests.exports import jpmml
from tests.exports.odd import ODD_LABELS, ODD_NAMES, unnamed, with_labels, with_names
from tests.exports.zoo import KINDS, SCHEMA, trained

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def published() -> etree.XMLSchema:
    return jpmml.schema()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_valid(kind: str, published: etree.XMLSchema, tmp_path: Path) -> None:
    published.assertValid(written(kind, SCHEMA, tmp_path))


@pytest.mark.parametrize("schema", [with_names(names) for names in ODD_NAMES] + [with_labels(labels) for labels in ODD_LABELS])
def test_odd_names_and_labels_are_valid(schema: FeatureSchema, published: etree.XMLSchema, tmp_path: Path) -> None:
    published.assertValid(written("zero-as-missing", schema, tmp_path))


def test_nothing_is_used_that_only_jpmml_knows(tmp_path: Path) -> None:
    for kind in KINDS:
        for element in written(kind, SCHEMA, tmp_path).iter():
            assert not any(str(text).startswith("x-") for text in (*element.keys(), *element.values()))


def test_the_schema_refuses_what_is_not_pmml(published: etree.XMLSchema, tmp_path: Path) -> None:
    document = written("binary", SCHEMA, tmp_path)
    next(document.iter("{*}Output")).tag = "{http://www.dmg.org/PMML-4_4}Outputs"
    assert not published.validate(document)


def written(kind: str, schema: FeatureSchema, folder: Path) -> etree._ElementTree:
    return etree.parse(str(pmml.export(unnamed(trained(kind)), schema, folder / "model.pmml")))
