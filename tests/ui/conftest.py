"""Fixtures of the dashboard's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st

from tests.ui.filled import NOW_US
from ui import parts


@pytest.fixture(autouse=True)
def moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``filled`` has measured is of now; a test of what is old sets another time."""
    monkeypatch.setattr(parts, "now_us", lambda: NOW_US + 1_000_000)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database that is not there yet; what the dashboard reads beside it is in the same folder."""
    st.cache_resource.clear()
    found = f"sqlite:///{tmp_path / 'polyscore.db'}"
    monkeypatch.setenv("POLYSCORE_DATABASE_URL", found)
    monkeypatch.setenv("POLYSCORE_HOME", str(tmp_path))
    monkeypatch.setenv("POLYSCORE_COMPARISON", str(tmp_path / "comparison.json"))
    return found
