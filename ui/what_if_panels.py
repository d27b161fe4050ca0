"""Panels of the page What-if: the terms to move, what comes of them, one term's whole range, and their way to the scorers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st
from sqlalchemy import Engine

from apps.errors import AppError
from apps.settings import Settings
from domain.contract import Domain
from domain.terms import Term, TermsError, changed, in_full
from models.errors import ModelError
from ui import model_queries, parts, theme
from ui.charts import HEIGHT, INK, OTHER, action_colour

if TYPE_CHECKING:
    from models.what_if import Judgement, Labelled, Point

WAIT_S, LOOK_S = 15.0, 0.25  # for the standing to come back through the sink
_SAID = "what-if said"
_MARKED = ["in force", "chosen"]


def inputs(domain: Domain, in_force: Mapping[str, float]) -> dict[str, float]:
    """A slider for each term, kept in the address; it begins where the term stands now, and goes with it while it stands there."""
    now, found = in_full(domain.terms, in_force), {}
    _follow(domain, now)
    for column, term in zip(_columns(len(domain.terms)), domain.terms, strict=True):
        with column:
            value = st.slider(
                f"{term.name.replace('_', ' ')}, {term.unit}",
                float(term.low),
                float(term.high),
                now[term.name],
                float(term.step),
                help=f"{term.meaning} In force: {now[term.name]:g}; by default {term.default:g}.",
                format="%g",
                key=_slider(domain, term.name),
                bind="query-params",
            )
            found[term.name] = float(round(value)) if term.whole else value  # an address may hold any number
    return found


def _follow(domain: Domain, now: Mapping[str, float]) -> None:
    """What somebody else has changed meanwhile is not put back by whoever has not touched it."""
    key = f"{domain.name} terms followed"
    before: Mapping[str, float] = st.session_state.get(key, now)
    for name in now:
        if before[name] != now[name] and st.session_state.get(_slider(domain, name)) == before[name]:
            st.session_state[_slider(domain, name)] = now[name]
    st.session_state[key] = now


def _slider(domain: Domain, term: str) -> str:
    return f"{domain.name}_{term}"


def _columns(number: int) -> Sequence[Any]:
    return st.columns(max(number, 3), gap="medium")[:number]


def effect(domain: Domain, window: Labelled, before: Judgement, after: Judgement) -> None:
    """Volume, how right, and the ledger's sums, by the terms in force and by the chosen ones."""
    rows = [(f"{name} a day", before.of(name) / window.days, after.of(name) / window.days) for name in domain.actions]
    rows.append(("alerts a day", before.alerts / window.days, after.alerts / window.days))
    for name in ("precision", "recall"):
        one, other = getattr(before, name), getattr(after, name)
        if one is not None or other is not None:
            rows.append((f"{name} of alerts", one, other))
    names = [*domain.worth, *sorted({*before.sums, *after.sums} - set(domain.worth))]
    rows += [(name, before.sums.get(name, 0.0), after.sums.get(name, 0.0)) for name in names]
    data = pd.DataFrame(rows, columns=["", "in force", "chosen"])
    data["difference"] = data["chosen"] - data["in force"]
    styled = data.style
    for at, name in enumerate(data[""]):
        pattern = _pattern(str(name))
        styled = styled.format(f"{{:{pattern}}}", subset=(at, ["in force", "chosen"]), na_rep="\u2013")
        styled = styled.format(partial(_signed, pattern), subset=(at, ["difference"]), na_rep="\u2013")
    st.dataframe(styled, hide_index=True, height=38 + 35 * len(data))


def _pattern(name: str) -> str:
    """How a figure is written: shares in percent, what is counted a day to a tenth, sums as the ledger's tiles have them."""
    return ".1%" if name.endswith(" of alerts") else ",.1f" if name.endswith(" a day") else ",.0f"


def _signed(pattern: str, difference: float) -> str:
    """A difference with its sign, of shares in percentage points; where rounding leaves nothing of it, there is none."""
    said = f"{100 * difference:+.1f} points" if pattern.endswith("%") else f"{difference:+{pattern}}"
    return said if any(c in "123456789" for c in said) else "0"


def volume(domain: Domain, before: Judgement, after: Judgement) -> Any | None:
    """Actions but the calm by day of event time, by either; None where there are none."""
    found = [(day, action, n, who) for who, j in zip(_MARKED, (before, after), strict=True) for (day, action), n in j.actions.items()]
    data = pd.DataFrame([row for row in found if domain.actions.get(row[1]) != "calm"], columns=["day", "action", "decisions", "terms"])
    if data.empty:
        return None
    data["day"] = pd.to_datetime(data["day"])
    shade = alt.Scale(domain=_MARKED, range=[0.45, 1.0])
    return alt.Chart(data).mark_bar().encode(
        x=alt.X("yearmonthdate(day):O", title=None, axis=alt.Axis(format="%d %b", labelAngle=0, labelOverlap=True)),
        xOffset=alt.XOffset("terms:N", sort=_MARKED),
        y=alt.Y("decisions:Q", title="decisions a day", axis=alt.Axis(tickCount=4)),
        color=action_colour(domain, data["action"].unique()),
        opacity=alt.Opacity("terms:N", scale=shade, legend=alt.Legend(title=None, orient="top", symbolFillColor=OTHER)),
        tooltip=[alt.Tooltip("day:T", format="%d %b %Y"), "action:N", "terms:N", alt.Tooltip("decisions:Q", format=",")],
    ).properties(height=HEIGHT)  # fmt: skip


