"""The formats compared: one live event scored by each, side by side; and what each costs, drawn from what `make bench` wrote."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from apps.settings import Settings
from domain.contract import Domain
from ui import comparison, parts, signature
from ui import format_charts as charts
from ui.charts import Chart

NUMBERS = {"one_us": "%.1f", "p99_us": "%.1f", "one_ratio": "%.2f", "many_us": "%.2f", "many_ratio": "%.2f",
           "cold_s": "%.2f", "reading_s": "%.3f", "memory_mb": "%.0f", "kb": "%.0f"}  # fmt: skip


def draw(domain: Domain) -> None:
    signature.panel(domain)
    st.divider()
    _measured(domain)


def _measured(domain: Domain) -> None:
    settings = Settings()
    try:
        found = comparison.read(settings.comparison)
    except comparison.UnreadableError as error:
        parts.empty(str(error), "make bench", by_itself=False)
        found = None
    else:
        if found is None:
            missing = f"the formats have not been compared on this machine: there is no {settings.comparison}."
            parts.empty(missing, "make bench", by_itself=False)
    if found is not None:
        _compared(found)
    _proven(comparison.proven(settings.bundles / domain.name))


def _compared(found: dict[str, Any]) -> None:
    parts.as_of(round(datetime.fromisoformat(found["measured"]).timestamp() * 1e6))
    names = [case["name"] for case in found["cases"]]
    first = next((i for i, case in enumerate(found["cases"]) if case["size"] == "200 x 31"), 0)
    chosen = st.selectbox("Model: objective, trees x leaves", names, index=first, key="case", width=420)
    rows, yardstick = comparison.here(found, chosen), found["yardstick"]
    streamed = charts.stream(found["stream"]) if found["stream"] else None
    _row({"One row, p50": charts.ratio(rows, "one", yardstick), "10,000 rows": charts.ratio(rows, "ten_thousand", yardstick)})
    _row({"To load": charts.loading(rows), "In the stream, with the fraud model": streamed})
    st.dataframe(pd.DataFrame(map(comparison.cells, rows)), hide_index=True, column_config={
        name: st.column_config.NumberColumn(format=number) for name, number in NUMBERS.items()
    })  # fmt: skip
    machine = found["machine"]
    st.caption(
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}; ratios are to LightGBM's {yardstick}, in turn"
    )


def _row(drawn: dict[str, Chart | None]) -> None:
    for column, (title, chart) in zip(st.columns(len(drawn), gap="medium"), drawn.items(), strict=True):
        column.markdown(f"**{title}**")
        if chart is None:
            column.caption("not measured")
        else:
            column.altair_chart(chart, width="stretch", alt=title)


def _proven(found: tuple[str, list[dict[str, Any]]] | None) -> None:
    if found is None:
        return
    version, comparisons = found
    st.markdown(f"**Proven of the newest bundle**, {version}: every answer compared with LightGBM's before it was let out")
    kept = ("name", "outcome", "rows", "equal", "value_ulps", "reason")
    st.dataframe(pd.DataFrame([{name.replace("_", " "): c[name] for name in kept} for c in comparisons]), hide_index=True)


parts.still("Formats", draw)
