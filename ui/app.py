"""The dashboard's entry: its pages. It reads the database and nothing else."""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="polyscore", page_icon=":material/monitoring:", layout="wide", initial_sidebar_state="expanded")
st.navigation([
    st.Page("pages/live.py", title="Live", icon=":material/monitoring:", default=True),
    st.Page("pages/alerts.py", title="Alerts", icon=":material/notification_important:"),
    st.Page("pages/models.py", title="Models", icon=":material/account_tree:"),
]).run()  # fmt: skip
