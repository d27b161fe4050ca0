"""The dashboard in a real Chromium: every page draws its data, and nothing broken is seen."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from matplotlib.image import imread

from apps import dashboard
from apps.broker import free_port
from tests.bench.made_up import compared
from tests.ui.filled import fill
from tests.ui.letters import fill_letters
from ui.picture import FIRST, PAGES, chromium, open_page, take

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small database that all these pages show."""
    made = f"sqlite:///{tmp_path_factory.mktemp('shown') / 'polyscore.db'}"
    fill(made, alerts=60)
    fill_letters(made, 40)
    return made


@pytest.fixture(scope="module")
def address(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    comparison = tmp_path_factory.mktemp("compared") / "comparison.json"
    comparison.write_text(json.dumps(compared()))
    port = free_port(0)
    server = subprocess.Popen(
        dashboard.command(port=port, host="127.0.0.1"),
        env={**os.environ, "POLYSCORE_DATABASE_URL": url, "POLYSCORE_COMPARISON": str(comparison)},
    )
    give_up = time.monotonic() + 120
    while True:
        assert server.poll() is None, "the dashboard ended"
        assert time.monotonic() < give_up, "the dashboard does not answer"
        try:
            urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)  # until the server answers
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


@pytest.mark.timeout(900)  # a bare machine installs Chromium first
def test_a_page_that_is_a_fresh_servers_first_visit_is_the_dashboards_own(address: str) -> None:
    """Streamlit serves a folder named ``pages`` by itself, without the entry, until the entry has run once: it comes first here."""
    with chromium() as browser:
        page = open_page(browser, f"{address}/models")
        navigation = page.get_by_test_id("stSidebarNavLink")
        navigation.first.wait_for(timeout=30_000)
        assert [link.split()[-1] for link in navigation.all_inner_texts()] == [
            "Overview",
            "Live",
            "SLA",
            "Alerts",
            "Decision",
            "Now",
            "Models",
            "What-if",
            "Formats",
            "letters",
            "Scenarios",
        ]
        page.close()


@pytest.mark.timeout(900)
def test_every_page_draws_its_data_in_chromium(address: str) -> None:
    wanted = {
        "decision?decision=d000590": ("and a person was called", "The customer's last"),
        "live": ("payments / s", "Consumer lag"),
        "alerts": ("of 60 alerts", "The customer's last"),
        "models": ("1,234 rows", "What it looks at"),
        "formats": ("One row, p50", "Abacus 1"),
        "sla": ("What was left of the day's budget", "budget left"),
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
def test_a_phone_shows_pages_that_need_no_scrolling_sideways(address: str) -> None:
    over = "document.querySelector('[data-testid=stMain]').scrollWidth - innerWidth"
    with chromium() as browser:
        for path in ("overview", "sla", "dead_letters?letter=fraud.dead-letters/0/3"):
            page = browser.new_page(viewport={"width": 390, "height": 844})
            page.goto(f"{address}/{'' if path == 'overview' else path}")
            page.get_by_text("data as of").first.wait_for(timeout=30_000)
            page.locator(".tile").first.wait_for(timeout=30_000)
            assert page.evaluate(over) <= 0, path
            menu = "document.elementFromPoint(40, 400).closest('[data-testid=stSidebar]') !== null"
            assert not page.evaluate(menu), "the menu lies over the page"
            page.close()


@pytest.mark.timeout(900)
def test_the_first_dead_letter_brings_its_list_by_itself(address: str, url: str) -> None:
    with chromium() as browser:
        page = open_page(browser, f"{address}/dead_letters?domain=Cross-sell")
        page.get_by_text("Nothing to show yet").first.wait_for(timeout=30_000)
        fill_letters(url, 3, domain="cross_sell", topic="cross_sell.dead-letters")
        page.get_by_text("the newest 3").first.wait_for(timeout=30_000)
        page.close()


@pytest.mark.timeout(900)
def test_pictures_are_taken_of_every_page_light_and_dark(address: str, tmp_path: Path) -> None:
    assert set(PAGES) == {page.stem for page in (Path(dashboard.__file__).parents[1] / "ui" / "views").glob("*.py")}
    taken = take(address, tmp_path / "pictures", pages=(FIRST, "live"), drawing_ms=0)
    brightness = {path.stem: float(imread(path)[..., :3].mean()) for path in taken}
    assert brightness.keys() == {"overview-light", "overview-dark", "live-light", "live-dark"}
    assert max(brightness["overview-dark"], brightness["live-dark"]) < 0.3
    assert min(brightness["overview-light"], brightness["live-light"]) > 0.8
