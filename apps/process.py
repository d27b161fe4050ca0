"""What every long-running process shares: SIGINT and SIGTERM ask it to stop, and it stops at a clean point."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType

from apps.errors import InputError


@contextmanager
def stoppable() -> Iterator[Event]:
    """An event that the first SIGINT or SIGTERM sets; the handlers before it are put back afterwards."""
    stop = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def only(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock; the system lets go of it however the process ends.

    Raises ``InputError``: with ``refusal`` where another process holds it, or where its folder cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise InputError(f"{lock.parent}: {error.strerror}; set POLYSCORE_HOME to a folder that can be written") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(refusal) from None
        yield
        lock.unlink(missing_ok=True)
