"""When the demo has failed: a payment without an answer, none decided, a process or Kafka gone. All its processes are doubles."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from apps import audit
from apps.address import Address
from apps.audit import Audit
from apps.demo import Demo, Options
from apps.process import Stop
from apps.settings import Settings
from apps.trainings import Trainings


class Now(Stop):
    """An event whose wait takes no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class Child:
    """A process of the demo."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log, self.running = name, log, True
        self.popen = SimpleNamespace(returncode=-9)
        self.stopped = 0

    def ask(self) -> None: ...

    def stop(self, within: float = 0.0) -> int:
        self.stopped += 1
        return 0

    def last_words(self) -> str:
        return "its last words"


class Running:
    """A demo whose time is up, and what it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path, kafka: Address) -> None:
        self.output = io.StringIO()
        monkeypatch.setattr(audit, "ends", lambda *_: {})
        monkeypatch.setattr(audit, "wait_until_scored", lambda *_: True)
        options = Options(60.0, headless=True, rate=50, format="pmml", guarantee="at-least-once", port=0, domains=("fraud",))
        console = Console(file=self.output, width=80)
        self.trainings = SimpleNamespace(now={}, failed=None, done=list, stop=lambda: None)
        self.demo = Demo(Settings(home=home), options, console, Now(), kafka, cast(Trainings, self.trainings))
        self.children = [Child(name, home / f"{name}.log") for name in ("fraud-scorer", "sink", "monitor", "fraud-source", "dashboard")]
        summary = SimpleNamespace(update=lambda: None, lines=lambda: ["a line"], close=lambda: None)
        self.demo.__dict__.update(_children=self.children, _summary=summary)

    def finds(self, monkeypatch: pytest.MonkeyPatch, found: Audit) -> None:
        monkeypatch.setattr(audit, "audit", lambda *_: found)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Running:
    return Running(monkeypatch, tmp_path, Address("127.0.0.1:1", 0))


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (Audit(events=500, decided=500, malformed=3, dead_letters=3), 0),
        (Audit(events=500, decided=499, malformed=0, dead_letters=0), 1),
        (Audit(events=500, decided=500, malformed=3, dead_letters=2), 1),
        (Audit(events=0, decided=0, malformed=0, dead_letters=0), 1),
        (Audit(events=0, decided=0, malformed=3, dead_letters=3), 1),
    ],
)
def test_a_timed_run_passes_only_if_something_was_decided_and_nothing_is_missing(
    running: Running, monkeypatch: pytest.MonkeyPatch, found: Audit, status: int
) -> None:
    running.finds(monkeypatch, found)
    assert running.demo.finish() == status
    assert [child.name for child in running.children if child.stopped] == ["fraud-source"]
    assert f"{found.missing} without an answer" in running.output.getvalue()


def test_a_process_that_died_fails_the_run_whatever_was_decided(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.finds(monkeypatch, Audit(10, 10, 0, 0))
    running.children[1].running = False
    running.demo.watch()
    assert running.demo.finish() == 1
    assert "sink ended with status -9" in running.output.getvalue()
    assert "its last words" in running.output.getvalue()


def test_kafka_that_ended_fails_the_run_and_is_named_before_those_who_died_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    running = Running(monkeypatch, tmp_path, Address("127.0.0.1:1", 4_000_000))
    running.children[0].running = False
    running.demo.watch()
    assert running.demo.finish() == 1
    assert "Kafka ended" in running.output.getvalue()
    assert str(tmp_path / "broker" / "broker.log") in running.output.getvalue(), "the log's path is broken in two, or not there"
    assert "scorer" not in running.output.getvalue()


def test_a_cluster_of_somebody_else_is_not_looked_for_among_our_processes(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.finds(monkeypatch, Audit(10, 10, 0, 0))
    running.demo.__dict__["_options"] = replace(running.demo.__dict__["_options"], duration_s=1e-9)
    running.demo.watch()
    assert running.demo.finish() == 0


def test_ctrl_c_ends_a_run_without_a_check(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Audit:
        pytest.fail("it checked")

    monkeypatch.setattr(audit, "audit", never)
    running.demo.__dict__["_stop"].set()
    running.demo.watch()
    assert running.demo.finish() == 0


def test_every_process_is_stopped_those_that_feed_others_first(running: Running) -> None:
    order: list[str] = []
    for child in running.children:
        child.ask = lambda name=child.name: order.append(f"ask {name}")  # type: ignore[method-assign,misc]  # a double
        child.stop = lambda within, name=child.name: order.append(name) or 0  # type: ignore[method-assign,misc]  # a double
    running.demo.stop_all()
    alone = [word for name in ("fraud-source", "fraud-scorer", "monitor") for word in (f"ask {name}", name)]
    assert order == [*alone, "ask sink", "ask dashboard", "sink", "dashboard"], "those of a stage are asked before one is waited for"
