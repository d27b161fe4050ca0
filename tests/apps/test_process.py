"""How processes are asked to stop, hold their locks, and run work beside their own."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from apps import process
from apps.errors import BrokerError, InputError


def test_a_signal_sets_the_event_and_lets_the_work_go_on() -> None:
    with process.stoppable() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_work_without_a_clean_point_is_ended_where_it_is(number: int) -> None:
    def work(stop: process.Stop) -> None:
        with stop.at_once():
            os.kill(os.getpid(), number)
            threading.Event().wait(60)

    with process.stoppable() as stop, pytest.raises(KeyboardInterrupt):
        work(stop)
    assert stop.wait(10)


def test_a_second_signal_does_not_disturb_the_cleaning_up() -> None:
    with process.stoppable() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert stop.wait(10)


def test_work_that_was_asked_to_stop_before_does_not_begin() -> None:
    with process.stoppable() as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.at_once():
            pytest.fail("it began")


def test_a_signal_during_a_wait_for_the_event_itself_is_no_deadlock() -> None:
    """The handler runs while this thread holds the lock that ``set`` takes."""
    with process.stoppable() as stop:
        with stop._cond:  # type: ignore[attr-defined]  # where `wait` may be interrupted
            signal.raise_signal(signal.SIGINT)
        assert stop.wait(10)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_lock_is_gone_afterwards_also_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    def fails(hold: AbstractContextManager[None]) -> None:
        with hold:
            assert (tmp_path / "x.lock").exists()
            raise error

    for hold in (process.only(tmp_path / "x.lock", "taken"), process.one_at_a_time(tmp_path / "x.lock")):
        with pytest.raises(error):
            fails(hold)
        assert list(tmp_path.iterdir()) == []


def test_a_held_lock_is_refused(tmp_path: Path) -> None:
    with process.only(tmp_path / "x.lock", "taken"), pytest.raises(InputError, match="taken"), process.only(tmp_path / "x.lock", "taken"):
        pytest.fail("two hold it")


def test_who_waits_for_a_lock_gets_the_one_that_is_there_then(tmp_path: Path) -> None:
    """Its holder deletes the file: a waiting process must not end up with a lock on a file that nobody else finds."""
    lock, held = tmp_path / "x.lock", threading.Event()

    def next_one() -> None:
        with process.one_at_a_time(lock):
            held.set()
            done.wait(30)

    done = threading.Event()
    waiting = threading.Thread(target=next_one)
    with process.one_at_a_time(lock):
        waiting.start()
        assert not held.wait(0.2)
    assert held.wait(30)
    with pytest.raises(InputError, match="taken"), process.only(lock, "taken"):
        pytest.fail("two hold it")
    done.set()
    waiting.join()
    assert not lock.exists()


def test_what_ends_the_work_beside_ends_the_block_and_is_its_error() -> None:
    stop = threading.Event()

    def work() -> None:
        raise BrokerError("lost")

    with pytest.raises(BrokerError, match="lost"), process.beside(work, stop):
        assert stop.wait(30)


class Away:
    """Work that loses its Kafka some times; ``lasts`` says how long it had worked by then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lasts: float, times: int) -> None:
        self.begun, self._lasts, self._times, self._now = 0, lasts, times, 0.0
        monkeypatch.setattr(process.time, "monotonic", lambda: self._now)

    def __call__(self) -> str:
        self.begun += 1
        if self.begun > self._times:
            return "done"
        self._now += self._lasts if self.begun == 1 else 0.0
        raise BrokerError("Kafka has ended")


class Patient(threading.Event):
    """An event whose wait takes no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_work_that_had_a_kafka_is_begun_anew_until_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Away(monkeypatch, lasts=60.0, times=3)
    assert process.again(work, Patient()) == "done"
    assert work.begun == 4


def test_work_that_never_had_a_kafka_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Away(monkeypatch, lasts=1.0, times=3)
    with pytest.raises(BrokerError, match="Kafka has ended"):
        process.again(work, Patient())
    assert work.begun == 1


def test_who_waits_for_kafka_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    work, stop = Away(monkeypatch, lasts=60.0, times=3), Patient()
    stop.set()
    assert process.again(work, stop) is None
    assert work.begun == 1


def test_an_error_of_the_block_ends_the_work_beside_and_comes_first() -> None:
    stop = threading.Event()

    def work() -> None:
        stop.wait()
        raise RuntimeError("a consequence")

    with pytest.raises(BrokerError, match="the cause"), process.beside(work, stop):
        raise BrokerError("the cause")


def test_the_block_waits_until_the_work_beside_is_done() -> None:
    stop, done = threading.Event(), threading.Event()

    def work() -> None:
        stop.wait()
        done.set()

    with process.beside(work, stop):
        pass
    assert done.is_set()
