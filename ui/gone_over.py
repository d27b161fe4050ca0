"""A decision gone over again, on a button: its features scored now by every format of the bundle that made it, and the parts of the score.

The bundle is read anew each time, every file's hash with it (20 ms): what was read an hour ago would say nothing of the files of now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from apps.errors import AppError
from apps.settings import Settings
from domain.cards import masked
from domain.contract import Domain
from models.errors import ModelError
from ui import charts, parts, queries

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.explanation import Answer, Explanation

T = TypeVar("T")
_KEPT = "gone over"
SHOWN = 3  # outputs of a raw score; a shopper's has one a product group


class Held(NamedTuple):
    """The decision that this viewer went over last, what came of it (a sentence: why nothing did), and when."""

    domain: str
    decision_id: str
    decided_us: int
    found: Explanation | str
    at: datetime


def panel(engine: Engine, domain: Domain, decision: Any) -> None:
    """Who made the decision, what was done, and the button; behind it what every format says."""
    _maker(engine, domain, decision)
    left, right = st.columns([3, 2])
    name = f"again {domain.name} {decision.decision_id}"
    slow = "the first time takes some seconds: LightGBM and every format are loaded"
    left.button("Score it again by every format", on_click=_keep, args=(domain, decision), key=name, help=slow)
    if masked(decision.decision_id) == decision.decision_id:  # an id that holds a card number stands in no address
        right.page_link("views/decision.py", label="A link to this decision", query_params={"decision": decision.decision_id})
    kept: Held | None = st.session_state.get(_KEPT)
    if kept and (kept.domain, kept.decision_id, kept.decided_us) == (domain.name, decision.decision_id, decision.decided_us):
        _show(kept, decision)


def _maker(engine: Engine, domain: Domain, decision: Any) -> None:
    known = queries.steps(engine, domain.name, decision.model_version)
    done = f"done: **{parts.plain(decision.action)}**"
    if alerts := queries.alerts(engine, domain.name, [decision.decision_id]):
        done += f", and a person was called; the alert is {alerts[0].status}"
    st.markdown(f"{done}. {_in_words(decision, known) if known else 'The registry does not know the model that made it.'}")


def _in_words(decision: Any, known: Any) -> str:
    """Which stage the model had when it decided, by whom and why, and which it has now."""
    before = [step for step in known.steps if step["at_us"] <= decision.decided_us]
    then = before[-1] if before else known.steps[0]
    moved = f"Its model was {_step(then)}"
    return moved if then == known.steps[-1] else f"{moved}; it is {_step(known.steps[-1])} now"


def _step(step: dict[str, Any]) -> str:
    who = parts.plain(f"by {step['by']}: {step['why']}")
    return f"{step['stage']} since {parts.moment(step['at_us']):%d %b %Y %H:%M} UTC, {who}"


def _keep(domain: Domain, decision: Any) -> None:
    at = datetime.now(UTC)
    st.session_state[_KEPT] = Held(domain.name, decision.decision_id, decision.decided_us, score_again(domain, decision), at)


def score_again(domain: Domain, decision: Any) -> Explanation | str:
    """What every format of the bundle that made a decision says of its features now; a sentence where nothing can."""
    from models.explanation import go_over  # noqa: PLC0415  # with every format: it would hold up the page's first visitor

    folder = folder_of(domain, decision)
    absent = f"there is no {folder} on this machine, so nothing can score it again: copy that folder from where the model was trained"
    return by_its_bundle(domain, decision, go_over, absent)


def folder_of(domain: Domain, decision: Any) -> Path:
    """Where the bundle lies that made the decision."""
    return Settings().bundles / domain.name / str(decision.model_version)


def by_its_bundle(domain: Domain, decision: Any, ask: Callable[[Domain, Bundle, Any], T], absent: str) -> T | str:
    """What the bundle that made a decision says of it; a sentence where it is not here (``absent``), or cannot be asked."""
    from apps import loading  # noqa: PLC0415  # with every format, too

    folder = folder_of(domain, decision)
    if not folder.is_dir():
        return absent
    try:
        return ask(domain, loading.fitting(domain, folder), decision)
    except (ModelError, AppError) as error:
        return str(error)


def _show(kept: Held, decision: Any) -> None:
    found = kept.found
    if isinstance(found, str):
        st.warning(f"{parts.plain(kept.decision_id)} cannot be gone over: {parts.plain(found)}")
        return
    st.caption(f"{parts.plain(kept.decision_id)} scored again at {kept.at:%H:%M:%S} UTC, {kept.at:%d %B %Y}")
    if found.agreed:
        st.success("Every format that answered gives the decision's raw score in every bit.", icon=":material/check_circle:")
    else:
        st.error("Not every format gives the decision's raw score.", icon=":material/error:")
    st.dataframe(pd.DataFrame([cells(answer, decision.raw) for answer in found.answers]), hide_index=True)
    for answer in found.answers:
        if answer.refused:
            st.caption(f"{answer.format} says nothing: {parts.plain(answer.refused)}")
    st.markdown("**What pushed the score**, by LightGBM's contributions to the raw score")
    st.altair_chart(charts.pushes(found.parts), width="stretch", alt="the features with the largest part in the score")


def cells(answer: Answer, raw: Sequence[float]) -> dict[str, str]:
    """A format's line: its raw score beside the decision's."""
    said = ", ".join(map(repr, answer.raw[:SHOWN])) + (", ..." if len(answer.raw) > SHOWN else "")
    return {
        "format": answer.format,
        "raw score now": "" if answer.refused else said,
        "difference": "says nothing" if answer.refused else difference(answer, raw),
        "artifact's SHA-256": answer.sha256[:12],
    }


def difference(answer: Answer, raw: Sequence[float]) -> str:
    """How far from the decision's raw score; of several outputs, the largest."""
    if answer.equal:
        return "0, equal in every bit"
    if len(answer.raw) != len(raw):
        return f"{len(answer.raw)} outputs, the decision has {len(raw)}"
    return f"{max(abs(now - then) for now, then in zip(answer.raw, raw, strict=True)):.3g}, NOT EQUAL"
