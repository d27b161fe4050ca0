"""Which alerts are listed: filters that stand in the address, so that a link shows another analyst the same list."""

from __future__ import annotations

import streamlit as st

from domain.contract import Domain
from models.reviews import STATUSES
from ui.alert_queue import Filters

CHOICES: dict[str, tuple[str, ...]] = {
    "open": STATUSES[:2],
    "new": ("new",),
    "in review": ("in review",),
    "closed": ("closed",),
    "all": STATUSES,
}


def ask(domain: Domain, analyst: str) -> Filters:
    """The filters as widgets, and what they say."""
    first, second, third, fourth = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    status = first.selectbox("Status", list(CHOICES), key="status", bind="query-params")
    raised = [name for name, severity in domain.actions.items() if severity != "calm"]
    actions = second.pills("Action", raised, selection_mode="multi", key="action", bind="query-params")
    key = third.text_input(f"{domain.key_name.capitalize()} begins with", key="key", bind="query-params")
    mine = fourth.toggle("Mine", key="mine", bind="query-params", help="those that you have claimed or closed")
    return Filters(CHOICES[status], tuple(actions), key.strip(), (analyst or "\n") if mine else "")
