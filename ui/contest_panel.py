"""The champion against each challenger on the events that both decided: how often they agree, what each would have done, its worth."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from ui import model_queries as asked
from ui import parts


def show(engine: Engine, domain: Domain, standing: Any | None) -> None:
    st.markdown("**Champion against challenger**, on the same events")
    found = asked.pairs(engine, domain.name, standing.champion) if standing else []
    if not found:
        parts.empty(
            "no challenger has decided what the champion decided.",
            f'polyscore models challenge {domain.name} VERSION --why "to compare"',
            f"polyscore shadow {domain.name}",
            "polyscore outcomes",
        )
    for pair in sorted(found, key=lambda pair: -pair.end_us):
        _pair(pair)


def _pair(pair: Any) -> None:
    parts.as_of(pair.end_us)
    st.markdown(
        f"{parts.plain(pair.challenger)}: **{pair.agreed / pair.both:.2%}** of {pair.both:,} decisions agree; "
        f"the scores are {pair.mean_difference:.4f} apart on average"
    )
    st.dataframe(pd.DataFrame(worth(pair)), hide_index=True)
    st.dataframe(pd.DataFrame(actions(pair)), hide_index=True, column_config={"share": st.column_config.NumberColumn(format="percent")})


def worth(pair: Any) -> list[dict[str, Any]]:
    """The ledgers' sums side by side; what one has not, counts as 0."""
    names = dict.fromkeys([*pair.champion_sums, *pair.challenger_sums])
    both = {name: (pair.champion_sums.get(name, 0.0), pair.challenger_sums.get(name, 0.0)) for name in names}
    return [{"sum": name, "champion": ours, "challenger": theirs, "difference": theirs - ours} for name, (ours, theirs) in both.items()]


def actions(pair: Any) -> list[dict[str, Any]]:
    """Who would have done what, the commonest first."""
    common = sorted(pair.actions.items(), key=lambda item: -item[1])
    return [
        {**dict(zip(("champion", "challenger"), name.split(" > "), strict=True)), "decisions": count, "share": count / pair.both}
        for name, count in common
    ]
