"""A dead letter sent again: the form, what was sent before, and what became of it."""

from __future__ import annotations

from typing import Any

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from apps import resend
from apps.errors import AppError
from apps.letter import place
from apps.settings import Settings
from apps.tables import Resent
from domain.registry import DOMAINS
from ui import letter_queries, letter_text, parts, queries

_JUST, _SAID, _ME = "letters just sent", "said of a letter", "my name"
_LOST = "times of letters whose news was lost"


def history(engine: Engine, letter: Any) -> None:
    """Each time that it was sent again: by whom, when, where it landed, and what came of it."""
    told = letter_queries.sent(engine, letter)
    for row in told:
        st.markdown(f":material/forward_to_inbox: {_in_words(row)}: {_outcome(engine, row)}")
    newest = _just().get(place(letter))
    if newest is not None and newest.at_us not in {row.at_us for row in told}:
        lost = newest.at_us in st.session_state.get(_LOST, ())
        why = "Kafka did not take the news of it, so it stands here alone" if lost else "`polyscore sink` brings the news of it"
        st.markdown(f":material/hourglass_top: {_in_words(newest)}; the database has not heard of it: {why}")


def _in_words(row: Any) -> str:
    how = "corrected" if row.changed else "unchanged"
    at = f"{parts.moment(row.at_us):%d %b %Y %H:%M:%S} UTC"
    return f"sent again, {how}, by {parts.plain(row.by)} at {at}; it landed at {row.to_topic}/{row.to_partition}/{row.to_offset}"


def _outcome(engine: Engine, row: Any) -> str:
    if (back := letter_queries.came_back(engine, row)) is not None:
        return f"it came back as the letter {place(back)} ({parts.plain(back.code)})"
    if not row.event_id:
        return "nothing is known of it yet"
    event = parts.plain(row.event_id)
    domain = DOMAINS.get(row.domain)  # a table may be adopted no more
    if domain is not None and row.to_topic == domain.labels_topic:
        return f"it is a label of {event}, which decides nothing"
    decision = queries.decision(engine, row.domain, row.event_id)
    if decision is None:
        return f"no decision of {event} yet"
    before = "" if decision.decided_us >= row.at_us else ", before it was sent again"
    return f"**{parts.plain(decision.action)}** was decided of {event}{before}"


def form(engine: Engine, letter: Any) -> None:
    """The message to correct, who sends it, and the two ways to send it."""
    at = place(letter)
    if said := st.session_state.get(_SAID, {}).get(at):
        (st.success if said[0] else st.error)(said[1])
    if why := resend.refusal(letter):
        st.info(parts.plain(why[:1].upper() + why[1:]) + ".")
        return
    seen = letter_text.shown(letter.original)
    with st.form(f"send {at}", border=True):
        st.text_area("The message, to be corrected", seen.text, key=f"text {at}", height=200, disabled=not seen.whole)
        st.text_input(
            "Your name",
            st.session_state.get(_ME) or st.session_state.get("analyst", ""),
            key=f"by {at}",
            max_chars=resend.LONGEST_NAME,
            width=320,
        )
        if before := _times(engine, letter):
            st.checkbox(f"It was sent again before ({before}): send it once more", key=f"again {at}")
        left, right = st.columns(2)
        left.form_submit_button("Send the corrected message", on_click=_send, args=(letter, True), type="primary", disabled=not seen.whole)
        right.form_submit_button("Send it unchanged", on_click=_send, args=(letter, False), help="once the cause is mended elsewhere")
    if not seen.whole:
        st.caption("It is too long or is no text, so it can only be sent unchanged.")


def _times(engine: Engine, letter: Any) -> int:
    return max(len(letter_queries.sent(engine, letter)), int(place(letter) in _just()))


def _send(letter: Any, correct: bool) -> None:
    at, state = place(letter), st.session_state
    said = state.setdefault(_SAID, {})
    try:
        if _times(parts.database(), letter) and not state.get(f"again {at}"):
            said[at] = (False, "It was sent again before. If it should go once more, say so in the form.")
            return
        corrected = letter_text.corrected(state[f"text {at}"], letter.original) if correct else None
        told = resend.resend(Settings(), letter, state[f"by {at}"], corrected)
    except resend.UntoldError as error:  # it is on its way: the next press must ask
        said[at] = (False, parts.plain(str(error)))
        state.setdefault(_JUST, {})[at] = error.sent
        state.setdefault(_LOST, set()).add(error.sent.at_us)
        state.pop(f"again {at}", None)
        return
    except (AppError, DBAPIError, ValueError) as error:
        said[at] = (False, f"Not sent: {parts.plain(str(error))}")
        return
    state[_ME] = told.by
    state.setdefault(_JUST, {})[at] = told
    state.pop(f"again {at}", None)
    said[at] = (True, f"Sent to {told.to_topic}, partition {told.to_partition}, offset {told.to_offset}.")


def _just() -> dict[str, Resent]:
    """What this viewer sent: the database hears of it a moment later."""
    found: dict[str, Resent] = st.session_state.get(_JUST, {})
    return found
