"""The demo ends cleanly however it ends, and says which process failed it."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from apps.settings import Settings
from tests.system.processes import Process, start

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def settings(tmp_path: Path, bundle: Path) -> Settings:
    """A folder of its own with a trained model in it, and no Kafka named: the demo starts one."""
    home = tmp_path / "home"
    shutil.copytree(bundle, home / "bundles" / "fraud" / bundle.name)
    return Settings(home=home, database_url="", kafka_bootstrap_servers="")


@pytest.fixture
def demo(settings: Settings) -> Iterator[Process]:
    process = start("demo", "--headless", "--rate", "50", settings=settings)
    yield process
    if process.alive():
        process.popen.send_signal(signal.SIGINT)
        process.popen.wait(60)


def children(settings: Settings) -> list[psutil.Process]:
    """Every process that works in the demo's folder, the demo itself left out."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = str(settings.home) in " ".join(process.cmdline()) or process.environ().get("POLYSCORE_HOME") == str(settings.home)
            if mine and process.cmdline()[3:4] != ["demo"]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], object], process: Process) -> None:
    give_up = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < give_up, process.output()
        time.sleep(0.2)  # until another process has got there


def test_ctrl_c_stops_every_process(demo: Process, settings: Settings) -> None:
    until(lambda: "the dashboard is at" in demo.output(), demo)
    assert len(children(settings)) >= 6, "five processes and Kafka"
    demo.popen.send_signal(signal.SIGINT)
    assert demo.popen.wait(60) == 0, demo.output()
    assert "Traceback" not in demo.output()
    assert children(settings) == []
    assert not list(settings.home.rglob("*.lock"))
    assert not list(settings.home.rglob("*.part")) + list(settings.home.rglob("*.tmp"))


def test_a_process_that_dies_is_named_and_fails_the_demo(demo: Process, settings: Settings) -> None:
    until(lambda: "the dashboard is at" in demo.output(), demo)
    scorer = next(p for p in children(settings) if "stream" in p.cmdline())
    scorer.kill()
    assert demo.popen.wait(60) == 1
    assert "scorer ended" in demo.output()
    assert children(settings) == []


def test_a_killed_demo_takes_its_processes_with_it(demo: Process, settings: Settings) -> None:
    until(lambda: "the dashboard is at" in demo.output(), demo)
    demo.kill_hard()
    until(lambda: not children(settings), demo)


def test_a_second_demo_in_the_same_folder_is_refused(demo: Process, settings: Settings) -> None:
    until(lambda: (settings.home / "demo.lock").exists() and "Kafka" in demo.output(), demo)
    second = start("demo", "--headless", settings=settings)
    assert second.popen.wait(60) == 1
    assert "already" in second.output()
