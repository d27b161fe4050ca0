"""A scenario for real, by the command line: the document's example with a claim that cannot hold. (One that holds: `test_journeys.py`.)"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from apps import scenario_result
from tests.test_documents import example_of_a_scenario

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


@pytest.fixture
def home(tmp_path: Path, bundle: Path) -> Path:
    """A user's folder that has a model."""
    shutil.copytree(bundle, tmp_path / "home" / "bundles" / "fraud" / bundle.name)
    return tmp_path / "home"


def play(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "apps.cli", "scenario", "run", *words]
    cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "POLYSCORE_"))}
    return subprocess.run(command, env={**cleared, "POLYSCORE_HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False)


def left_behind(mark: str) -> list[str]:
    """Processes that name this folder."""
    found = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    return [line for line in found if mark in line]


def test_a_claim_that_cannot_hold_fails_keeps_what_the_processes_said_and_leaves_nothing_running(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "stuttering_terminal.py"
    broken = example_of_a_scenario().replace("system.repeated, exactly(0)", "system.repeated, at_least(1), within=1")
    assert broken != example_of_a_scenario()
    file.write_text(broken)
    own = tmp_path / "own"
    done = play(home, str(file), "--out", str(tmp_path / "out"), "--speed", "14400", "--home", str(own))
    assert done.returncode == 1, done.stderr
    assert left_behind(str(own)) == []
    found = scenario_result.read(tmp_path / "out")
    assert found is not None
    assert [step.text for step in scenario_result.failed(found.steps)] == ["payments decided twice"]
    assert "scoring fraud.payments" in (tmp_path / "out" / "logs" / "scorer.log").read_text()
    assert "<svg" in (tmp_path / "out" / scenario_result.HTML).read_text()
