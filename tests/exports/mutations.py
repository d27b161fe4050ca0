"""Documents changed in one token: what a slip, a bad disk or a clever stranger does to an artifact."""

from __future__ import annotations

import re

from hypothesis import strategies as st

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|\s+|.', re.DOTALL)
STRANGE = (
    "0", "-0", "-0.0", "1", "1.0", "true", "false", "null", "NaN", "Infinity", "-inf", "1e309", "1e-400", "1" + "0" * 400,
    "17976931348623158" + "0" * 292,
    '""', '"y"', '"\\ud800"', "[]", "{}", "[[]]", '{"double":1}', '{"array":"y"}', '{"array":[]}', '"alwaysTrue"', "]", "}",
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """The text with one token left out, doubled, replaced by a strange or another one of its own, or changed in a character."""
    found = TOKEN.findall(text)
    at = draw(st.integers(0, len(found) - 1))
    token = found[at]
    cut = draw(st.integers(0, len(token)))
    char = draw(st.sampled_from("0159eE.-+\\\"'{}[]:, aA_é\x00"))
    new = draw(
        st.one_of(
            st.sampled_from(("", token * 2, token + "," + token)),
            st.sampled_from(STRANGE),
            st.sampled_from(sorted(set(found))),
            st.sampled_from((token[:cut] + token[cut + 1 :], token[:cut] + char + token[cut:], token[:cut] + char + token[cut + 1 :])),
        )
    )
    return "".join([*found[:at], new, *found[at + 1 :]])
