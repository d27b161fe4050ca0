"""What all pages share: the frame with its polling, the time of the data, and what is said where there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from html import escape
from itertools import count
from pathlib import Path
from string import Template

import streamlit as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from apps import own
from apps.database import explain, open_database
from apps.errors import DatabaseError, NoDatabaseError
from apps.logs import logger
from apps.settings import Settings
from apps.sheet import harmless
from domain.cards import masked
from domain.contract import Domain
from domain.registry import DOMAINS
from ui import theme
from ui.queries import MOST_COUNTED

_ADOPT_EVERY_S = 30.0  # how soon a table that was trained meanwhile is seen
_log = logger(__name__)
STALE_S = 15.0  # a domain without a measurement for that long is at rest, or nobody measures
EVERY_S = 2.0  # how often a page looks again: as often as the monitor measures
_STYLE = Template("""<style>
[data-testid="stMainBlockContainer"] { padding: 2.4rem 2.2rem 1rem; }
[data-testid="stSidebar"] { width: 210px !important; }
.tiles { display: flex; flex-wrap: wrap; gap: 0.6rem; margin-bottom: 0.4rem; }
.tile { flex: 1 1 7rem; border: 1px solid $edge; border-radius: 6px; padding: 0.4rem 0.8rem 0.5rem; }
.tile .name { font-size: 0.8rem; opacity: 0.7; white-space: nowrap; }
.tile .value { font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile.bad { border-color: $trouble; border-left-width: 5px; }
.tile .mark { background: $ground; color: $words; border-radius: 4px; padding: 0 0.35rem; font-size: 0.8rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 3.2rem 0.8rem 1rem; }
  .tiles { gap: 0.4rem; }
  .tile { flex: 1 1 5.5rem; padding: 0.3rem 0.5rem 0.4rem; min-width: 0; }
  .tile .value { font-size: 1.1rem; white-space: normal; overflow-wrap: anywhere; }
  .tile .name { white-space: normal; }
}
</style>""").substitute(edge=theme.EDGE, trouble=theme.TROUBLE, words=theme.MARK[0], ground=theme.MARK[1])
_MARKS = frozenset("\\`*_{}[]#|<>~$:")  # of markdown
Draw = Callable[[Engine, Domain], None]


def page(title: str, draw: Draw) -> None:
    """A page that draws itself again every ``EVERY_S`` seconds, and says what is wrong where it cannot."""
    domain = _frame(title)
    live(lambda engine: draw(engine, domain))


def over_all(title: str, draw: Callable[[Engine], None]) -> None:
    """As ``page``, of all domains."""
    _adopt(str(Settings().bundles))
    st.html(_STYLE)
    st.subheader(title, anchor=False)
    live(draw)


def live(draw: Callable[[Engine], None]) -> None:
    """A part of a page that draws itself again every ``EVERY_S`` seconds."""

    @st.fragment(run_every=EVERY_S)
    def body() -> None:
        once(draw)

    body()


def once(draw: Callable[[Engine], None]) -> bool:
    """A part that stands still until its reader acts; where it cannot be drawn, why is said, and False returned."""
    engine = None
    try:
        engine = database()
        draw(engine)
    except NoDatabaseError as error:
        empty(str(error), "make demo")
    except (DatabaseError, DBAPIError) as error:
        said = explain(error, engine) if isinstance(error, DBAPIError) and engine is not None else error
        st.error(f"The database cannot be read: {plain(str(said))}", icon=":material/error:")
    else:
        return True
    return False


def desk(title: str, draw: Draw) -> None:
    """A page that stands still until its reader acts, but for its ``live`` parts; where it cannot be drawn, it tries again by itself."""
    domain = _frame(title)
    if not once(lambda engine: draw(engine, domain)):
        again()


def again() -> None:
    """Draw the whole page again in ``EVERY_S`` seconds: there is nothing on it yet that could move."""
    times = count()

    @st.fragment(run_every=EVERY_S)
    def waiting() -> None:
        if next(times):
            st.rerun()

    waiting()


def still(title: str, draw: Callable[[Domain], None]) -> None:
    """A page that changes only when its reader looks again, but for the parts of it that are ``live``."""
    draw(_frame(title))


def _frame(title: str) -> Domain:
    """The page's title and its choice of domain."""
    _adopt(str(Settings().bundles))
    st.html(_STYLE)
    names = list(DOMAINS)
    chosen = st.sidebar.selectbox("Domain", names, format_func=lambda name: DOMAINS[name].title, key="domain", bind="query-params")
    st.subheader(f"{title} · {DOMAINS[chosen].title}", anchor=False)
    return DOMAINS[chosen]


