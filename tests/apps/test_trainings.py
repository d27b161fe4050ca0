"""First models of a demo: as many are trained at once as there are cores, what they say is passed on, and one that fails is named."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from apps import trainings
from apps.children import Child
from apps.settings import Settings
from apps.trainings import Trainings

GOOD = "print('training models: 1 of 5'); print('done')"

_START = Child.start
WAITING = "import time; print('at work', flush=True); time.sleep(60)"


class Begun:
    """Short programs in place of trainings, by domain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
        self.programs: dict[str, str] = {}
        self.children: list[Child] = []
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        monkeypatch.setattr(trainings.Child, "start", self._start)

    def _start(self, name: str, words: Sequence[str], folder: Path, environment: dict[str, str]) -> Child:
        assert words[:3] == ["-m", "apps.cli", "train"]
        self.children.append(_START(name, ["-c", self.programs[words[3]]], folder, environment))
        return self.children[-1]

    def wait(self) -> None:
        """Until those that were begun have ended."""
        for child in self.children:
            child.popen.wait(30)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def wanted(tmp_path: Path, told: list[str]) -> Iterator[Trainings]:
    found = Trainings(Settings(home=tmp_path), told.append)
    yield found
    found.stop()


def test_no_more_are_trained_at_once_than_there_are_cores(wanted: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun(monkeypatch, cores=1)
    begun.programs = {"fraud": GOOD, "cross_sell": GOOD}
    wanted.want("fraud")
    wanted.want("cross_sell")
    assert [child.name for child in begun.children] == ["fraud-training"]
    assert wanted.now == {"fraud": "its model is being trained", "cross_sell": "its model is trained soon"}
    begun.wait()
    assert wanted.done() == ["fraud"]
    assert [child.name for child in begun.children] == ["fraud-training", "cross_sell-training"]
    begun.wait()
    assert wanted.done() == ["cross_sell"]
    assert wanted.now == {}
    assert wanted.done() == []


def test_they_come_in_the_order_in_which_they_were_asked_for(wanted: Trainings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    begun = Begun(monkeypatch, cores=2)
    begun.programs = {"fraud": f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)", "cross_sell": GOOD}
    wanted.want("fraud")
    wanted.want("cross_sell")
    assert [os.getpriority(os.PRIO_PROCESS, child.popen.pid) - os.getpriority(os.PRIO_PROCESS, 0) for child in begun.children] == [0, 5]
    begun.children[1].popen.wait(30)
    assert wanted.done() == []
    assert wanted.now["cross_sell"] == "its model is trained; it joins after fraud"
    go.touch()
    begun.wait()
    assert wanted.done() == ["fraud", "cross_sell"]
    assert wanted.now == {}


def test_each_line_is_told_once_with_whose_it_is(
    wanted: Trainings, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = Settings(home=tmp_path).logs / "fraud-training.log"
    log.parent.mkdir(parents=True)
    log.write_text("of a run before\n")
    begun = Begun(monkeypatch, cores=2)
    begun.programs = {"fraud": GOOD}
    wanted.want("fraud")
    begun.wait()
    wanted.done()
    assert told == ["fraud: training models: 1 of 5", "fraud: done"]


def test_how_far_it_has_come_is_its_last_whole_line(wanted: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun(monkeypatch, cores=2)
    begun.programs = {"fraud": "import time; print('whole\\nhal', end='', flush=True); time.sleep(60)"}
    wanted.want("fraud")
    give_up = time.monotonic() + 30
    while not begun.children[0].log.read_bytes().endswith(b"hal"):
        assert time.monotonic() < give_up
    assert wanted.done() == []
    assert wanted.now == {"fraud": "whole"}


def test_one_that_fails_is_named_and_no_other_begins(wanted: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun(monkeypatch, cores=1)
    begun.programs = {"fraud": "raise SystemExit(3)", "cross_sell": GOOD}
    wanted.want("fraud")
    wanted.want("cross_sell")
    begun.wait()
    assert wanted.done() == []
    assert wanted.failed is begun.children[0]
    assert len(begun.children) == 1
    assert set(wanted.now) == {"fraud", "cross_sell"}


def test_those_that_run_are_stopped_and_none_begins_after(wanted: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun(monkeypatch, cores=1)
    begun.programs = {"fraud": WAITING, "cross_sell": GOOD}
    wanted.want("fraud")
    wanted.want("cross_sell")
    wanted.stop()
    assert not begun.children[0].running
    assert wanted.done() == []
    assert len(begun.children) == 1
