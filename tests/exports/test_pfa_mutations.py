"""A PFA document changed in one token is refused, or scored as what it then says: never otherwise, and never with a crash."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import pfa, pfa_writer
from exports.errors import ExportError
from exports.lightgbm_text import parse
from exports.missing import ZERO
from tests.exports.mutations import changed
from tests.exports.zoo import SCHEMA, rows, trained

KINDS = ("zero-as-missing", "multiclass", "random-forest")


@cache
def original(kind: str) -> str:
    """Two rounds of a model, as PFA."""
    ensemble = parse(trained(kind).model_to_string(num_iteration=2)).ensemble
    return "".join(pfa_writer.document(ensemble, SCHEMA))


def program(document: dict[str, Any]) -> str:
    """What may not change: everything but the trees and what is told of them."""
    rest = deepcopy({key: value for key, value in document.items() if key != "metadata"})
    rest["cells"]["outputs"]["init"] = None
    return json.dumps(rest, sort_keys=True)


def said(document: dict[str, Any], schema: FeatureSchema, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw scores by the document's own trees and columns, walked plainly."""
    new = document["action"][0]["let"]["row"]["new"]
    found = []
    for row in x.tolist():
        datum = {f.name: _label(f.categories, v) if f.categories else v for f, v in zip(schema.features, row, strict=True)}
        columns = {name: _column(how, datum) for name, how in new.items()}
        found.append([sum((_walk(tree, columns) for tree in trees), 0.0) for trees in document["cells"]["outputs"]["init"]])
    return np.array(found)


def _label(categories: tuple[str, ...], code: float) -> str | None:
    return categories[int(code)] if 0 <= code < len(categories) else None


def _column(how: Any, datum: dict[str, Any]) -> Any:
    if isinstance(how, str):
        return datum[how.removeprefix("input.")]
    ((function, (inner,)),) = how.items()
    value = _column(inner, datum)
    if value is None or math.isnan(value) or (function == "u.nonzero" and abs(value) <= ZERO):
        return None
    return 0.0 if function == "u.given" else value


def _walk(node: dict[str, Any], columns: dict[str, Any]) -> float:
    while True:
        ((kind, value),) = node["value"].items()
        seen = columns[node["field"]]
        if node["operator"] == "alwaysTrue":
            passes = True
        elif seen is None:
            passes = node["missing_passes"]
        else:
            passes = seen <= value if kind == "double" else seen in value
        below = node["pass" if passes else "fail"]
        if "double" in below:
            return float(below["double"])
        node = below["TreeNode"]


def check(kind: str, text: str, path: Path) -> bool:
    """Whether a changed document was accepted; fails where it is then scored as something else than it says."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        scorer = pfa.load(path)
    except ExportError:
        return False
    document = json.loads(text)
    assert program(document) == program(json.loads(original(kind)))
    x = rows(scorer.ensemble)[:60]
    assert scorer.raw_batch(x).tobytes() == said(document, scorer.schema, x).tobytes()
    return True


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_document_changed_in_one_token_is_refused_or_scored_as_it_says(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    check(kind, data.draw(changed(original(kind))), tmp_path / "changed.pfa")