@st.cache_resource(ttl=_ADOPT_EVERY_S, show_spinner=False)
def _adopt(bundles: str) -> None:
    """Tables of one's own become domains here too. Kept for a while: their files are looked through each time."""
    own.adopt_from_environment(lambda text: _log.warning(text, bundles=bundles))


def forget_of_another(domain: Domain, key: str) -> None:
    """What was opened on a page of one domain is not open on another's: ``key`` holds it in the session."""
    of = f"{key} of domain"
    if st.session_state.get(of, domain.name) != domain.name:
        st.session_state[key] = ""
    st.session_state[of] = domain.name


def source(domain: Domain) -> str:
    """The command that brings events of a domain."""
    return f"polyscore replay {domain.name} --data FILE" if domain.name in DOMAINS.own else f"polyscore simulate {domain.name}"


def database() -> Engine:
    """The database as it is now: a file that was deleted and made anew is opened anew. Raises ``DatabaseError``."""
    url = Settings().database
    file = Path(url.removeprefix("sqlite:///"))
    return _opened(url, file.stat().st_ino if url.startswith("sqlite:///") and file.exists() else 0)


@st.cache_resource(max_entries=4, show_spinner=False)
def _opened(url: str, inode: int) -> Engine:
    return open_database(url, read_only=True)


def tiles(values: Mapping[str, str], bad: Collection[str] = ()) -> None:
    """Numbers side by side, each under its name; those named in ``bad`` with a mark and the colour of trouble around them."""
    mark = ' <span class="mark">&#9888; look</span>'
    cells = (
        f'<div class="tile{" bad" if name in bad else ""}">'
        f'<div class="name">{escape(name)}{mark if name in bad else ""}</div><div class="value">{escape(value)}</div></div>'
        for name, value in values.items()
    )
    st.html(f'<div class="tiles">{"".join(cells)}</div>')


def empty(what: str, *commands: str, by_itself: bool = True) -> None:
    """Where there is nothing to show yet: what is missing, and the commands that bring it. ``by_itself``: the page looks again."""
    with st.container(border=True):
        st.markdown(f"**Nothing to show yet.** {what[:1].upper()}{what[1:]}")
        st.caption(f"This fills it; {'the page goes on by itself' if by_itself else 'load the page again then'}:")
        for command in commands:
            st.code(command, language="sh")


def as_of(newest_us: int) -> None:
    """The time of the newest data, which is not the time of the look."""
    st.caption(f"data as of {moment(newest_us):%H:%M:%S} UTC, {moment(newest_us):%d %B %Y}")


def colour(domain: Domain, action: str) -> str:
    """An action's colour, which is its severity's, as the viewer's theme has it. The action's name stands beside it."""
    return theme.text(domain.actions.get(action))


def shown(value: object) -> object:
    """A stranger's value as a cell: card numbers masked, and no text that a spreadsheet would run, as every table can be downloaded."""
    return harmless(value)


def plain(text: str) -> str:
    """A stranger's text for markdown: card numbers masked, in one line, and none of its marks means anything."""
    return "".join(f"\\{c}" if c in _MARKS else c for c in " ".join(masked(text).split()))


def now_us() -> int:
    """UTC microseconds."""
    return time.time_ns() // 1000


def moment(us: int) -> datetime:
    """UTC microseconds as a datetime."""
    return datetime.fromtimestamp(us / 1e6, UTC)


def measured_at(newest_us: int) -> bool:
    """As ``as_of``, of what the monitor measures all the time; where it is old, why that may be is said. Returns whether it is of now."""
    as_of(newest_us)
    age_s = (now_us() - newest_us) / 1e6
    if age_s < STALE_S:
        return True
    steps = (("s", 1, 120), ("min", 60, 7_200), ("h", 3_600, 172_800), ("days", 86_400, math.inf))
    age = next(f"{age_s / seconds:,.0f} {unit}" for unit, seconds, below in steps if age_s < below)
    st.caption(f":material/warning: that was {age} ago: nothing has come since, or `polyscore monitor` or `polyscore sink` does not run")
    return False


def drawn(us: int) -> datetime:
    """UTC microseconds as charts take them, without a zone: times with one are drawn in the viewer's, beside words and tables in UTC."""
    return moment(us).replace(tzinfo=None)


def counted(number: int) -> str:
    """A count that the database may have given up at ``queries.MOST_COUNTED``."""
    return f"{number:,}{'+' if number >= MOST_COUNTED else ''}"


def milliseconds(value: float | None) -> str:
    """A latency as people read it."""
    return "–" if value is None else f"{value:,.1f} ms" if value < 1000 else f"{value / 1000:,.1f} s"
