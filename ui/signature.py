"""One live event scored by every format, side by side with the difference. It stands still until the next one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from apps.database import explain
from apps.errors import DatabaseError
from domain.cards import masked
from domain.contract import Domain
from exports.formats import FORMATS
from ui import gone_over, parts, queries

if TYPE_CHECKING:
    from models.explanation import Answer, Explanation

YARDSTICK = "native"  # LightGBM's own text, scored by its own C API
_HELD, _WANTED, _SAID = "event by every format", "decision", "no next event"


class _Held(NamedTuple):
    """The decision that this viewer's formats were asked about last, what came of it, and when."""

    domain: str
    decision: Any
    found: Explanation | str
    at: datetime


def panel(domain: Domain) -> None:
    """The choice of an event, and what every format says of it."""
    st.markdown("**One live event by every format**")
    try:
        parts.database()
    except DatabaseError as error:
        st.caption(f":material/info: no event can be scored here: {parts.plain(str(error))}")
        return
    parts.once(lambda engine: _panel(engine, domain))


def _panel(engine: Engine, domain: Domain) -> None:
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    left.text_input("A decision's id", key=_WANTED, bind="query-params", placeholder="the newest, by the button", max_chars=200)
    slow = "the first time takes some seconds: LightGBM and every format are loaded"
    right.button("Next event", icon=":material/skip_next:", on_click=_next, args=(engine, domain), help=slow, width="stretch")
    held = _wanted(engine, domain, st.session_state[_WANTED].strip())
    if said := st.session_state.pop(_SAID, ""):
        st.info(said)
    if held is not None:
        _show(domain, held)
    else:
        st.caption(
            "“Next event” scores the newest decision's features anew by every format of the bundle that made it; it stays until then."
        )


def _wanted(engine: Engine, domain: Domain, wanted: str) -> _Held | None:
    """What is held, unless the address names another decision: then that one."""
    held: _Held | None = st.session_state.get(_HELD)
    if held is not None and (held.domain != domain.name or (wanted and held.decision.decision_id != wanted)):
        held = None
    if held is None and wanted:
        decision = queries.decision(engine, domain.name, wanted)
        if decision is not None:
            return _hold(domain, decision)
        st.session_state[_SAID] = f"No decision {parts.plain(wanted)} of {domain.title} is in the database: `polyscore sink` fills it."
    return held


def _next(engine: Engine, domain: Domain) -> None:
    try:
        decision, held = queries.newest_decision(engine, domain.name), st.session_state.get(_HELD)
    except DBAPIError as error:  # a press is answered outside the page's own frame
        st.session_state[_SAID] = parts.plain(str(explain(error, engine)))
        return
    if decision is None:
        commands = f"`polyscore stream {domain.name}`, `{parts.source(domain)}`, `polyscore sink`"
        st.session_state[_SAID] = f"No event has been decided yet; these bring some: {commands}"
        return
    if held is not None and (held.domain, held.decision.decision_id) == (domain.name, decision.decision_id):
        st.session_state[_SAID] = "No newer event has been decided since."
    shared = masked(decision.decision_id) == decision.decision_id  # an id that holds a card number stands in no address
    st.session_state[_WANTED] = decision.decision_id if shared else ""
    _hold(domain, decision)


def _hold(domain: Domain, decision: Any) -> _Held:
    held = _Held(domain.name, decision, gone_over.score_again(domain, decision), datetime.now(UTC))
    st.session_state[_HELD] = held
    return held


def _show(domain: Domain, held: _Held) -> None:
    decision, found = held.decision, held.found
    parts.as_of(decision.decided_us)
    st.markdown(
        f"{parts.plain(decision.decision_id)} of {domain.key_name} {parts.plain(decision.key)}: **{parts.plain(decision.action)}**, "
        f"decided by model {parts.plain(decision.model_version)} as {parts.plain(decision.format)}; "
        f"its {len(decision.features)} features scored again at {held.at:%H:%M:%S} UTC"
    )
    if isinstance(found, str):
        st.warning(f"It cannot be scored again: {parts.plain(found)}")
        return
    _verdict(found)
    said = "value" if domain.objective == "regression" else "probability"
    st.dataframe(pd.DataFrame([_cells(a, found, said) for a in found.answers]), hide_index=True, width="stretch", column_config={
        "one row took": st.column_config.NumberColumn(format="%.1f µs"),
    })  # fmt: skip
    for answer in found.answers:
        if answer.refused:
            st.caption(f":material/block: {answer.format} says nothing: {parts.plain(answer.refused)}")
    if len(decision.raw) > 1:
        st.caption(
            f"a model of {len(decision.raw)} outputs: shown is output {found.output}, the one that was judged; differences are of all"
        )


def _verdict(found: Explanation) -> None:
    apart = [distance(a, found) for a in found.answers if not a.refused]
    if found.agreed and not any(apart):
        st.success(f"All {len(apart)} formats that answered give one raw score, to the last bit.", icon=":material/check_circle:")
    else:
        st.error("The formats do not all give the decision's raw score.", icon=":material/error:")


def _cells(answer: Answer, found: Explanation, said: str) -> dict[str, object]:
    """A format's line: its raw score as people and as machines write it, beside LightGBM's."""
    fixed = {"format": answer.format, "what it is": FORMATS[answer.format].description}
    if answer.refused:
        return {**fixed, "raw score": "", "as hex": "", "from LightGBM": "says nothing", said: None, "one row took": None}
    raw, place = answer.raw[found.output], min(found.output, len(answer.values) - 1)
    return {
        **fixed,
        "raw score": repr(raw),
        "as hex": raw.hex(),
        "from LightGBM": _apart(distance(answer, found)),
        said: repr(answer.values[place]),
        "one row took": answer.row_us,
    }


def _apart(ulps: float | None) -> str:
    return "not known: LightGBM says nothing" if ulps is None else f"{ulps:,.0f} ulp"


def distance(answer: Answer, found: Explanation) -> float | None:
    """The largest distance of a raw score from LightGBM's, in units in the last place; None where LightGBM says nothing."""
    yardstick = next((a for a in found.answers if a.format == YARDSTICK and not a.refused), None)
    return None if yardstick is None else _ulps(answer.raw, yardstick.raw)


def _ulps(a: Sequence[float], b: Sequence[float]) -> float:
    from exports.parity import ulps  # noqa: PLC0415  # with the formats, whose loading would hold up the page's first visitor

    return float(ulps(np.asarray(a), np.asarray(b)).max()) if len(a) == len(b) else float("inf")
