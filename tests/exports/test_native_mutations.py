"""A LightGBM text model changed in one token is refused, or LightGBM reads it as we do; it never ends the process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import native
from exports.compiled import KernelScorer
from exports.errors import CorruptArtifact, ExportError
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


@pytest.mark.parametrize("key", ["internal_weight", "leaf_value", "feature_names", "feature_importances"])
def test_a_nul_is_refused_wherever_it_stands_since_lightgbm_reads_no_further(key: str, tmp_path: Path) -> None:
    text = original("zero-as-missing")
    at = text.index("\n", text.index(f"\n{key}") + 1)
    (tmp_path / "model.txt").write_text(text[:at] + "\0" + text[at:])
    with pytest.raises(CorruptArtifact, match=f"line {text.count(chr(10), 0, at) + 1}\\b.*NUL"):
        native.load(tmp_path / "model.txt")


def test_a_feature_that_is_named_twice_is_refused_by_its_name(tmp_path: Path) -> None:
    text = original("random-forest")
    names = text.partition("\nfeature_names=")[2].partition("\n")[0]
    again = " ".join([*names.split(" ")[:-1], names.split(" ")[0]])
    (tmp_path / "model.txt").write_text(text.replace(f"feature_names={names}", f"feature_names={again}"))
    with pytest.raises(CorruptArtifact, match=f"feature '{names.split(' ')[0]}' is named twice"):
        native.load(tmp_path / "model.txt")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_model_changed_in_one_token_is_refused_or_read_alike(data: st.DataObject, kind: str, tmp_path: Path) -> None:
    check(data.draw(changed(original(kind))), tmp_path / "changed.txt")
