"""Whether the champion is asked what it learned from: the open alarm in words, and every feature and output against its limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import model_queries as asked
from ui import parts


def show(engine: Engine, domain: Domain, standing: Any | None) -> None:
    st.markdown("**Drift** of what the champion is asked, against what it learned from")
    if standing is None:
        st.caption("there is no champion yet")
        return
    _alarm(asked.alarm(engine, domain.name, standing.champion))
    found = asked.drift(engine, domain.name, standing.champion)
    if found:
        _table(found)
        return
    days = f", and its longest windows take {domain.settling.days} days more to fill" if domain.settling.days else ""
    parts.empty(f"no week of {standing.champion} has been measured: that takes whole days of event time{days}.", "polyscore quality")


def _alarm(said: Any | None) -> None:
    if said is not None and said.what == "drift":
        st.error(f"Open alarm, told {parts.moment(said.at_us):%d %b %Y %H:%M} UTC. {parts.plain(said.text)}", icon=":material/warning:")
    elif said is not None:
        st.caption(f"no alarm is open: {parts.plain(said.text)}")
    else:
        st.caption("no alarm is open; there never was one of this version")


def _table(found: Sequence[Any]) -> None:
    beyond = sum(row.psi > row.limit for row in found)
    st.caption(
        f"data as of the week up to {parts.moment(found[0].end_us):%d %B %Y} of event time: {found[0].rows:,} decisions; "
        f"{beyond} of {len(found)} beyond their limits"
    )
    data = pd.DataFrame([
        {
            "feature or output": row.name,
            "is": "\u25cf beyond" if row.psi > row.limit else "\u25cb within",
            "PSI": row.psi,
            "limit": row.limit,
            "of the limit": row.psi / row.limit,
            "missing": row.missing,
            "unseen": row.unseen,
        }
        for row in found
    ])  # fmt: skip
    number = st.column_config.NumberColumn(format="%.3f")
    percent = st.column_config.NumberColumn(format="percent")
    help_psi = "population stability index: 0 where the week is distributed as what the model learned from"
    st.dataframe(data, hide_index=True, height=330, column_config={
        "PSI": st.column_config.NumberColumn(format="%.3f", help=help_psi),
        "limit": number,
        **dict.fromkeys(("of the limit", "missing", "unseen"), percent),
    })  # fmt: skip
