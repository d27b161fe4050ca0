"""Scenarios started, watched and stopped from the dashboard: each is a process of its own, found again by its folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from apps import scenario_result
from apps.children import last_words, launch
from apps.scenario import Story
from apps.scenario_result import LOG, Result, Running
from apps.settings import Settings

OUTPUT = "output.txt"  # what the process itself writes: its reason, where it ended before it had a log
LINES = 40
MARKS = {"PASS": "\u2713", "FAIL": "\u2717"}


def start(settings: Settings, name: str, seed: int) -> Path:
    """Start a story; returns its folder. It goes on whatever becomes of the page. Raises ``OSError``."""
    folder = scenario_result.new_folder(settings.home.absolute(), name, scenario_result.now())
    command = [sys.executable, "-P", "-m", "apps.cli", "scenario", "run", name, "--seed", str(seed), "--out", str(folder)]
    process = launch(command, folder / OUTPUT, tied=False)
    try:
        scenario_result.mark_running(folder, name, process.pid)
    except psutil.Error:
        process.wait()  # it has ended at once; its words say why
    return folder


def stop(found: Running) -> str:
    """Ask it to end; it stops what it started. Returns why it cannot be asked; empty where it was, or has ended."""
    try:
        os.kill(found.pid, signal.SIGTERM)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return f"{found.name} was started by another user of this machine, who alone can stop it (process {found.pid})"
    return ""


def log(folder: Path) -> str:
    """The newest lines of a run, or what its process said where it got no further."""
    try:
        return "\n".join((folder / LOG).read_text(errors="replace").splitlines()[-LINES:]) or last_words(folder / OUTPUT)
    except OSError:
        return last_words(folder / OUTPUT)


def came_to_nothing(settings: Settings, name: str) -> str:
    """Why the newest start of a story has no result; empty where it has one, or runs, or there was none."""
    newest = next(iter(scenario_result.folders(settings.home, name)), None)
    found = scenario_result.running(settings.home)
    if newest is None or (newest / scenario_result.RESULT).exists() or (found is not None and Path(found.folder) == newest):
        return ""
    return log(newest)


def listed(settings: Settings, stories: list[Story]) -> pd.DataFrame:
    """One line a story: what is expected, how long it takes, how its newest run ended and when."""
    rows = []
    for story in stories:
        last = scenario_result.newest(settings.home, story.name)
        rows.append({
            "scenario": story.name,
            "expected": story.expects,
            "takes": f"{story.lasts:.0f} s",
            "last": shown(last[1]) if last else "never run",
            "began": last[1].began if last else None,
            "took": round(last[1].seconds) if last else None,
        })  # fmt: skip
    return pd.DataFrame(rows)


def shown(result: Result) -> str:
    """The verdict, with a mark: colour alone says nothing to some."""
    return f"{MARKS.get(result.verdict, '–')} {result.verdict}"


def claims(result: Result) -> pd.DataFrame:
    """What was claimed and what was found."""
    steps: list[dict[str, Any]] = [
        {"claim": s.text, "wanted": s.wanted, "found": s.shown, "": "holds" if s.held else f"does not hold {s.why}".strip()}
        for s in result.steps
        if s.kind == "then"
    ]
    return pd.DataFrame(steps)
