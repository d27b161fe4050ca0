"""Where every key stands now: the fleet by the life that is left, the shoppers by what they may buy, the customers by their risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain, Severity
from ui import parts, queries
from ui.asking import shared
from ui.theme import MARKS


def _newest(engine: Engine, domain: str, lowest_first: bool) -> Sequence[Any]:
    return queries.newest_by_key(engine, domain, lowest_first=lowest_first)


def draw(engine: Engine, domain: Domain) -> None:
    found = shared(_newest, engine, domain.name, domain.alerts_when_low)
    if not found:
        parts.empty(
            f"nothing has been decided of any {domain.key_name}.",
            f"polyscore stream {domain.name}",
            parts.source(domain),
            "polyscore sink",
        )
        return
    rows, more = _cut(found)
    parts.as_of(max(r.decided_us for r in rows))
    counts = {name: sum(r.action == name for r in rows) for name in domain.actions}
    parts.tiles({f"{domain.key_name}s": f"{len(rows):,}{'+' * more}", **{name: f"{count:,}" for name, count in counts.items()}})
    data = pd.DataFrame({
        domain.key_name: [parts.shown(r.key) for r in rows],
        "now": [f"{_mark(domain.actions.get(r.action))} {r.action}" for r in rows],
        "score": [r.score for r in rows],
        "tips at": [r.threshold for r in rows],
        **{name.replace("_", " "): [parts.shown(r.context.get(name)) for r in rows] for name in domain.shown},
        "happened": [r.event_time for r in rows],
    })  # fmt: skip
    number = st.column_config.NumberColumn(format="%.3f")
    highest = max(1.0, float(data["score"].max()))
    bar = st.column_config.ProgressColumn(format="%.2f", min_value=min(0.0, float(data["score"].min())), max_value=highest)
    st.dataframe(data, hide_index=True, height=620, column_config={"score": bar, "tips at": number})
    order = "lowest" if domain.alerts_when_low else "highest"
    first = f"; of the first {len(rows):,} by name: there are more" if more else ""
    st.caption(f"the newest decision of each {domain.key_name}, the {order} score first{first}")


def _cut(found: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    """As many as are shown, and whether there are more."""
    if len(found) <= queries.MOST_KEYS:
        return found, False
    last = max(row.key for row in found)
    return [row for row in found if row.key != last], True


def _mark(severity: Severity | None) -> str:
    return MARKS[severity] if severity else ""


parts.page("Now", draw)
