"""Dead letters as people work on them: how many of which code, the list, and one of them open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from apps.letter import place, placed
from domain.contract import Domain
from ui import letter_form, letter_queries, letter_text, parts
from ui.asking import shared

EVERY, NOBODYS = "every code", "of no domain"
_LIST, _NONE, _OPEN = "letters shown", "no letters", "letter"


def figures(engine: Engine, domain: Domain) -> None:
    """The counts by code, and how many letters have come since the list was made."""
    newest = shared(letter_queries.newest_us, engine, domain.name)
    if st.session_state.get(_NONE) and (newest or letter_queries.newest_us(engine, "")):
        del st.session_state[_NONE]
        st.rerun()  # the first has come: there is no list yet that could move
    if not newest:
        parts.empty(f"no message of {domain.title} was refused.", f"polyscore stream {domain.name}", "polyscore monitor", "polyscore sink")
        return
    parts.as_of(newest)
    counts = shared(letter_queries.by_code, engine, domain.name)
    per_minute = letter_queries.count(engine, domain.name, after_us=parts.now_us() - 60_000_000)
    parts.tiles({"in the last minute": parts.counted(per_minute), **{code: parts.counted(n) for code, n in counts.items()}})
    new = _since(engine)
    # Always a button: one that came and went would push the list about under the hand.
    label = f"{parts.counted(new)} new, show them" if new else "The list shows the newest"
    if st.button(label, key="refresh", icon=":material/refresh:", disabled=not new):
        st.session_state.pop(_LIST, None)
        st.rerun()


def _since(engine: Engine) -> int:
    """How many letters have come that the list would show, had it been made now."""
    kept: tuple[tuple[str, str], Sequence[Any]] | None = st.session_state.get(_LIST)
    if kept is None:
        return 0
    return letter_queries.count(engine, *_asked(*kept[0]), after_us=max((row.failed_us for row in kept[1]), default=0))


def desk(engine: Engine, domain: Domain) -> None:
    """The list and the open letter, which is this domain's. They stand still: what comes meanwhile is only counted."""
    parts.forget_of_another(domain, _OPEN)
    found = _filtered(engine, domain)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        _table(found)
        st.text_input("The open letter: topic/partition/offset", key=_OPEN, bind="query-params")
    with right:
        _opened(engine, st.session_state[_OPEN].strip())


def _filtered(engine: Engine, domain: Domain) -> Sequence[Any]:
    codes = shared(letter_queries.by_code, engine, domain.name)
    nobodys = [NOBODYS] if letter_queries.newest_us(engine, "") else []
    if not codes and not nobodys:
        st.session_state[_NONE] = True
        return []
    code = st.selectbox("Code", [EVERY, *codes, *nobodys], key="code", bind="query-params", width=320)
    wanted = (domain.name, code)
    kept = st.session_state.get(_LIST)
    if not kept or kept[0] != wanted:
        st.session_state[_LIST] = kept = (wanted, letter_queries.newest(engine, *_asked(*wanted)))
    rows: Sequence[Any] = kept[1]
    return rows


def _asked(domain: str, code: str) -> tuple[str, str]:
    """The domain and the code that the database is asked for; empty: none, and all of them."""
    return ("", "") if code == NOBODYS else (domain, "" if code == EVERY else code)


def _table(found: Sequence[Any]) -> None:
    if not found:
        return
    data = pd.DataFrame({
        "failed": [parts.moment(row.failed_us) for row in found],
        "code": [parts.shown(row.code) for row in found],
        "reason": [parts.shown(row.reason) for row in found],
        "from": [f"{row.source_topic}/{row.source_partition}/{row.source_offset}" for row in found],
    })  # fmt: skip
    config = {"failed": st.column_config.DatetimeColumn(format="D MMM HH:mm:ss", width=110), "reason": st.column_config.Column(width=330)}
    key = f"letters {found[0].failed_us} {len(found)} {found[0].offset}"

    def choose() -> None:
        if chosen := st.session_state[key]["selection"]["rows"]:
            st.session_state[_OPEN] = place(found[chosen[0]])

    st.dataframe(
        data, hide_index=True, height=420, key=key, on_select=choose, selection_mode="single-row", column_config=config, width="stretch"
    )
    st.caption(f"the newest {len(found):,}, newest first; select one to open it")


def _opened(engine: Engine, wanted: str) -> None:
    if not wanted:
        st.info("Select a letter: its message, and the means to send it again, are shown here.")
        return
    at = placed(wanted)
    letter = letter_queries.letter(engine, *at) if at else None
    if letter is None:
        st.warning(f"No letter stands at {parts.plain(wanted)}: a place is the letter's topic/partition/offset.")
        return
    _message(letter)
    parts.live(lambda engine: letter_form.history(engine, letter))
    letter_form.form(engine, letter)


def _message(letter: Any) -> None:
    st.markdown(f":material/drafts: **{parts.plain(letter.code)}**: {parts.plain(letter.reason)}")
    at = parts.moment(letter.failed_us)
    came = f"{letter.source_topic}, partition {letter.source_partition}, offset {letter.source_offset}"
    st.caption(f"failed {at:%d %B %Y %H:%M:%S} UTC; it came from {came}; {len(letter.original):,} bytes")
    seen = letter_text.shown(letter.original)
    st.code(seen.text or "(empty)", language=seen.language, height=240)
