"""The processes of a scenario: missed where they end by themselves, and gone with it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from apps.scenario_processes import Processes


def until_ended(processes: Processes, name: str) -> None:
    child = processes._children[name]
    child.popen.wait(60)


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path, {"POLYSCORE_HOME": str(tmp_path)}, ExitStack())


def test_one_that_ends_unasked_is_missed_with_its_last_words(processes: Processes) -> None:
    processes.begin("sink", ["sink"])
    until_ended(processes, "sink")
    assert processes.missed().startswith("sink ended with status 1: error no Kafka runs here")


def test_one_that_the_story_killed_is_not_missed(processes: Processes) -> None:
    processes.begin("sink", ["sink"])
    processes.kill("sink")
    assert processes.missed() == ""


def test_a_frozen_one_is_ended_all_the_same(tmp_path: Path) -> None:
    with ExitStack() as stack:
        processes = Processes(tmp_path, {"POLYSCORE_HOME": str(tmp_path)}, stack)
        processes.begin("list", ["--help"])
        processes.freeze("list")
    assert not processes._children["list"].running
