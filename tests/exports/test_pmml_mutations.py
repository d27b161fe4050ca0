"""A document of another's, changed in one token, is refused, or scored as what it then says: never otherwise, and never with a crash."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import pmml
from exports.errors import ArtifactError
from tests.exports import foreign
from tests.exports.mutations import changed

SEEDS = tuple(range(24))


def check(text: str, path: Path, seed: int) -> bool:
    """Whether a changed document was accepted; fails where it is then scored as something else than it says."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        scorer = pmml.load(path)
    except ArtifactError:
        return False
    names = scorer.schema.names
    if set(names) != {*foreign.NUMBERS, "label"}:  # one was renamed, everywhere or where it is not used
        scorer.score_batch(np.zeros((3, len(names))))
        return True
    rows = foreign.rows(seed, 30)
    found = scorer.score_batch(np.array([scorer.schema.row(row) for row in rows]))
    expected = np.array([foreign.confidences(text, row) for row in rows])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.sampled_from(SEEDS))
def test_a_document_changed_in_one_token_is_refused_or_scored_as_it_says(data: st.DataObject, seed: int, tmp_path: Path) -> None:
    text = foreign.document(seed, asis=random.Random(seed).random() < 0.5)
    check(data.draw(changed(text)), tmp_path / "changed.pmml", seed)
