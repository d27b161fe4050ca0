"""The processes of a scenario's system, by name: started, killed, frozen, and missed where one ends that nobody ended."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

from apps.children import Child, last_words

_END_WITHIN = 3.0  # seconds that a process gets at the end of a story: there is nothing left to finish


class Processes:
    """`polyscore` commands with these environment variables; ``stack`` ends them all."""

    def __init__(self, logs: Path, variables: dict[str, str], stack: ExitStack) -> None:
        self._logs, self.variables, self._stack = logs, variables, stack
        self._children: dict[str, Child] = {}
        self._words: dict[str, list[str]] = {}
        self._ended: set[str] = set()  # those that the story ended itself

    def begin(self, name: str, words: list[str]) -> None:
        """Start ``polyscore WORDS`` under a name."""
        self._words[name] = words
        self._children[name] = Child.start(name, ["-m", "apps.cli", *words], self._logs, self.variables)
        self._stack.callback(_end, self._children[name])

    def again(self, name: str) -> None:
        """Start it once more, with the words it had."""
        self._ended.discard(name)
        self.begin(name, self._words[name])

    def kill(self, name: str) -> None:
        """SIGKILL: no clean-up of any kind."""
        self._ended.add(name)
        self._children[name].popen.kill()
        self._children[name].popen.wait(30)

    def freeze(self, name: str) -> None:
        self._children[name].popen.send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._children[name].popen.send_signal(signal.SIGCONT)

    def missed(self) -> str:
        """The first that has ended unasked, and its last words; empty where all run."""
        for name, child in self._children.items():
            if not child.running and name not in self._ended:
                return f"{name} ended with status {child.popen.returncode}: {last_words(child.log)}"
        return ""


def _end(child: Child) -> None:
    """Whatever state it is in: a frozen process hears nothing."""
    if child.running:
        child.popen.send_signal(signal.SIGCONT)
    child.stop(_END_WITHIN)
