"""Damaged, tampered and hostile artifacts are refused with the file's name; what a reader does not know is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from exports import pfa, pmml
from exports.errors import ArtifactError, CorruptArtifact, ExportError, UnsupportedConstruct
from exports.formats import FORMATS
from tests.exports.zoo import SCHEMA, trained


def written(model_format: str, folder: Path) -> Path:
    chosen = FORMATS[model_format]
    return chosen.export(trained("binary"), SCHEMA, folder / chosen.file_name)


@pytest.mark.parametrize("model_format", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.97])
def test_a_file_cut_off_is_refused(model_format: str, share: float, tmp_path: Path) -> None:
    path = written(model_format, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ExportError, match=path.name):
        FORMATS[model_format].load(path)


@pytest.mark.parametrize("model_format", FORMATS)
def test_random_bytes_are_refused(model_format: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[model_format].file_name
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(ArtifactError, match=path.name):
        FORMATS[model_format].load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for chosen in FORMATS.values():
        with pytest.raises(CorruptArtifact, match="no such file"):
            chosen.load(tmp_path / chosen.file_name)


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PMML_CHANGES: list[tuple[str, str, str]] = [
    ('<?xml version="1.0" encoding="UTF-8"?>', f'<?xml version="1.0" encoding="UTF-8"?>{BOMB}', "document type"),
    ('<?xml version="1.0" encoding="UTF-8"?>', f'<?xml version="1.0" encoding="UTF-8"?>{OUTSIDE}', "document type"),
    ('version="4.4"', 'version="3.0"', "version"),
    ('multipleModelMethod="sum"', 'multipleModelMethod="max"', "multipleModelMethod"),
    ('missingValueStrategy="defaultChild"', 'missingValueStrategy="lastPrediction"', "missingValueStrategy"),
    ('operator="lessOrEqual"', 'operator="lessThan"', "operator"),
    ('normalizationMethod="logit"', 'normalizationMethod="probit"', "normalizationMethod"),
    ("<True/>", "<False/>", "False"),
    ('field="amount"', 'field="nobody"', "nobody"),
    ('score="', 'score="x', "score"),
    ("<Header>", "<TransformationDictionary/><Header>", "TransformationDictionary"),
    ('feature="probability" value="1"', 'feature="probability" value="0"', "OutputField"),
    ('coefficient="1.0"', 'coefficient="2.0"', "coefficient"),
    ('"sigmoid": 1.0', '"sigmoid": NaN', "no link"),
    ('"kind": "logistic"', '"kind": "softmax"', "normalizationMethod"),
    ('name="link" value', 'name="unlike" value', "which link"),
    ('<Constant dataType="double">2.0<', '<Constant dataType="double">1.0<', "Constant"),
    ('<Value value="1"/>\n</DataField>', '<Value value="1"/><Value value="2"/></DataField>', "dictionary has"),
    ('<MiningField name="label" invalidValueTreatment="asMissing"/>', '<MiningField name="label"/>', "invalidValueTreatment"),
    ('score="0', 'score="1e999999', "finite"),
    (' operator="greaterThan" value="', ' operator="greaterThan" value="1', "opposite"),
    ('operator="notEqual"', 'operator="equal"', "list of labels"),
    ("single's", "nobody's", "no label"),
    ('binarySplit"><MiningSchema><MiningField name="amount"/>', 'binarySplit"><MiningSchema>', "tree's MiningSchema"),
    ('<MiningField name="zeros"/>', '<MiningField name="amount"/>', "twice"),
    ('<MiningField name="zeros"/>', '-MiningField name="zeros"/>', "text"),
    (' usageType="target"', "", "predicts 0 fields"),
    ('optype="categorical" dataType="integer"', 'optype="continuous" dataType="double"', "predicts"),
    ('name="target" optype', 'name="aim" optype', "aim"),
]


@pytest.mark.parametrize(("before", "after", "named"), PMML_CHANGES)
def test_pmml_that_says_something_else_is_refused_by_name(before: str, after: str, named: str, tmp_path: Path) -> None:
    path = _changed(written("pmml", tmp_path), before, after)
    with pytest.raises(ArtifactError, match=named):
        pmml.load(path)


PFA_CHANGES: list[tuple[str, str, type[ArtifactError]]] = [
    ('"operator":"<="', '"operator":"<"', UnsupportedConstruct),
    ('{"+":["total","value"]}', '{"-":["total","value"]}', UnsupportedConstruct),
    ('"m.exp"', '"m.sin"', UnsupportedConstruct),
    ('"else":"node.missing_passes"', '"else":true', UnsupportedConstruct),
    ('"method":"map"', '"method":"map","begin":[]', UnsupportedConstruct),
    ('"method":"map"', '"method":"map","method":"map"', CorruptArtifact),
    ('"field":"amount"', '"field":"nobody"', CorruptArtifact),
    ('"missing_passes":false', '"missing_passes":0', CorruptArtifact),
    ('"value":{"double":', '"value":{"double":"', CorruptArtifact),
    ('{"double":', '{"double":NaN,"x":', CorruptArtifact),
]


@pytest.mark.parametrize(("before", "after", "error"), PFA_CHANGES)
def test_pfa_that_says_something_else_is_refused(before: str, after: str, error: type[ArtifactError], tmp_path: Path) -> None:
    path = _changed(written("pfa", tmp_path), before, after)
    with pytest.raises(error, match=r"model\.pfa"):
        pfa.load(path)


@pytest.mark.parametrize(("load", "text"), [(pfa.load, "[" * 100_000), (pfa.load, '{"a":' * 100_000), (pmml.load, "<a>" * 100_000)])
def test_endless_nesting_is_refused(load: Callable[[Path], object], text: str, tmp_path: Path) -> None:
    path = tmp_path / "deep"
    path.write_text(text)
    with pytest.raises(ArtifactError, match="deep"):
        load(path)


def _changed(path: Path, before: str, after: str) -> Path:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return path


def test_a_tree_that_goes_on_behind_a_blank_line_is_refused(tmp_path: Path) -> None:
    """LightGBM takes a tree to end there, and would score what stands before it alone."""
    path = written("native", tmp_path)
    lines = [line for line in path.read_text().split("\n") if not line.startswith("tree_sizes=")]
    at = next(i for i, line in enumerate(lines) if line.startswith("leaf_value="))
    path.write_text("\n".join([*lines[:at], "", *lines[at:]]))
    with pytest.raises(CorruptArtifact, match="blank line"):
        FORMATS["native"].load(path)
