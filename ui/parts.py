"""What all pages share: the frame with its polling, the time of the data, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from apps.database import explain, open_database
from apps.errors import DatabaseError
from apps.settings import Settings
from domain.contract import Domain
from domain.registry import DOMAINS

EVERY_S = 2.0  # how often a page looks again: as often as the monitor measures
ACTION_COLOURS = {"approve": "#4c9f70", "review": "#e0a030", "block": "#c8503c"}
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 2.6rem; padding-bottom: 1rem; }
[data-testid="stMetric"] { padding: 0.55rem 0.9rem; }
[data-testid="stMetricValue"] { font-size: 1.65rem; font-variant-numeric: tabular-nums; }
[data-testid="stMetricLabel"] { opacity: 0.75; }
</style>"""
Draw = Callable[[Engine, Domain], None]


def page(title: str, draw: Draw) -> None:
    """A page that draws itself again every ``EVERY_S`` seconds, and says what is wrong where it cannot."""
    st.html(_STYLE)
    names = list(DOMAINS)
    chosen = st.sidebar.selectbox("Domain", names, format_func=lambda name: DOMAINS[name].title, key="domain")
    st.subheader(f"{title} · {DOMAINS[chosen].title}", anchor=False)

    @st.fragment(run_every=EVERY_S)
    def body() -> None:
        engine = None
        try:
            engine = _engine()
            draw(engine, DOMAINS[chosen])
        except DatabaseError as error:
            empty(str(error), "make demo")
        except DBAPIError as error:
            empty(str(explain(error, engine) if engine is not None else error), "polyscore sink")

    body()


def _engine() -> Engine:
    """The database as it is now: a file that was deleted and made anew is opened anew."""
    url = Settings().database
    file = Path(url.removeprefix("sqlite:///"))
    return _opened(url, file.stat().st_ino if url.startswith("sqlite:///") and file.exists() else 0)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(url: str, inode: int) -> Engine:
    return open_database(url, read_only=True)


def empty(what: str, *commands: str) -> None:
    """Where there is nothing to show yet: what is missing, and the commands that bring it."""
    with st.container(border=True):
        st.markdown(f"**Nothing to show yet.** {what[:1].upper()}{what[1:]}")
        st.caption("This fills it; the page goes on by itself:")
        for command in commands:
            st.code(command, language="sh")


def as_of(newest_us: int) -> None:
    """The time of the newest data, which is not the time of the look."""
    st.caption(f"data as of {moment(newest_us):%H:%M:%S} UTC, {moment(newest_us):%d %B %Y}")


def moment(us: int) -> datetime:
    """UTC microseconds as a datetime."""
    return datetime.fromtimestamp(us / 1e6, UTC)


def milliseconds(value: float | None) -> str:
    """A latency as people read it."""
    return "–" if value is None else f"{value:,.1f} ms" if value < 1000 else f"{value / 1000:,.1f} s"
