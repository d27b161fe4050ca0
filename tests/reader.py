"""A reader who types the commands of a document, in their order: what ends is waited for, what runs on stays beside it until Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from apps import broker
from apps.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
RUNS_ON = (
    "polyscore stream",
    "polyscore sink",
    "polyscore monitor",
    "polyscore outcomes",
    "polyscore shadow",
    "polyscore online",
    "polyscore loop",
    "polyscore quality",
    "polyscore ui",
    "polyscore simulate",
    "polyscore serve",
)
HASTY = ("simulate", "serve")  # they say no such thing: they are heard of by what they send, and by their health
HEALTH = {"ui": "/_stcore/health", "serve": "/v2/health/ready"}  # where a server says that it is well


def commands(document: str) -> list[str]:
    """The lines of its blocks of shell."""
    return [line for block in re.findall(r"```sh\n(.*?)```", document, re.DOTALL) for line in block.splitlines()]


class Reader:
    """Types a document's commands: those that end one after the other, the others beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside: dict[str, subprocess.Popen[str]] = {}
        own = Path(sys.executable).parent
        cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "POLYSCORE_", "PYTEST_"))}
        self.environment = {**cleared, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "POLYSCORE_HOME": str(folder / "home")}

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing that was begun is left: where all went well, it was stopped before."""
        for process in self.beside.values():
            process.kill()
            process.wait(30)
        broker.stop(Settings(home=self.folder / "home"), say=print)

    def type(self, command: str) -> None:
        if command.startswith(RUNS_ON):
            self.beside[command] = self._start(command)
            return
        place = ROOT if command.startswith(("make", ".")) else self.folder
        result = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=place, env=self.environment, capture_output=True, text=True, timeout=1200, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"

    def _start(self, command: str) -> subprocess.Popen[str]:
        with self.log(command).open("w") as log:
            return subprocess.Popen(
                ["/bin/sh", "-ec", f"exec {command}"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip

    def log(self, command: str) -> Path:
        return self.folder / f"{command.split()[1]}.log"

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, with a bound, for what the commands that run on should bring about."""
        give_up = time.monotonic() + 180
        while not condition():
            for command, process in self.beside.items():
                assert process.poll() is None, f"{command} ended by itself:\n{self.log(command).read_text()[-3000:]}"
            assert time.monotonic() < give_up, f"{what}: not in time\n" + "\n".join(self.log(c).read_text()[-1000:] for c in self.beside)
            time.sleep(0.5)  # until other processes have got there

    def stop_all(self) -> None:
        """Ctrl-C in each terminal, once it says what it does: a process that still imports has nothing to end in order."""
        for command in self.beside:
            if command.split()[1] not in HASTY:
                self.until(lambda command=command: "Ctrl-C stops" in self.log(command).read_text(), command)
        for command, process in self.beside.items():
            process.send_signal(signal.SIGINT)
            process.wait(60)
            output = self.log(command).read_text()
            assert process.returncode == 0, f"{command}\n{output[-3000:]}"
            assert "Traceback" not in output, f"{command}\n{output[-3000:]}"
        self.beside.clear()


def answers(log: Path, health: str) -> bool:
    address = re.search(r"http://[\w.:]+", log.read_text())
    if address is None:
        return False
    try:
        with urlopen(f"{address[0]}{health}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
