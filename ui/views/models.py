"""The models: who decides, how good each is on live labels, what drifts, who challenges, what the loop did; and each one's own report."""

from __future__ import annotations

import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import contest_panel, drift_panel, model_panels, model_report, parts, queries
from ui import model_queries as asked
from ui.asking import shared


def draw(engine: Engine, domain: Domain) -> None:
    found = shared(queries.models, engine, domain.name)
    if not found:
        parts.empty("no model has been announced.", f"polyscore train {domain.name}", "polyscore sink")
        parts.again()
        return
    versions = [row.version for row in found]
    parts.live(lambda fresh: _work(fresh, domain, versions[0]))
    st.divider()
    chosen = st.selectbox("One version's own report", versions, key="model version", width=420)
    row = shared(queries.model, engine, domain.name, chosen if chosen in versions else versions[0])
    model_report.show(row.manifest, row.report)


def _work(engine: Engine, domain: Domain, newest: str) -> None:
    """What moves: who decides, how well, and what the loop does. A version after the ``newest`` that the page began with begins it anew."""
    found = shared(queries.models, engine, domain.name)
    if not found or found[0].version != newest:
        st.rerun()
    parts.as_of(round(found[0].created.timestamp() * 1e6))
    standing, headline = shared(asked.standing, engine, domain.name), asked.headline(engine, domain)
    model_panels.at_work(domain, standing, found[0].version)
    model_panels.versions(domain, shared(asked.versions, engine, domain.name, headline.name), standing, headline)
    left, right = st.columns(2, gap="medium")
    with left:
        model_panels.quality(shared(asked.quality, engine, domain.name, headline.name), standing, headline)
    with right:
        drift_panel.show(engine, domain, standing)
    left, right = st.columns(2, gap="medium")
    with left:
        contest_panel.show(engine, domain, standing)
    with right:
        model_panels.history(domain, shared(asked.events, engine, domain.name))


parts.desk("Models", draw)
