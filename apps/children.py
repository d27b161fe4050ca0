"""Child processes: each in a session of its own, its output in a log file, gone when its parent is gone."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

STOP_WITHIN = 20.0  # seconds from SIGTERM to SIGKILL


def launch(
    command: Sequence[str], log: Path | None, *, tied: bool, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command; a Ctrl-C at the terminal does not reach it, so its parent decides when it stops.

    Without a ``log`` it writes where its parent does. ``tied``: Linux ends it with its parent, however that ends.
    """
    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
            preexec_fn=_die_with_parent if tied and sys.platform == "linux" else None,  # noqa: PLW1509  # one prctl, no locks
        )


def last_words(log: Path) -> str:
    """The end of a log, in one line."""
    try:
        return " / ".join(log.read_text(errors="replace").strip().splitlines()[-5:])
    except OSError:
        return "(nothing)"


_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # looked up here: between fork and exec it might block


def _die_with_parent() -> None:
    """Ask Linux for a SIGTERM when the parent ends, even if it is killed (1 is PR_SET_PDEATHSIG)."""
    if _PRCTL is not None:
        _PRCTL(1, signal.SIGTERM)


@dataclass
class Child:
    """One `polyscore` process of the demo."""

    name: str
    log: Path
    popen: subprocess.Popen[bytes]
    began: int = 0  # bytes that were in the log before
    asked: bool = False  # to stop

    @classmethod
    def start(cls, name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Child:
        """Start ``python ARGUMENTS`` with these variables beside our own; what lies in the folder here is not taken for our modules."""
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / f"{name}.log"
        began = log.stat().st_size if log.exists() else 0
        popen = launch([sys.executable, "-P", *arguments], log, tied=True, environment={**os.environ, **environment})
        return cls(name, log, popen, began)

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def ask(self) -> None:
        """Ask it to stop, once: a second signal would end it in the midst of that."""
        if self.running and not self.asked:
            self.popen.terminate()
        self.asked = True

    def stop(self, within: float = STOP_WITHIN) -> int:
        """Ask it to stop, end it if it does not (seconds), and return its exit status."""
        self.ask()
        try:
            return self.popen.wait(within)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").strip().splitlines()[-8:])
