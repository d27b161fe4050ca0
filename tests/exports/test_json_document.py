"""Python's JSON parser and ours, which is for deep documents, take and refuse the same texts and read the same from them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.json_document import Json, parse, parse_deep
from tests.exports.mutations import changed

LEVELS = 50
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.builds(json.dumps, VALUES, indent=st.sampled_from([None, 1]), ensure_ascii=st.booleans())


def outcome(read: Callable[[str, int], Json], text: str) -> str:
    """What came of it; numbers to the last digit, 1 apart from 1.0."""
    try:
        return repr(read(text, LEVELS))
    except ValueError:
        return "refused"


@given(TEXTS | TEXTS.flatmap(changed))
def test_both_parsers_agree(text: str) -> None:
    assert outcome(parse, text) == outcome(parse_deep, text)


NO_JSON = ('{"a":1,"a":1}', "NaN", "-Infinity", "[1,]", '{"a"}', "{1:2}", "[1 2]", '"a\nb"', '"\\x"', "01", "1 1", "", "[")


@pytest.mark.parametrize("text", NO_JSON)
@pytest.mark.parametrize("read", [parse, parse_deep])
def test_what_is_no_json_is_refused(read: Callable[[str, int], Json], text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each parser has its own words
        read(text, LEVELS)


def test_nesting_is_read_to_its_bound_and_no_further() -> None:
    found = parse("[" * 5_000 + "]" * 5_000, 5_000)
    for _ in range(4_999):
        (found,) = found
    assert found == []
    with pytest.raises(ValueError, match="4999 levels"):
        parse("[" * 5_000 + "]" * 5_000, 4_999)
