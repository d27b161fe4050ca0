"""`polyscore ui`: on a free port, and gone with its parent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from apps.settings import Settings
from tests.system.browsing import answers
from tests.system.processes import Process, start, until
from tests.system.test_broker import taken_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Process]:
    with taken_port() as port:
        process = start("ui", "--port", str(port), settings=Settings(home=tmp_path, database_url="", kafka_bootstrap_servers=""))
        until(lambda: answers(process), process, within=90)
        assert re.search(rf"port {port} is taken; the dashboard uses (?!{port})\d+", process.output()), process.output()
    yield process
    if process.alive():
        process.stop()


def servers(process: Process) -> list[psutil.Process]:
    return psutil.Process(process.popen.pid).children(recursive=True)


def test_a_taken_port_is_replaced_and_said_and_ctrl_c_stops_the_server(dashboard: Process) -> None:
    (server,) = servers(dashboard)
    assert dashboard.stop() == 0
    assert not server.is_running()


def test_a_killed_dashboard_takes_its_server_with_it(dashboard: Process) -> None:
    (server,) = servers(dashboard)
    dashboard.kill_hard()
    psutil.wait_procs([server], timeout=60)
    assert not server.is_running()
