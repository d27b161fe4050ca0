"""Taking the README's pictures leaves nothing behind when it is broken off."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def working_in(folder: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if folder in " ".join(process.cmdline()) or folder in process.environ().get("POLYSCORE_HOME", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_ctrl_c_ends_the_demo_and_removes_its_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ui.staged", str(tmp_path / "pictures")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    found = re.search(r"runs in (\S+);", process.stdout.readline())
    assert found
    give_up = time.monotonic() + 120
    while not (Path(found[1]) / "home" / "broker" / "address.json").exists():
        assert process.poll() is None
        assert time.monotonic() < give_up, "Kafka did not start"
        time.sleep(0.2)  # until another process has got there
    assert len(working_in(found[1])) >= 2, "the demo and Kafka"
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    assert working_in(found[1]) == []
    assert not Path(found[1]).exists()
    assert not (tmp_path / "pictures").exists()
