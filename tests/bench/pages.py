"""`python -m tests.bench.pages`: how long each page of the dashboard takes to open over 2,000,000 decisions and 5,000 alerts.

Each is opened by Streamlit's test driver in a session of its own, with no answer kept from before. The first opening of all, in which
Python's modules are loaded, is told apart. The exit status is 1 where a page takes longer than ``LIMIT_S``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import streamlit as st
from streamlit.testing.v1 import AppTest

import ui
from tests.ui.driver import APP, FIRST
from tests.ui.large import fill_large

LIMIT_S = 1.0
ROUNDS = 3


def main() -> int:
    """Fill, open, tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages", description=__doc__)
    parser.add_argument("--decisions", type=int, default=2_000_000)
    parser.add_argument("--alerts", type=int, default=5_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="polyscore-pages-") as folder:
        began = time.monotonic()
        url = fill_large(Path(folder) / "polyscore.db", chosen.decisions, chosen.alerts)
        print(f"filled in {time.monotonic() - began:.0f} s: {chosen.decisions:,} decisions, {chosen.alerts:,} alerts", flush=True)
        os.environ |= {"POLYSCORE_DATABASE_URL": url, "POLYSCORE_HOME": folder, "POLYSCORE_COMPARISON": str(Path(folder) / "none.json")}
        slow = [name for name in _names() if _told(name) > LIMIT_S]
    if slow:
        print(f"longer than {LIMIT_S:g} s: {', '.join(slow)}")
    return 1 if slow else 0


def _names() -> list[str]:
    return sorted(file.stem for file in (Path(ui.__file__).parent / "views").glob("*.py"))


def _told(name: str) -> float:
    """Seconds from asking for a page until it is drawn: the median of the rounds after the first."""
    first, *others = (_seconds(name) for _ in range(ROUNDS + 1))
    median = sorted(others)[len(others) // 2]
    print(f"{name:>14}  {median:5.2f} s   (the first time {first:.2f} s)", flush=True)
    return median


def _seconds(name: str) -> float:
    page = AppTest.from_file(str(APP), default_timeout=120)
    address = {"decision": "a00000077"} if name == "decision" else {}
    if name != FIRST:
        page = page.run().switch_page(f"views/{name}.py")
        for key, value in address.items():
            page.query_params[key] = value
    st.cache_resource.clear()
    began = time.perf_counter()
    page = page.run()
    took = time.perf_counter() - began
    if page.exception:
        raise RuntimeError(f"{name}: {page.exception}")
    return took


if __name__ == "__main__":
    sys.exit(main())
