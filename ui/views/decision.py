"""Any one decision by its id, also from a link (``?decision=ID``): what was decided and why, and its score by every format now."""

from __future__ import annotations

import streamlit as st
from sqlalchemy import Engine

from domain.registry import DOMAINS
from ui import decided, parts, queries


def draw(engine: Engine) -> None:
    wanted = st.text_input("The decision's id", key="decision", bind="query-params", width=420).strip()
    if not wanted:
        st.info("Write the id of a decision: the page *Alerts* shows them, and `polyscore decisions DOMAIN` lists all.")
        return
    found = [(domain, row) for domain in DOMAINS.values() if (row := queries.decision(engine, domain.name, wanted))]
    if not found:
        parts.empty(f"no decision {parts.plain(wanted)} is in the database.", "polyscore sink", "polyscore decisions fraud")
    for domain, row in found:
        st.markdown(f"**{domain.title}**")
        parts.as_of(row.decided_us)
        decided.detail(engine, domain, row)


parts.over_all("Decision", draw)
