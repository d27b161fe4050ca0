"""The open alert: what it is, who has it, what to do with it, and what is like it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from apps.reviewed import state_of
from domain.cards import masked
from domain.contract import Closing, Domain
from models.reviews import said
from ui import alert_acts, alert_queries, alert_table, decided, parts, pushed

# A text is sent when it loses the focus, which a press on a table (Streamlit 1.67) does not take from it.
_SENT_AT_ONCE = """<script>
window.polyscoreTexts ??= document.addEventListener("pointerdown", (event) => {
  const written = document.activeElement;
  if (written?.tagName === "TEXTAREA" && written !== event.target) written.blur();
}, true) ?? true;
</script>"""


def show(engine: Engine, domain: Domain, alert: Any, who: str) -> None:
    """``alert``: its row as the viewer opened it, whose version every act here names."""
    decided.heading(domain, alert)
    alert_acts.tell(domain, alert)
    _what_to_do(engine, domain, alert, who)
    # What appears by itself stands below what is pressed, and moves nothing under the hand.
    parts.live(lambda fresh: _changed(fresh, domain, alert))
    drawn_last = st.empty()
    _acts(engine, domain, alert)
    decided.body(engine, domain, alert)
    _similar(engine, domain, alert)
    with drawn_last.container():
        pushed.chart(engine, domain, alert)


def _changed(engine: Engine, domain: Domain, alert: Any) -> None:
    now = alert_queries.one(engine, domain.name, alert.decision_id)
    if now is not None and now.version != alert.version:
        st.warning(f"Since you opened it this alert was {parts.plain(said(state_of(now)))}.", icon=":material/person_alert:")
        if st.button("Look at it again", key="look again"):
            st.session_state.pop(alert_acts.OPENED, None)
            st.rerun()


def _what_to_do(engine: Engine, domain: Domain, alert: Any, who: str) -> None:
    name = parts.plain(alert.decision_id)
    st.markdown(f"**{alert.status}**: {parts.plain(said(state_of(alert)))}")
    if alert.note:
        st.text(masked(alert.note))
    if not who:
        st.info("Write your name at the side to work on alerts.")
    if alert.status == "new" and st.button(f"Claim {name}", type="primary"):
        alert_acts.do(engine, domain, alert, who, "claim")
    if alert.status == "in review":
        if alert.analyst == who:
            _closing(engine, domain, alert, who)
        else:
            st.caption(f"{parts.plain(alert.analyst)} has it; only who has claimed an alert closes it.")
        if st.button(f"Release {name}", help="gives it back to the queue"):
            alert_acts.do(engine, domain, alert, who, "release")
    if alert.status == "closed":
        for draft in _drafts(domain, alert):
            st.session_state.pop(draft, None)
        if st.button(f"Reopen {name}"):
            alert_acts.do(engine, domain, alert, who, "reopen")


def _closing(engine: Engine, domain: Domain, alert: Any, who: str) -> None:
    # No form, which would keep what is written to itself until it is sent: other alerts are looked at meanwhile.
    with st.container(border=True):
        reason, written = _drafts(domain, alert)
        closing = st.selectbox(
            "What is it?", domain.closings, None, _in_words, key=reason, persist_state="session", placeholder="choose a reason"
        )
        note = st.text_area(
            "Note", key=written, persist_state="session", max_chars=2_000, height=80, placeholder="for whoever looks at it next"
        )
        st.html(_SENT_AT_ONCE, unsafe_allow_javascript=True)
        sent = st.button(f"Close {parts.plain(alert.decision_id)}", type="primary")
    if sent and closing is None:
        st.warning("Choose a reason: an alert is closed for one.")
    elif sent:
        alert_acts.do(engine, domain, alert, who, "close", closing=closing, note=note.strip())


def _drafts(domain: Domain, alert: Any) -> tuple[str, str]:
    """Where the reason and the note of an alert are kept while they are written: what is typed for one is not another's."""
    own = f"{domain.name} {masked(alert.decision_id)} {alert.decided_us}"
    return f"closing {own}", f"note {own}"


def _in_words(closing: Closing) -> str:
    return f"{closing.verdict}: {closing.reason}" if closing.verdict else closing.reason


def _acts(engine: Engine, domain: Domain, alert: Any) -> None:
    found = alert_queries.acts(engine, domain.name, alert.decision_id)
    if not found:
        return
    most = ", the newest" if len(found) == alert_queries.MOST_ACTS else ""
    with st.expander(f"What was done with it: {len(found)}{most}"):
        st.dataframe(pd.DataFrame({
            "when": [parts.moment(act.at_us) for act in found],
            "who": [parts.shown(act.analyst) for act in found],
            "act": [act.what for act in found],
            "came to": ["accepted" if act.accepted else f"refused: it was {act.refusal}" for act in found],
            "as": [parts.shown(": ".join(word for word in (act.verdict, act.reason) if word)) for act in found],
            "note": [parts.shown(act.note) for act in found],
        }), hide_index=True, column_config={"when": st.column_config.DatetimeColumn(format="DD MMM HH:mm:ss")})  # fmt: skip


def _similar(engine: Engine, domain: Domain, alert: Any) -> None:
    alike = {f"same {domain.key_name}": alert_queries.same_key(engine, alert), "same reason": alert_queries.same_reason(engine, alert)}
    rows = {row.decision_id: (row, why) for why, found in reversed(alike.items()) for row in found}
    st.markdown("**Similar alerts**, the newest")
    if not rows:
        st.caption(f"no other of this {domain.key_name}, or with this action and first reason")
        return
    alert_table.shown(domain, [row for row, _ in rows.values()], "similar pressed", {"alike": [why for _, why in rows.values()]})
