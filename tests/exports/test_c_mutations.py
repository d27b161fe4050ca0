"""A C file changed in one token, under a digest of its own, is refused or scored as what it then says: never compiled to anything else."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exports import c, c_reader, c_writer
from exports.compiled import KernelScorer
from exports.errors import ExportError
from exports.lightgbm_text import parse
from tests.exports.mutations import changed
from tests.exports.zoo import SCHEMA, rows, trained

KINDS = ("zero-as-missing", "multiclass", "random-forest")


@cache
def original(kind: str) -> str:
    """Two rounds of a model, as C, without the first line."""
    ensemble = parse(trained(kind).model_to_string(num_iteration=2)).ensemble
    return c_writer.document(ensemble, SCHEMA).decode().partition("\n")[2]


def program(text: str) -> list[str]:
    """What may not change: every line that is of no table, of no string and no size."""
    return [line for line in text.split("\n") if not line.startswith(("{", '"', "const char", "#define", *"0123456789"))]


def check(kind: str, text: str) -> bool:
    """Whether a changed file was accepted; fails where the compiler then makes something else of it than the reader."""
    body = text.encode("utf-8", "surrogatepass")
    data = c_writer.FIRST.format(hashlib.sha256(body).hexdigest()).encode() + body
    try:
        document = c_reader.read(data, "model.c")
    except ExportError:
        return False
    assert sorted(set(program(text))) == sorted(set(program(original(kind))))
    x = rows(document.ensemble)[:200]
    with np.errstate(all="ignore"):
        wanted = KernelScorer(document.ensemble, document.schema).raw_batch(x)
    np.testing.assert_array_equal(c.CScorer(document, data).raw_batch(x), wanted)
    return True


@settings(max_examples=150, deadline=None)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_a_file_changed_in_one_token_is_refused_or_scored_as_it_says(data: st.DataObject, kind: str) -> None:
    check(kind, data.draw(changed(original(kind))))
