"""What `polyscore serve` calls a model: one name for one model, whatever file it came in."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from apps import inspect
from apps.errors import InputError
from apps.serve import Models, command, served
from domain.schema import Feature, FeatureSchema
from exports.formats import FORMATS
from tests.exports.zoo import SCHEMA, trained

TREE = """<?xml version="1.0"?><PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>
<DataDictionary><DataField name="x" optype="continuous" dataType="double"/><DataField name="y" optype="continuous" dataType="double"/>
</DataDictionary><TreeModel functionName="regression" missingValueStrategy="none" noTrueChildStrategy="returnLastPrediction">
<MiningSchema><MiningField name="y" usageType="target"/><MiningField name="x" {rule}/></MiningSchema><Node score="0"><True/>
<Node score="1"><SimplePredicate field="x" operator="lessOrEqual" value="0.5"/></Node>
<Node score="2"><SimplePredicate field="x" operator="greaterThan" value="0.5"/></Node></Node></TreeModel></PMML>"""


def foreign(path: Path, missing: str) -> Path:
    path.write_text(TREE.format(rule=f'missingValueReplacement="{missing}"'))
    return path


def test_documents_that_differ_only_in_how_they_prepare_a_row_are_two_models(tmp_path: Path) -> None:
    a, b = foreign(tmp_path / "a.pmml", "0"), foreign(tmp_path / "b.pmml", "1")
    models = Models()
    for path in (a, b, a):
        models.add(served(path))
    assert [m.scorer.score([None]).raw for m in models.served.values()] == [(1.0,), (2.0,)]
    assert {m.digest for m in models.served.values()} == {digest(a), digest(b)}


def digest(path: Path) -> str:
    """What `inspect` calls the model."""
    inspect.command(path, Console(file=(said := StringIO()), width=200))
    return next(line for line in said.getvalue().splitlines() if "model:" in line).split()[1]


def test_one_model_in_two_formats_has_one_name(tmp_path: Path) -> None:
    models = Models()
    for name in ("native", "pmml", "pfa"):
        models.add(served(FORMATS[name].export(trained("binary"), SCHEMA, tmp_path / FORMATS[name].file_name)))
    assert [m.format for m in models.served.values()] == ["pfa"]


def test_two_models_of_one_name_are_refused_with_the_file(tmp_path: Path) -> None:
    features = list(SCHEMA.features)
    features[3] = Feature("label", "categorical", tuple(reversed(features[3].categories)))
    one = FORMATS["native"].export(trained("binary"), SCHEMA, tmp_path / "one.txt")
    other = FORMATS["native"].export(trained("binary"), FeatureSchema(tuple(features)), tmp_path / "other.txt")
    with pytest.raises(InputError, match=r"other\.txt: two models would be served as model-.*the same trees with other names or labels"):
        command([one, other], host="127.0.0.1", port=0, api_key="", say=lambda text: None)
