"""Real processes and real topics for the system tests: start, kill, stop, read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.partitions import read_to_end
from apps.settings import Settings


@dataclass
class Process:
    """A `polyscore` command that runs beside the test; its output goes to a file."""

    arguments: tuple[str, ...]
    settings: Settings
    log: Path
    popen: subprocess.Popen[bytes]

    def alive(self) -> bool:
        return self.popen.poll() is None

    def kill_hard(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self.popen.kill()
        self.popen.wait(30)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(60)

    def ended(self, within: float = 120) -> int:
        """The exit status of what ends by itself (seconds); it is not left behind if it does not."""
        try:
            return self.popen.wait(within)
        finally:
            self.popen.kill()

    def kill_all(self) -> None:
        """SIGKILL to it and to what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(30)

    def again(self) -> Process:
        """The same command once more."""
        return start(*self.arguments, settings=self.settings)

    def output(self) -> str:
        return self.log.read_text(errors="replace")


STARTED: list[Process] = []  # by this worker's tests


def start(*arguments: str, settings: Settings, **environment: str) -> Process:
    """Start `polyscore ARGUMENTS` against the settings' broker, database and home."""
    settings.logs.mkdir(parents=True, exist_ok=True)
    log = settings.logs / f"{arguments[0]}.log"
    variables = {
        **os.environ,
        "POLYSCORE_HOME": str(settings.home),
        "POLYSCORE_DATABASE_URL": settings.database_url,
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        **environment,
    }
    with log.open("ab") as output:
        command = [sys.executable, "-m", "apps.cli", *arguments]
        popen = subprocess.Popen(command, env=variables, stdout=output, stderr=output, start_new_session=True)
    STARTED.append(Process(arguments, settings, log, popen))
    return STARTED[-1]


def until(condition: Callable[[], object], process: Process, *, within: float = 120, running: bool = False) -> None:
    """Wait until another process has got there (seconds); ``running``: it is the one that must not end before.

    The longer it takes, the seldomer it is looked: looking reads whole topics, and takes from the cores that are waited for.
    """
    give_up, pause = time.monotonic() + within, 0.1
    while not condition():
        assert process.alive() or not running, process.output()
        assert time.monotonic() < give_up, process.output()
        time.sleep(pause)  # until another process has got there
        pause = min(1.2 * pause, 0.6)


def read_topic(settings: Settings, topic: str, *, isolation: str = "read_committed") -> list[Any]:
    """Every message of a topic up to its end now, as a reader with that isolation level sees it."""
    return list(read_to_end(settings, topic, {}, **{"isolation.level": isolation}))
