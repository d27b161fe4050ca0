"""The dashboard run by Streamlit's own test driver, and what can be read on it."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st
from pandas import DataFrame
from streamlit.testing.v1 import AppTest

import ui

APP = Path(ui.__file__).parent / "app.py"
FIRST = "overview"


def run(page: str, **address: str) -> AppTest:
    """A page, opened with these query parameters; nothing that was asked before is remembered."""
    forget()
    found = AppTest.from_file(str(APP), default_timeout=60).run()
    if page != FIRST:
        found = found.switch_page(f"views/{page}.py")
        for name, value in address.items():
            found.query_params[name] = value
        found = found.run()
    assert not found.exception, found.exception
    return found


def forget() -> None:
    """No answer from before is good any more, as after a moment."""
    st.cache_resource.clear()


def said(page: AppTest) -> str:
    """All text but that of tables, as a reader sees it: what a stranger wrote has its marks, and they mean nothing."""
    kinds = ("markdown", "caption", "code", "subheader", "info", "success", "warning", "error")
    parts = [e.value for kind in kinds for e in page.get(kind)]
    html = [e.proto.body for e in page.get("html")]
    return re.sub(r"\\(?=[^\w\s])", "", "\n".join(str(part) for part in [*parts, *html]))


def table(page: AppTest, column: str) -> DataFrame:
    """The one table that has this column."""
    (found,) = [frame.value for frame in page.dataframe if column in frame.value]
    return found
