"""An HTTP connection that keeps one deadline for all that a call does: to connect, to send, and every read of the answer."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from typing import Any


class _Socket(socket.socket):
    """``left``: the seconds that remain; it raises ``TimeoutError`` where none do."""

    left: Callable[[], float]

    def sendall(self, *arguments: Any) -> None:
        self.settimeout(self.left())  # of a whole ``sendall``, says the documentation
        super().sendall(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self.left())
        return super().recv_into(*arguments)


class Connection(http.client.HTTPConnection):
    """Stays open from call to call. Set ``deadline`` (of ``clock``) before each; what comes too late is a ``TimeoutError``.

    The system's resolver of names is the one thing that keeps no deadline: give an address where that matters.
    """

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        super().__init__(host, port)
        self._clock = clock
        self.deadline = 0.0

    def connect(self) -> None:
        """Try the host's addresses one after the other. Raises ``OSError``."""
        error: OSError = OSError(f"{self.host} has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            found = _Socket(family, kind, protocol)
            found.left = self._left
            try:
                found.settimeout(self._left())
                found.connect(address)
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as failed:
                found.close()
                error = failed
            else:
                self.sock = found
                return
        raise error

    def _left(self) -> float:
        left = self.deadline - self._clock()
        if left <= 0.0:
            raise TimeoutError("timed out")
        return left
