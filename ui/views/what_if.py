"""Other terms for the policy, tried on the newest labelled decisions before they decide anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st
from sqlalchemy import Engine

from domain.contract import Domain
from domain.terms import TermsError
from ui import model_queries, parts, what_if_panels
from ui import what_if_data as asked

if TYPE_CHECKING:
    from models.what_if import Judgement, Labelled


def draw(engine: Engine, domain: Domain) -> None:
    if not domain.terms:
        st.info(f"The policy of {domain.title} has no numbers to set.")
        return
    standing = model_queries.standing(engine, domain.name)
    in_force = dict(standing.terms) if standing else {}
    size = st.sidebar.selectbox("Decisions judged again", asked.SIZES, 1, key="decisions", bind="query-params")
    window = asked.window(engine, str(engine.url), domain.name, size)
    if window is None:
        commands = (f"polyscore stream {domain.name}", parts.source(domain), "polyscore sink")
        parts.empty("no decision has a label yet by which other terms could be judged.", *commands)
        parts.again()
        return
    try:
        domain.with_terms(in_force)
    except TermsError as error:
        st.error(f"The terms in force are none of this code's: {parts.plain(str(error))}. Scorers go on with those before.")
        return
    _say(window)
    chosen = what_if_panels.inputs(domain, in_force)
    before, after = (asked.judged(window, asked.token(window), dict(terms)) for terms in (in_force, chosen))
    left, right = st.columns(2, gap="medium")
    with left:
        what_if_panels.effect(domain, window, before, after)
        what_if_panels.apply(engine, domain, chosen, in_force)
    with right:
        _volume(domain, before, after)
        _range(domain, window, in_force, chosen)


def _say(window: Labelled) -> None:
    parts.as_of(round(window.decisions[-1].event_time.timestamp() * 1e6))
    first, last = window.decisions[0].event_time, window.decisions[-1].event_time
    left_out = f"; {window.left_out:,} that no model had a part in are left out" if window.left_out else ""
    pattern = "%d %b %Y" if (last - first).days >= 2 else "%d %b %Y %H:%M:%S"
    start = " Nothing is remembered from before the first of them." if window.domain.policy.remembers else ""
    st.caption(
        f"the newest {len(window.decisions):,} decisions up to where labels have come: {first:{pattern}} to {last:{pattern}}, event time "
        f"in UTC; {window.known:,} of them labelled{left_out}. Both columns are judged again from the model's answers.{start}"
    )


def _volume(domain: Domain, before: Judgement, after: Judgement) -> None:
    calm = " or ".join(name for name, severity in domain.actions.items() if severity == "calm")
    st.markdown(f"**What would be decided but {calm}**, by day")
    drawn = what_if_panels.volume(domain, before, after)
    if drawn is None:
        st.caption("nothing, by either")
    else:
        st.altair_chart(drawn, width="stretch", alt="actions by day, by the terms in force and the chosen ones")
    if before.otherwise:
        st.caption(f"{before.otherwise:,} were decided otherwise in their time: by other terms, or by what was remembered then")


def _range(domain: Domain, window: Labelled, in_force: Mapping[str, float], chosen: Mapping[str, float]) -> None:
    one, other = st.columns(2)
    terms = {term.name: term for term in domain.terms}
    name = one.selectbox("The whole range of", terms, format_func=lambda name: name.replace("_", " "), key=f"{domain.name} range")
    worth = other.selectbox("and its worth as", domain.worth, key=f"{domain.name} worth")
    points = asked.curve(window, asked.token(window), {n: v for n, v in chosen.items() if n != name}, name)
    marks = (in_force.get(name, terms[name].default), chosen[name])
    money = what_if_panels.over_range(points, terms[name], lambda p: p.sums.get(worth, 0.0), worth, marks)
    st.altair_chart(money, width="stretch", alt=f"{worth} over the range of {name}")
    alerts = what_if_panels.over_range(points, terms[name], lambda p: p.alerts_a_day, "alerts a day", marks)
    st.altair_chart(alerts, width="stretch", alt=f"alerts a day over the range of {name}")
    st.caption(f"of the newest {min(len(window.decisions), asked.DRAWN):,} decisions, the other terms as chosen")


parts.desk("What-if", draw)
