"""A LightGBM text model changed in one token is refused, or LightGBM reads it as we do; it never ends the process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import native
from exports.compiled import KernelScorer
from exports.errors import ExportError
from exports.probes import probes
from tests.exports.mutations import changed
from tests.exports.zoo import SCHEMA, trained

KINDS = ("zero-as-missing", "multiclass", "random-forest")


@cache
def original(kind: str) -> str:
    """Two rounds of a model, without the parameters of its training, which nobody scores with."""
    text = trained(kind).model_to_string(num_iteration=2)
    return text.partition("\nparameters:")[0] + "\n\npandas_categorical:null\n"


def check(text: str, path: Path) -> bool:
    """Whether a changed model was accepted; fails where LightGBM then scores another model than the one that we read."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        scorer = native.load(path)
        kernel = KernelScorer(scorer.ensemble, scorer.schema)
    except ExportError:
        return False
    x = probes(scorer.ensemble, scorer.schema, most=200)
    with np.errstate(all="ignore"):
        ours, theirs = kernel.raw_batch(x), scorer.raw_batch(x)
    same = np.where(np.isnan(ours), np.isnan(theirs), ours.view(np.int64) == theirs.view(np.int64))  # NaN: inf less inf, of either sign
    assert same.all()
    return True


def test_the_models_are_accepted_as_they_are(tmp_path: Path) -> None:
    for kind in KINDS:
        assert check(original(kind), tmp_path / "model.txt")
        assert len(native.load(tmp_path / "model.txt").schema) == len(SCHEMA)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_model_changed_in_one_token_is_refused_or_read_alike(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    check(data.draw(changed(original(kind))), tmp_path / "changed.txt")
