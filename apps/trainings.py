"""Models trained while a demo runs: each in a process of its own, which gives its memory back, as many at once as there are cores.

Domains come in the order in which they were asked for: what is live, and the trainings after it, would else take the cores from the first.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import takewhile

from apps.children import Child
from apps.settings import Settings

_STANDS_BACK = 5  # in niceness, behind the training before


class Trainings:
    """First models of domains. ``say`` is told each line of theirs; ``now`` has the last of each that is not done, in their order."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self._settings, self._say = settings, say
        self._waiting: deque[str] = deque()
        self._running: dict[str, Child] = {}
        self._trained: set[str] = set()
        self._read: dict[str, int] = {}  # bytes of their logs
        self.now: dict[str, str] = {}
        self.failed: Child | None = None

    def want(self, domain: str) -> None:
        """Train a model for it, as soon as there is a core."""
        self._waiting.append(domain)
        self.now[domain] = "its model is trained soon"
        self._begin()

    def done(self) -> list[str]:
        """The domains whose models are there, and those of all before them, since the last call.

        One that fails is ``failed``, and no other begins.
        """
        for domain, child in list(self._running.items()):
            ended = not child.running  # first, so that what it says last is read
            self._tell(domain, child)
            if not ended:
                continue
            del self._running[domain]
            if child.popen.returncode:
                self.failed = self.failed or child
                continue
            self._trained.add(domain)
            self.now[domain] = f"its model is trained; it joins after {next(iter(self.now))}"
        self._begin()
        found = list(takewhile(self._trained.__contains__, self.now))
        for domain in found:
            del self.now[domain]
        return found

    def stop(self) -> None:
        """End those that run; none of their models is left half written."""
        self._waiting.clear()
        for child in self._running.values():
            child.stop()
        self._running.clear()

    def _begin(self) -> None:
        while self._waiting and self.failed is None and len(self._running) < (os.cpu_count() or 1):
            domain = self._waiting.popleft()
            child = Child.start(f"{domain}-training", ["-m", "apps.cli", "train", domain], self._settings.logs, {})
            behind = os.getpriority(os.PRIO_PROCESS, 0) + _STANDS_BACK * len(self._read)
            os.setpriority(os.PRIO_PROCESS, child.popen.pid, behind)
            self._running[domain], self._read[domain] = child, child.began
            self.now[domain] = "its model is being trained"

    def _tell(self, domain: str, child: Child) -> None:
        with child.log.open("rb") as log:
            log.seek(self._read[domain])
            said = log.read()
        whole = said[: said.rfind(b"\n") + 1]
        self._read[domain] += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self._say(f"{domain}: {line}")
            self.now[domain] = line.strip()
