"""One decision in detail, for an alert or by its id: what was decided, why in words, and what its customer did before."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from apps.tables import KEPT_DAYS
from domain.cards import masked
from domain.contract import Domain
from domain.registry import DOMAINS
from ui import charts, gone_over, parts, queries


def detail(engine: Engine, domain: Domain, shown: Any) -> None:
    """``shown``: an alert's row or a decision's."""
    heading(domain, shown)
    body(engine, domain, shown)


def body(engine: Engine, domain: Domain, shown: Any) -> None:
    """What is below the heading: its numbers, its maker, and what came before."""
    found = queries.decision(engine, domain.name, shown.decision_id)
    if found is None:
        st.caption(f"its decision is not in the database: not yet, or no more, as decisions are kept for {KEPT_DAYS} days")
        return
    _numbers(domain, found)
    gone_over.panel(engine, domain, found)
    _history(engine, domain, found)


def heading(domain: Domain, shown: Any) -> None:
    """Action, id, key and context, and the reasons in words."""
    context = " · ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.context.items() if value is not None)
    st.html(
        f"<div style='font-size:1.25rem'><b style='color:{parts.colour(domain, shown.action)}'>{escape(shown.action)}</b> "
        f"&nbsp;{escape(masked(shown.decision_id))} "
        f"<span style='opacity:.65'>of {domain.key_name} {escape(masked(shown.key))}</span></div>"
        f"<div style='opacity:.8'>{escape(masked(context))}</div>"
    )
    none = "No feature pushed the score up." if getattr(shown, "alert", True) else "Reasons are written for alerts alone."
    st.markdown("\n".join(f"{i}. {parts.plain(reason)}" for i, reason in enumerate(shown.reasons, 1)) or none)


def _numbers(domain: Domain, found: Any) -> None:
    took = None if found.source_us is None else (found.decided_us - found.source_us) / 1000
    values = {
        "score": f"{found.score:.4f}",
        "threshold": f"{found.threshold:.4f}",
        "decided after": parts.milliseconds(took),
        "happened": f"{found.event_time:%d %b %H:%M}",
    }
    parts.tiles(values)
    threshold = "" if domain.name in DOMAINS.own else "; the threshold is the score at which another action would have cost less"
    st.caption(f"model {parts.plain(found.model_version)} as {parts.plain(found.format)}{threshold}")


def _history(engine: Engine, domain: Domain, found: Any) -> None:
    recent = queries.recent_decisions(engine, found)
    st.markdown(f"**The {domain.key_name}'s last {len(recent)} {domain.events_name}**")
    chart = charts.history(recent, domain, found.decision_id)
    st.altair_chart(chart, width="stretch", alt=f"the {domain.key_name}'s decisions over time")
    with st.expander("As a table, and every feature of this one"):
        st.dataframe(_recent(domain, recent), hide_index=True, height=220)
        features = {f.name: parts.shown(value) for f, value in zip(domain.schema.features, found.features, strict=False)}
        st.dataframe(pd.DataFrame({"feature": list(features), "value": list(features.values())}), hide_index=True, height=260)


def _recent(domain: Domain, rows: Sequence[Any]) -> pd.DataFrame:
    fixed = {"happened": [r.event_time for r in rows], "action": [r.action for r in rows], "score": [r.score for r in rows]}
    return pd.DataFrame({**fixed, **context(domain, rows)})


def context(domain: Domain, rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Columns of what is looked at first."""
    return {name.replace("_", " "): [parts.shown(r.context.get(name)) for r in rows] for name in domain.shown}
