"""What an analyst does with the open alert: looked at against the database, sent to Kafka by ``apps.reviews``, waited for."""

from __future__ import annotations

import time
from typing import Any, Literal, NamedTuple

import streamlit as st
from pydantic import ValidationError
from sqlalchemy import Engine

from apps import reviews
from apps.errors import BrokerError
from apps.reviewed import state_of
from apps.settings import Settings
from domain.contract import Closing, Domain
from models.reviews import DONE, What, said
from ui import alert_queries, alert_queue, parts

WITHIN_S = 15.0  # that an act may take to come back through Kafka and the sink
_LOOK_EVERY_S = 0.1
_TOLD = "alert told"
OPENED = "alert opened"


class Told(NamedTuple):
    """What became of the viewer's last act."""

    domain: str
    decision_id: str
    kind: Literal["success", "warning", "error"]
    text: str


def analyst() -> str:
    """The viewer's name, asked for once. It is in no address: who opens a shared link is somebody else."""
    first = Settings().analyst
    name = st.sidebar.text_input("Your name", value=first, key="analyst", persist_state="session", max_chars=64, placeholder="who reviews?")
    return (name or "").strip()


def do(engine: Engine, domain: Domain, alert: Any, who: str, what: What, *, closing: Closing | None = None, note: str = "") -> None:
    """Do it with the alert as the viewer opened it, remember what became of it, and draw the page again."""
    kind, text = _tried(engine, domain, alert, who, what, closing, note)
    st.session_state[_TOLD] = Told(domain.name, alert.decision_id, kind, text)
    if kind == "success" and (now := alert_queries.one(engine, domain.name, alert.decision_id)):
        st.session_state[OPENED] = now
        alert_queue.put(now)
    st.rerun()


def tell(domain: Domain, alert: Any) -> None:
    """What became of the viewer's last act, beside the alert that it was about."""
    told: Told | None = st.session_state.get(_TOLD)
    if told and (told.domain, told.decision_id) == (domain.name, alert.decision_id):
        {"success": st.success, "warning": st.warning, "error": st.error}[told.kind](told.text)


def _tried(  # noqa: PLR0917  # of one caller
    engine: Engine, domain: Domain, alert: Any, who: str, what: What, closing: Closing | None, note: str
) -> tuple[Literal["success", "warning", "error"], str]:
    name = parts.plain(alert.decision_id)
    if not who:
        return "warning", "Write your name at the side first: what is done with an alert is done by somebody."
    now = alert_queries.one(engine, domain.name, alert.decision_id)
    if now is None or now.version != alert.version:
        return "warning", _first(name, said(state_of(now)) if now else "gone from the database")
    try:
        act = reviews.act(domain, alert, who, what, parts.now_us(), closing=closing, note=note)
        reviews.publish(Settings(), act)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return "error", parts.plain(f"Not done: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    except BrokerError as error:
        return "error", f"Not done: {parts.plain(str(error))}"
    return _waited(engine, domain, act.act_id, name, what)


def _waited(engine: Engine, domain: Domain, act_id: str, name: str, what: What) -> tuple[Literal["success", "warning"], str]:
    give_up = time.monotonic() + WITHIN_S
    while True:
        back = alert_queries.act(engine, domain.name, act_id)
        if back is not None:
            return ("success", f"Accepted: {name} is {DONE[what]}.") if back.accepted else ("warning", _first(name, back.refusal))
        if time.monotonic() >= give_up:
            return "warning", f"Not back yet: Kafka has it, and {name} shows it once `polyscore sink` has read it."
        time.sleep(_LOOK_EVERY_S)  # until another process has written it


def _first(name: str, who: str) -> str:
    return f"Not done, nothing was overwritten: {name} was {parts.plain(who)}, since you opened it."
