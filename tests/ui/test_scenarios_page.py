"""The page *Scenarios*: stories and their last results, one of them started, watched and stopped. What it starts is not a scenario here."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps import scenario_list, scenario_result
from apps.scenario_result import Result, Sample, Step
from tests.ui.driver import run, said
from ui import scenario_runs

STEPS = (
    Step(kind="given", text="a system", at_s=0.0, took_s=4.0),
    Step(kind="when", text="the scorer is killed", at_s=4.0, took_s=1.0),
    Step(kind="then", text="payments without a decision", at_s=5.0, took_s=0.0, value=0.0, wanted="exactly 0", held=True),
)


def kept(home: Path, name: str, verdict: Any, why: str) -> None:
    folder = scenario_result.new_folder(home, name, scenario_result.now())
    samples = tuple(Sample(at_s=float(i), sent=2 * i, decided=2 * i) for i in range(4))
    fields = {"expects": "it holds", "seconds": 61.0, "seed": 1, "speed": 1.0, "format": "pmml"}
    found = Result(name=name, domain="fraud", verdict=verdict, why=why, began=scenario_result.now(), steps=STEPS, samples=samples, **fields)
    scenario_result.write(folder, found)
    (folder / scenario_result.HTML).write_text("<html></html>")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """A runner that only waits; what it was asked for."""
    asked: list[list[str]] = []
    running: list[subprocess.Popen[bytes]] = []

    def launch(command: list[str], log: Path, *, tied: bool) -> subprocess.Popen[bytes]:
        assert not tied, "it must outlive the page's thread"
        asked.append(command[4:])
        (log.parent / scenario_result.LOG).write_text("given a system that only waits\n")
        running.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return running[-1]

    monkeypatch.setattr(scenario_runs, "launch", launch)
    yield asked
    for process in running:
        process.kill()
        process.wait()


def open_page(name: str) -> Any:
    return run("scenarios", scenario=name)


def test_a_story_that_was_never_run_names_the_command(url: str) -> None:
    page = open_page("scorer-killed")
    assert "story scorer-killed has not been run here" in said(page)
    assert "polyscore scenario run scorer-killed" in said(page)
    table = page.dataframe[0].value.set_index("scenario")
    assert {"scorer-killed", "leaked-cards"} <= set(table.index)
    assert set(table["last"]) == {"never run"}


def test_the_last_result_is_shown_with_its_claims(url: str, tmp_path: Path) -> None:
    kept(tmp_path, "scorer-killed", "PASS", "all 1 claims hold")
    page = open_page("scorer-killed")
    assert "✓ PASS: all 1 claims hold" in said(page)
    assert page.dataframe[0].value.set_index("scenario").loc["scorer-killed", "last"] == "✓ PASS"
    assert list(page.dataframe[1].value["claim"]) == ["payments without a decision"]
    assert page.get("image")


def test_a_failure_is_told_by_word_and_mark(url: str, tmp_path: Path) -> None:
    kept(tmp_path, "rush", "FAIL", "1 of 1 claims do not hold")
    assert "✗ FAIL: 1 of 1 claims do not hold" in said(open_page("rush"))


def test_other_domains_have_their_own(url: str) -> None:
    table = run("scenarios", domain="Predictive maintenance").dataframe[0].value
    assert {"wearing-bearing", "growing-fleet"} <= set(table["scenario"])
    assert "rush" not in set(table["scenario"])


def test_a_domain_without_stories_says_so_and_shows_what_runs(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_list, "stories", list)
    scenario_result.mark_running(scenario_result.new_folder(tmp_path, "rush", scenario_result.now()), "rush")
    page = run("scenarios")
    assert "There are no stories of" in said(page)
    assert "**rush** is running" in said(page)
    assert [str(button.key).split()[0] for button in page.button] == ["stop"]


def test_a_run_is_started_found_again_and_stopped(url: str, tmp_path: Path, fake: list[list[str]]) -> None:
    page = open_page("rush")
    page.number_input(key="seed").set_value(7)
    page.button(key="run").click().run()
    assert not page.exception
    ((scenario, command, name, _, seed, *_),) = fake
    assert (scenario, command, name, seed) == ("scenario", "run", "rush", "7")
    again = open_page("rush")
    assert "**rush** is running" in said(again)
    assert "given a system that only waits" in said(again)
    assert again.button(key="run").disabled, "one at a time"
    running = scenario_result.running(tmp_path)
    assert running is not None
    again.button(key=f"stop {running.folder}").click().run()
    give_up = time.monotonic() + 10
    while scenario_result.running(tmp_path) is not None and time.monotonic() < give_up:
        time.sleep(0.05)  # until the process has heard it
    after = open_page("rush")
    assert "is running" not in said(after)
    assert "The newest start came to nothing: given a system that only waits" in said(after)
    assert not after.button(key="run").disabled
