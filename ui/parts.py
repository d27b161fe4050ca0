"""What all pages share: the frame with its polling, the time of the data, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from apps.database import explain, open_database
from apps.errors import DatabaseError
from apps.settings import Settings
from domain.cards import masked
from domain.contract import Domain
from domain.registry import DOMAINS
from ui.queries import MOST_COUNTED

EVERY_S = 2.0  # how often a page looks again: as often as the monitor measures
SEVERITY_COLOURS: Mapping[str, str] = {"calm": "#4c9f70", "watch": "#e0a030", "act": "#c8503c"}
TROUBLE = SEVERITY_COLOURS["act"]
_STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 2.4rem 2.2rem 1rem; }
[data-testid="stSidebar"] { width: 210px !important; }
.tiles { display: flex; flex-wrap: wrap; gap: 0.6rem; margin-bottom: 0.4rem; }
.tile { flex: 1 1 7rem; border: 1px solid rgba(128, 128, 128, 0.28); border-radius: 6px; padding: 0.4rem 0.8rem 0.5rem; }
.tile .name { font-size: 0.8rem; opacity: 0.7; white-space: nowrap; }
.tile .value { font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile.bad .value { color: #c8503c; }
</style>"""
Draw = Callable[[Engine, Domain], None]


def page(title: str, draw: Draw) -> None:
    """A page that draws itself again every ``EVERY_S`` seconds, and says what is wrong where it cannot."""
    domain = _frame(title)
    _live(lambda engine: draw(engine, domain))


def over_all(title: str, draw: Callable[[Engine], None]) -> None:
    """As ``page``, of all domains."""
    st.html(_STYLE)
    st.subheader(title, anchor=False)
    _live(draw)


def _live(draw: Callable[[Engine], None]) -> None:
    @st.fragment(run_every=EVERY_S)
    def body() -> None:
        engine = None
        try:
            engine = _engine()
            draw(engine)
        except DatabaseError as error:
            empty(str(error), "make demo")
        except DBAPIError as error:
            empty(str(explain(error, engine) if engine is not None else error), "polyscore sink")

    body()


def still(title: str, draw: Callable[[Domain], None]) -> None:
    """A page that reads no database, and changes only when its reader looks again."""
    draw(_frame(title))


def _frame(title: str) -> Domain:
    """The page's title and its choice of domain."""
    st.html(_STYLE)
    names = list(DOMAINS)
    chosen = st.sidebar.selectbox("Domain", names, format_func=lambda name: DOMAINS[name].title, key="domain", bind="query-params")
    st.subheader(f"{title} · {DOMAINS[chosen].title}", anchor=False)
    return DOMAINS[chosen]


def _engine() -> Engine:
    """The database as it is now: a file that was deleted and made anew is opened anew."""
    url = Settings().database
    file = Path(url.removeprefix("sqlite:///"))
    return _opened(url, file.stat().st_ino if url.startswith("sqlite:///") and file.exists() else 0)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(url: str, inode: int) -> Engine:
    return open_database(url, read_only=True)


def tiles(values: Mapping[str, str], bad: Collection[str] = ()) -> None:
    """Numbers side by side, each under its name; those named in ``bad`` in the colour of trouble."""
    cells = (
        f'<div class="tile{" bad" if name in bad else ""}">'
        f'<div class="name">{escape(name)}</div><div class="value">{escape(value)}</div></div>'
        for name, value in values.items()
    )
    st.html(f'<div class="tiles">{"".join(cells)}</div>')


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


def colour(domain: Domain, action: str) -> str:
    """An action's colour, which is its severity's."""
    return SEVERITY_COLOURS.get(domain.actions.get(action, ""), "#8a8f98")


def shown(value: object) -> object:
    """A value of a decision's context as a cell or a word: card numbers masked, numbers as they are."""
    return masked(value) if isinstance(value, str) else value


def moment(us: int) -> datetime:
    """UTC microseconds as a datetime."""
    return datetime.fromtimestamp(us / 1e6, UTC)


def counted(number: int) -> str:
    """A count that the database may have given up at ``queries.MOST_COUNTED``."""
    return f"{number:,}{'+' if number >= MOST_COUNTED else ''}"


def milliseconds(value: float | None) -> str:
    """A latency as people read it."""
    return "–" if value is None else f"{value:,.1f} ms" if value < 1000 else f"{value / 1000:,.1f} s"
