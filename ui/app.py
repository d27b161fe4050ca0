"""The dashboard's entry: its pages. It reads the database and nothing else.

The pages are files in ``views``: a folder named ``pages`` Streamlit (1.67) would serve by itself, without this entry's titles
and layout, to whoever opens one of its addresses before this file has run.
"""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="polyscore", page_icon=":material/monitoring:", layout="wide", initial_sidebar_state="auto")
st.navigation([
    st.Page("views/overview.py", title="Overview", icon=":material/dashboard:", default=True),
    st.Page("views/live.py", title="Live", icon=":material/monitoring:"),
    st.Page("views/sla.py", title="SLA", icon=":material/flag:"),
    st.Page("views/alerts.py", title="Alerts", icon=":material/notification_important:"),
    st.Page("views/decision.py", title="Decision", icon=":material/search:"),
    st.Page("views/keys.py", title="Now", icon=":material/list:"),
    st.Page("views/models.py", title="Models", icon=":material/account_tree:"),
    st.Page("views/what_if.py", title="What-if", icon=":material/tune:"),
    st.Page("views/formats.py", title="Formats", icon=":material/speed:"),
    st.Page("views/dead_letters.py", title="Dead letters", icon=":material/drafts:"),
    st.Page("views/scenarios.py", title="Scenarios", icon=":material/theater_comedy:"),
]).run()  # fmt: skip
