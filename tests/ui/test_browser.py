"""The dashboard in a real Chromium: every page draws its data, and nothing broken is seen."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from matplotlib.image import imread

from apps import dashboard
from apps.broker import free_port
from tests.bench.made_up import compared
from tests.ui.filled import fill
from ui.picture import chromium, open_page, take

pytestmark = pytest.mark.system


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    url = f"sqlite:///{tmp_path / 'polyscore.db'}"
    fill(url, alerts=60)
    comparison = tmp_path / "comparison.json"
    comparison.write_text(json.dumps(compared()))
    port = free_port(0)
    server = subprocess.Popen(
        dashboard.command(port=port, host="127.0.0.1"),
        env={**os.environ, "POLYSCORE_DATABASE_URL": url, "POLYSCORE_COMPARISON": str(comparison)},
    )
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            break
        except URLError:
            time.sleep(0.1)  # until the server answers
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


@pytest.mark.timeout(900)  # a bare machine installs Chromium first
def test_every_page_draws_its_data_in_chromium(address: str) -> None:
    wanted = {
        "decision?decision=d000590": ("and a person was called", "The customer's last"),
        "live": ("payments / s", "Consumer lag"),
        "alerts": ("of 60 alerts", "The customer's last"),
        "models": ("1,234 rows", "What it looks at"),
        "formats": ("One row, p50", "Abacus 1"),
    }
    with chromium() as browser:
        for path, texts in wanted.items():
            page = open_page(browser, f"{address}/{path}")
            for text in texts:
                page.get_by_text(text).first.wait_for(timeout=30_000)
            page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for(timeout=30_000)
            assert page.locator("[data-testid=stException]").count() == 0
            assert page.get_by_text("not markup").count() == page.get_by_text("<b>not markup</b>").count(), "a reason was taken for markup"
            page.close()


@pytest.mark.timeout(900)
def test_a_page_that_is_a_fresh_servers_first_visit_is_the_dashboards_own(address: str) -> None:
    """Streamlit serves a folder named ``pages`` by itself, without the entry, until the entry has run once."""
    with chromium() as browser:
        page = open_page(browser, f"{address}/models")
        navigation = page.get_by_test_id("stSidebarNavLink")
        navigation.first.wait_for(timeout=30_000)
        assert [link.split()[-1] for link in navigation.all_inner_texts()] == [
            "Overview",
            "Live",
            "Alerts",
            "Decision",
            "Now",
            "Models",
            "Formats",
        ]
        page.close()


@pytest.mark.timeout(900)
def test_the_pictures_are_one_a_page_and_the_live_one_in_the_dark_too(address: str, tmp_path: Path) -> None:
    taken = {path.stem: float(imread(path)[..., :3].mean()) for path in take(address, tmp_path / "pictures")}
    assert taken.keys() == {"overview-light", "live-light", "live-dark", "alerts-light", "models-light", "formats-light"}
    assert taken.pop("live-dark") < 0.3
    assert all(brightness > 0.8 for brightness in taken.values()), taken
