"""The colours can be read and seen on both backgrounds, by the contrast that WCAG 2.2 asks for, and none of them stands alone."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from apps import dashboard
from apps.database import open_database
from domain.contract import Severity
from domain.registry import DOMAINS
from tests.bench.made_up import compared
from tests.ui.driver import run, said
from tests.ui.filled import fill, fill_loop
from ui import parts, theme

READ, SEEN = 4.5, 3.0  # text (criterion 1.4.3), and what charts draw (1.4.11)
DRAWN = {theme.CALM, theme.WATCH, theme.ACT, theme.INK, theme.QUIET, *theme.LATENCY.values(), *theme.MANY}


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2, definition)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_backgrounds_are_those_that_streamlit_is_told() -> None:
    told = dashboard.command(port=1, host="127.0.0.1")
    for name in get_args(theme.Theme):
        for which, colour in zip(("backgroundColor", "secondaryBackgroundColor"), theme.BACKGROUNDS[name], strict=True):
            assert f"--theme.{name}.{which}={colour}" in told


def test_a_module_in_the_folder_that_it_is_started_in_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Such as a ``ui.py`` of the user's: it would be run, and the dashboard would not."""
    for name in ("ui", "apps", "models", "streamlit"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a stranger was run')")
    python, *words = dashboard.command(port=1, host="127.0.0.1")
    before = words[: words.index("-m")]
    done = subprocess.run([python, *before, "-c", "import ui.app, streamlit"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "a stranger" not in done.stderr


def test_the_contrast_of_black_and_white_is_twenty_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("name", get_args(theme.Theme))
def test_words_in_a_severitys_colour_can_be_read_on_their_themes_backgrounds(name: theme.Theme) -> None:
    for colour in (*theme.TEXT[name].values(), theme.QUIET_TEXT[name]):
        assert min(contrast(colour, background) for background in theme.BACKGROUNDS[name]) >= READ, colour


@pytest.mark.parametrize("colour", sorted(DRAWN))
def test_what_charts_draw_is_seen_on_light_and_dark(colour: str) -> None:
    assert min(contrast(colour, theme.BACKGROUNDS[name][0]) for name in get_args(theme.Theme)) >= SEEN


def test_every_severity_has_a_mark_of_its_own_and_every_action_a_severity() -> None:
    assert set(theme.MARKS) == set(get_args(Severity)) == set(theme.TEXT["light"]) == set(theme.TEXT["dark"])
    assert len(set(theme.MARKS.values())) == len(theme.MARKS)
    for domain in DOMAINS.values():
        assert all(parts.colour(domain, action) in theme.TEXT["light"].values() for action in domain.actions)


def test_a_tile_in_trouble_says_so_in_a_word_that_can_be_read(url: str) -> None:
    fill(url, alerts=1, slower_us=1_000_000)
    assert '<div class="name">p99 <span class="mark">&#9888; look</span></div>' in said(run("live"))
    words, ground = theme.MARK
    assert contrast(ground, words) >= READ, "the mark's own background and words"
    assert f".tile .mark {{ background: {ground}; color: {words};" in said(run("live"))


def test_no_file_but_the_theme_writes_a_colour_out() -> None:
    files = [file for file in Path(theme.__file__).parent.rglob("*.py") if file.name != "theme.py"]
    assert len(files) > 40
    assert [file.name for file in files if re.search(r"#[0-9a-fA-F]{6}\b|\brgba?\(", file.read_text())] == []


def test_every_chart_has_words_for_who_does_not_see_it(url: str, tmp_path: Path) -> None:
    open_database(url).dispose()
    fill(url, alerts=5)
    fill_loop(url)
    (tmp_path / "comparison.json").write_text(json.dumps(compared()))
    drawn = {name: run(name).get("vega_lite_chart") for name in ("live", "sla", "models", "alerts", "formats")}
    assert {name: len(charts) > 0 for name, charts in drawn.items()} == dict.fromkeys(drawn, True)
    assert all(chart.proto.alt for charts in drawn.values() for chart in charts)
