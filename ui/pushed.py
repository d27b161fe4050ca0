"""What pushed an alert's score, as a small chart: by the bundle that decided, where it is on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import charts, gone_over, parts, queries

if TYPE_CHECKING:
    from models.explanation import Part

_KEPT = "alert pushes"


def chart(engine: Engine, domain: Domain, alert: Any) -> None:
    """Drawn once an alert; it is computed after all else is on the page, as a model of many outputs takes half a second the first time."""
    place = (domain.name, alert.decision_id, alert.decided_us)
    kept: tuple[Any, Any] | None = st.session_state.get(_KEPT)
    if kept is None or kept[0] != place or isinstance(kept[1], str):  # why there is none is asked again: it may have come
        decision = queries.decision(engine, domain.name, alert.decision_id)
        kept = st.session_state[_KEPT] = (place, _parts(domain, decision) if decision is not None else "its decision is not here")
    if isinstance(kept[1], str):
        st.caption(f"what pushed the score is not drawn: {parts.plain(kept[1])}")
    else:
        st.altair_chart(charts.pushes(kept[1]), width="stretch", alt="what each feature added to the raw score")


def _parts(domain: Domain, decision: Any) -> tuple[Part, ...] | str:
    from models.explanation import pushes  # noqa: PLC0415  # with every format: it would hold up the page's first visitor

    return gone_over.by_its_bundle(domain, decision, pushes, f"its model {decision.model_version} is not on this machine")
