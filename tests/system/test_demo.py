"""The demo ends cleanly however it ends, and says which process failed it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from apps.settings import Settings
from tests.system import processes
from tests.system.processes import Process, start
from tests.system.test_broker import taken_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


INTERRUPTED = 130
LONG_S = 200  # for all to end: a dozen processes, and Kafka
SHOWN = "the dashboard is at"
LIVE = "payments a second"  # its scorer and its source have been started
until = partial(processes.until, within=150)


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """A folder of its own, and no Kafka named: the demo starts one."""
    return Settings(home=tmp_path / "home", database_url="", kafka_bootstrap_servers="")


@pytest.fixture
def settings(empty: Settings, bundle: Path) -> Settings:
    """The same with a trained model in it."""
    shutil.copytree(bundle, empty.bundles / "fraud" / bundle.name)
    return empty


@contextmanager
def started(settings: Settings, *more: str, domain: str = "fraud") -> Iterator[Process]:
    process = start("demo", domain, "--headless", "--rate", "50", *more, settings=settings)
    try:
        yield process
    finally:
        if process.alive():
            process.popen.send_signal(signal.SIGINT)
            process.ended(60)


@pytest.fixture
def demo(settings: Settings) -> Iterator[Process]:
    with started(settings) as process:
        yield process


def holds(listener: socket.socket, port: int) -> bool:
    """Take a port; whether that was possible before long: another test's broker may have it for minutes, and let it go at any moment."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            time.sleep(0.5)
        else:
            return True
    return False


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


def remains(settings: Settings) -> dict[str, list[str]]:
    """What lies in the demo's folder, and in the broker's."""
    return {folder.name: sorted(path.name for path in folder.iterdir()) for folder in (settings.home, settings.broker_folder)}


def test_ctrl_c_stops_every_process_and_leaves_only_data_and_logs(demo: Process, settings: Settings) -> None:
    until(lambda: LIVE in demo.output(), demo)
    assert len(children(settings)) >= 7, "six processes and Kafka"
    until(lambda: (settings.state / "fraud-demo").exists() and (settings.home / "polyscore.db").exists(), demo)
    demo.popen.send_signal(signal.SIGINT)
    assert demo.popen.wait(LONG_S) == 0, demo.output()
    assert "Traceback" not in demo.output()
    assert children(settings) == []
    assert remains(settings) == {
        "home": ["broker", "bundles", "logs", "polyscore.db", "state"],
        "broker": ["broker.log", "data", "server.properties"],
    }
    assert sorted(path.name for path in settings.state.iterdir()) == ["fraud-demo"]


def test_ctrl_c_while_kafka_starts_stops_at_once(demo: Process, settings: Settings) -> None:
    until(lambda: any("kafka.Kafka" in p.cmdline() for p in children(settings)), demo)
    demo.popen.send_signal(signal.SIGINT)
    assert demo.popen.wait(60) == INTERRUPTED, demo.output()
    assert "Traceback" not in demo.output()
    assert SHOWN not in demo.output(), "it went on"
    assert children(settings) == []
    assert remains(settings) == {"home": ["broker", "bundles", "logs"], "broker": ["broker.log", "data", "server.properties"]}


def test_sigterm_while_a_model_is_trained_stops_at_once_and_leaves_no_part_of_it(empty: Settings) -> None:
    with started(empty, domain="maintenance") as demo:
        until(lambda: "training models: 1 of " in demo.output(), demo)
        demo.popen.send_signal(signal.SIGTERM)
        assert demo.popen.wait(60) == INTERRUPTED, demo.output()
    assert "Traceback" not in demo.output()
    assert not re.search(r"training models: (\d+) of \1\b", demo.output()), "it went on"
    assert children(empty) == []
    left = remains(empty)
    assert left["broker"] == ["broker.log", "data", "server.properties"]
    assert set(left["home"]) <= {"broker", "bundles", "logs", "polyscore.db"}
    assert list((empty.bundles / "maintenance").iterdir()) == []


def test_taken_ports_are_replaced_and_said_and_a_kafka_that_dies_is_named_with_its_log(settings: Settings) -> None:
    with socket.socket() as kafkas, taken_port() as port:
        kafkas.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a broker of before may have left connections that linger
        held = holds(kafkas, 9092)
        with started(settings, "--port", str(port)) as demo:
            until(lambda: SHOWN in demo.output(), demo)
            next(p for p in children(settings) if "kafka.Kafka" in p.cmdline()).kill()
            assert demo.popen.wait(LONG_S) == 1, demo.output()
    assert "port 9092 is taken; Kafka uses " in demo.output() or not held
    assert f"port {port} is taken; the dashboard uses " in demo.output()
    assert f"{SHOWN} http://127.0.0.1:{port}" not in demo.output()
    assert f"Kafka ended; its log {settings.broker_folder / 'broker.log'} ends with:" in demo.output()
    assert children(settings) == []
    assert remains(settings)["broker"] == ["broker.log", "data", "server.properties"]


def test_a_process_that_dies_is_named_and_fails_the_demo(demo: Process, settings: Settings) -> None:
    until(lambda: LIVE in demo.output(), demo)
    scorer = next(p for p in children(settings) if "stream" in p.cmdline())
    scorer.kill()
    assert demo.popen.wait(LONG_S) == 1
    assert "scorer ended" in demo.output()
    assert children(settings) == []


def test_a_killed_demo_takes_its_processes_with_it(demo: Process, settings: Settings) -> None:
    until(lambda: SHOWN in demo.output(), demo)
    demo.kill_hard()
    until(lambda: not children(settings), demo)


def test_a_second_demo_or_a_reset_in_the_same_folder_is_refused(demo: Process, settings: Settings) -> None:
    until(lambda: (settings.home / "demo.lock").exists() and "Kafka" in demo.output(), demo)
    for words in (("demo", "--headless"), ("reset", "--yes")):
        second = start(*words, settings=settings)
        assert second.popen.wait(60) == 1
        assert "a demo runs in" in second.output()
    assert demo.alive()
    assert settings.bundles.is_dir()
