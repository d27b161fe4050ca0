"""Fixtures of the dashboard's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database that is not there yet; what the dashboard reads beside it is in the same folder."""
    st.cache_resource.clear()
    found = f"sqlite:///{tmp_path / 'polyscore.db'}"
    monkeypatch.setenv("POLYSCORE_DATABASE_URL", found)
    monkeypatch.setenv("POLYSCORE_HOME", str(tmp_path))
    monkeypatch.setenv("POLYSCORE_COMPARISON", str(tmp_path / "comparison.json"))
    return found
