"""A person at the dashboard, in a real Chromium: where it answers, what they press and what they read."""

from __future__ import annotations

import re
from urllib.request import urlopen

from playwright.sync_api import Locator, Page, expect

from tests.system.processes import Process

PATIENCE_MS = 30_000
STAYS_MS = 500  # longer than Streamlit takes to follow
_ADDRESS = re.compile(r"the dashboard is at (http://\S+);")


def address(process: Process) -> str:
    """Where `polyscore ui` says it is."""
    found = _ADDRESS.search(process.output())
    assert found is not None, process.output()
    return found[1]


def answers(process: Process) -> bool:
    """Whether the dashboard can be opened by now."""
    found = _ADDRESS.search(process.output())
    try:
        with urlopen(f"{found[1]}/_stcore/health", timeout=2) as response:
            return response.status == 200
    except (OSError, TypeError):
        return False


def press(page: Page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click(timeout=PATIENCE_MS)


def says(page: Page, words: str, *, within: float = PATIENCE_MS / 1000) -> None:
    """A text of this pattern is on the page before so many seconds have passed."""
    expect(page.get_by_text(re.compile(words)).first).to_be_visible(timeout=within * 1000)


def table(page: Page, column: str) -> list[dict[str, str]]:
    """What of the one table with this column is in sight. It is drawn on a canvas; beside it its words are kept for who cannot see it.

    They follow what is drawn a moment later: they are read as a whole, until they stay.
    """
    named = page.locator("th").filter(has_text=re.compile(f"^{re.escape(column)}$"))
    grid = page.locator("[data-testid=stDataFrame] table[role=grid]").filter(has=named)
    try:
        expect(grid).to_have_count(1, timeout=PATIENCE_MS)
    except AssertionError as error:
        raise AssertionError(f"{error}\nThe page:\n{page.locator('body').aria_snapshot()}") from None
    cells, before = _cells(grid), None
    while cells != before:
        page.wait_for_timeout(STAYS_MS)
        cells, before = _cells(grid), cells
    names, *rows = cells
    return [dict(zip(names, row, strict=True)) for row in rows]


def _cells(grid: Locator) -> list[list[str]]:
    """The words of all its cells at one moment, its names first."""
    found: list[list[str]] = grid.evaluate("table => [...table.rows].map(row => [...row.cells].map(cell => cell.textContent))")
    return found
