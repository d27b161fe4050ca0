"""What every long-running process shares: how it is asked to stop, its lock, and work that runs beside it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import IO, TypeVar

from apps.errors import BrokerError, InputError
from apps.logs import logger

WORKED, PAUSE = 10.0, 2.0  # seconds: who has worked so long had a Kafka to begin with; between two looks for it
_log = logger(__name__)
_Done = TypeVar("_Done")


class Stop(Event):
    """Set by the first signal that asks for an end (``ending``): the process then stops at a clean point."""

    _asked = _raises = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Work without such points: the signal also ends it where it is. Raises ``KeyboardInterrupt``."""
        self._raises = True
        try:
            if self._asked or self.is_set():
                raise KeyboardInterrupt
            yield
        finally:
            self._raises = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The signals' handler. Only the first is heard: what cleans up is not disturbed."""
        if self._asked:
            return
        self._asked = True
        # In a thread: the handler may have interrupted this event's own `wait`, which holds the lock that `set` takes.
        Thread(target=self.set, daemon=True).start()
        if self._raises:
            raise KeyboardInterrupt


def ending() -> list[signal.Signals]:
    """The signals that ask a process to end: Ctrl-C, a supervisor's, and that of a terminal that is closed, unless ``nohup`` ignores it."""
    closed = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    return [signal.SIGINT, signal.SIGTERM, *closed]


@contextmanager
def stoppable() -> Iterator[Stop]:
    """A ``Stop`` that listens to the signals; the handlers before it are put back afterwards."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in ending()}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def again(work: Callable[[], _Done], stop: Event) -> _Done | None:
    """Do ``work``, which ends with ``stop``; where Kafka goes away meanwhile, begin it anew: what it knows it reads from the topics.

    None where it was stopped while Kafka was away. Raises ``BrokerError`` where there was no Kafka to begin with.
    """
    worked, told = False, ""
    while True:
        began = time.monotonic()
        try:
            return work()
        except BrokerError as error:
            worked = worked or time.monotonic() - began > WORKED
            if not worked:
                raise
            if told != (told := str(error)):
                _log.warning("Kafka is away; trying again, nothing is lost", why=told)
        if stop.wait(PAUSE):
            return None


@contextmanager
def beside(work: Callable[[], object], stop: Event) -> Iterator[None]:
    """Run ``work`` in a thread beside the block; each ends with the other, since ``stop`` is set when one of them does.

    Raises what ``work`` raised, where the block itself raised nothing.
    """
    failed: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  # kept, and raised below
            failed.append(error)
        finally:
            stop.set()

    thread = Thread(target=guarded)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failed:
        raise failed[0]


@contextmanager
def only(lock: Path, refusal: str) -> Iterator[None]:
    """Hold a lock; the system lets go of it however the process ends.

    Raises ``InputError``: with ``refusal`` where another process holds it, or where its folder cannot be written.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = _take(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(refusal) from None
    except OSError as error:
        raise InputError(f"{lock.parent}: {error.strerror}; set POLYSCORE_HOME to a folder that can be written") from None
    with _until_done(file, lock):
        yield


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock, once whoever holds it is done. Raises ``OSError`` where it cannot be written."""
    with _until_done(_take(lock, fcntl.LOCK_EX), lock):
        yield


def _take(lock: Path, how: int) -> IO[str]:
    """The locked file: the one that is there now, not one that its holder deleted while we waited for it."""
    while True:
        file = lock.open("w")
        try:
            fcntl.flock(file, how)
            if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                return file
        except FileNotFoundError:
            pass
        except BaseException:
            file.close()
            raise
        file.close()


@contextmanager
def _until_done(file: IO[str], lock: Path) -> Iterator[None]:
    with file:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
