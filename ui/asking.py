"""How the dashboard asks: one answer a question, which all viewers share for as long as it is good for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeVar

import streamlit as st
from sqlalchemy import Engine, Executable, Row

TTL_S = 1.5  # less than a page's time between two looks: ten viewers ask as often as one
MOST_HELD = 200
T = TypeVar("T")


def rows(engine: Engine, query: Executable) -> Sequence[Row[Any]]:
    """The answer to a question, in a transaction of its own."""
    with engine.connect() as connection:
        return connection.execute(query).all()


def shared(question: Callable[..., T], engine: Engine, *about: Any) -> T:
    """``question(engine, *about)``, answered at most once in ``TTL_S`` for all viewers. Nobody may change what it gives."""
    found: T = _shared(question, engine, about)
    return found


@st.cache_resource(ttl=TTL_S, max_entries=MOST_HELD, show_spinner=False, hash_funcs={FunctionType: lambda f: f.__qualname__, Engine: id})
def _shared(question: Callable[..., Any], engine: Engine, about: tuple[Any, ...]) -> Any:
    return question(engine, *about)