def over_range(points: Sequence[Point], term: Term, of: Callable[[Point], float], title: str, marks: Sequence[float]) -> Any:
    """A figure over the range of a term, with its number in force and the chosen one marked."""
    data = pd.DataFrame({"value": [p.value for p in points], "figure": [of(p) for p in points]})
    x = alt.X("value:Q", title=f"{term.name.replace('_', ' ')}, {term.unit}", axis=alt.Axis(grid=False, tickCount=6))
    y = alt.Y("figure:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=4, format=",.5~g"))
    shown = [alt.Tooltip("value:Q", title=term.name), alt.Tooltip("figure:Q", format=",.2f", title=title)]
    line = alt.Chart(data).mark_line(point=alt.OverlayMarkDef(color=INK), color=INK).encode(x=x, y=y, tooltip=shown)
    marked = pd.DataFrame({"value": marks, "which": _MARKED})
    colour = alt.Color("which:N", scale=alt.Scale(domain=_MARKED, range=[OTHER, theme.CHOSEN]), legend=alt.Legend(title=None, orient="top"))
    dashes = alt.StrokeDash(
        "which:N", scale=alt.Scale(domain=_MARKED, range=[[1, 0], [5, 4]]), legend=None
    )  # so that both are seen in one place
    rules = alt.Chart(marked).mark_rule(strokeWidth=2).encode(x="value:Q", color=colour, strokeDash=dashes)
    return alt.layer(rules, line).properties(height=HEIGHT)


def apply(engine: Engine, domain: Domain, chosen: Mapping[str, float], in_force: Mapping[str, float]) -> None:
    """A person's name and reason, and the button that sends the chosen terms to the scorers by Kafka."""
    opened = _seen(domain, in_force)
    if said := st.session_state.pop(_SAID, None):
        st.success(said)
    if changed(domain.terms, chosen) == dict(in_force):
        st.caption("The chosen terms are those in force: there is nothing to apply.")
        return
    with st.form("apply terms"):
        st.markdown(f"**To be put in force**: {_in_words(domain, chosen, in_force)}")
        name, why = st.text_input("Your name", st.session_state.get("analyst", "")), st.text_input("Why")
        sent = st.form_submit_button("Apply", type="primary")
    st.button("Back to those in force", on_click=_back, args=(domain, in_force), icon=":material/undo:")
    if not sent:
        return
    if not name.strip() or not why.strip():
        st.error("Say who you are and why, so that others can read it later.")
        return
    _send(engine, domain, chosen, opened, (name.strip(), why.strip()))


def _seen(domain: Domain, in_force: Mapping[str, float]) -> Mapping[str, float]:
    """The terms in force as the page showed them before this run of it, which a press begins; from now on those of this run."""
    key = f"{domain.name} terms seen"
    before: Mapping[str, float] = st.session_state.get(key, in_force)
    st.session_state[key] = in_force
    return before


def _in_words(domain: Domain, chosen: Mapping[str, float], in_force: Mapping[str, float]) -> str:
    now = in_full(domain.terms, in_force)
    return "; ".join(f"{name.replace('_', ' ')} {value:g} instead of {now[name]:g}" for name, value in chosen.items() if value != now[name])


def _back(domain: Domain, in_force: Mapping[str, float]) -> None:
    for name, value in in_full(domain.terms, in_force).items():
        st.session_state[_slider(domain, name)] = value


def _send(engine: Engine, domain: Domain, chosen: Mapping[str, float], opened: Mapping[str, float], who: tuple[str, str]) -> None:
    from apps import moves  # noqa: PLC0415  # with LightGBM and all formats, which a page does without
    from models.registry import Cause  # noqa: PLC0415

    try:
        said = moves.decide_by(Settings(), domain, chosen, Cause(parts.now_us(), *who), opened)
    except (AppError, ModelError, TermsError) as error:
        st.error(f"Not applied: {parts.plain(str(error))}")
        return
    with st.spinner("Kafka has it; waiting for it to come back through the sink"):
        back = _comes_back(engine, domain, changed(domain.terms, chosen))
    if not back:
        st.warning(f"{parts.plain(said)}. Kafka has it, and scorers take it; it has not come back yet: is `polyscore sink` running?")
        return
    st.session_state[_SAID] = f"{parts.plain(said)}. It is in force: running scorers take it with their next event."
    st.rerun()


def _comes_back(engine: Engine, domain: Domain, wanted: Mapping[str, float]) -> bool:
    give_up = time.monotonic() + WAIT_S
    while time.monotonic() < give_up:
        standing = model_queries.standing(engine, domain.name)
        if standing is not None and standing.terms == wanted:
            return True
        time.sleep(LOOK_S)  # until the sink has got there
    return False
