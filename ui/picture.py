"""`python -m ui.picture URL FOLDER`: pictures of every page of a running dashboard, light and dark; the README shows some."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE = {"width": 1440, "height": 900}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
FIRST = "overview"  # its address is the dashboard's
PAGES = tuple(sorted(file.stem for file in Path(__file__).with_name("views").glob("*.py")))
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE_MS = 60_000
_DRAWING_MS = 4_000  # charts draw themselves after their data


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium: the system's, or one that is installed now. Raises ``RuntimeError`` where none can be had."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # only those who take pictures have it

    path = _path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


def _path() -> str | None:
    """Where Chromium is; None: where Playwright keeps its own."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    if found or _installed([sys.executable, "-m", "playwright", "install", "chromium"]):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _installed(["apt-get", "update", "-qq"])
        _installed(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
        found = shutil.which("chromium")
    if not found:
        raise RuntimeError("no Chromium here, and none could be installed: install the system's package chromium")
    return found


def _installed(command: list[str]) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=600).returncode == 0


def open_page(browser: Browser, url: str, theme: Theme = "light") -> Page:
    """A page of the dashboard, once its script has run."""
    page = browser.new_page(viewport=SIZE, color_scheme=theme, device_scale_factor=1)  # type: ignore[arg-type]  # a TypedDict
    page.goto(url, timeout=_PATIENCE_MS)
    page.locator("[data-testid=stHeading]").first.wait_for(timeout=_PATIENCE_MS)
    page.locator("[data-test-script-state=notRunning]").first.wait_for(timeout=_PATIENCE_MS)
    return page


def take(
    url: str,
    folder: Path,
    addresses: Mapping[str, str] = MappingProxyType({}),
    *,
    pages: Sequence[str] = PAGES,
    drawing_ms: float = _DRAWING_MS,
) -> list[Path]:
    """Write two pictures a page, light and dark, and return their paths. ``addresses``: of a page, where not its name alone."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    with chromium() as browser:
        for name, theme in product(pages, THEMES):
            page = open_page(browser, f"{url.rstrip('/')}/{addresses.get(name, '' if name == FIRST else name)}", theme)
            page.wait_for_timeout(drawing_ms)
            taken.append(folder / f"{name}-{theme}.png")
            page.screenshot(path=taken[-1])
            page.close()
    return taken


def main() -> None:
    """Take the pictures of a dashboard that runs already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the dashboard's address")
    parser.add_argument("folder", type=Path, help="where to write live-light.png and the others")
    chosen = parser.parse_args()
    take(chosen.url, chosen.folder)


if __name__ == "__main__":
    main()
