"""Tells a story: sets its stage, lets happen what happens, and waits for each claim, a given time, until it holds.

Where the time comes from, what a claim is waited with and which system is started is passed in, so that the tests need neither.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

from apps.errors import AppError
from apps.scenario import Bound, Measure, System
from apps.scenario_result import Step
from apps.settings import Guarantee
from apps.terminal import Progress

LOOK_EVERY = 0.25  # seconds between two looks at a claim that does not hold yet


class BrokenError(Exception):
    """The story cannot go on: something that was to happen could not, after its stage was set."""


class Start(Protocol):
    """Starts a story's system. Raises ``AppError`` where that cannot be."""

    def __call__(self, *, beside: Collection[str], guarantee: Guarantee, served: str) -> System: ...


class Telling:
    """One run of a story; ``steps`` is how it went so far. ``clock``: seconds; ``wait``: let so many of them pass."""

    def __init__(
        self,
        start: Start,
        trouble: Callable[[], str],
        clock: Callable[[], float],
        wait: Callable[[float], object],
        say: Callable[[str], None],
        progress: Progress,
    ) -> None:
        self._start, self._trouble, self._clock, self._wait, self._say, self._progress = start, trouble, clock, wait, say, progress
        self._began = clock()
        self.steps: list[Step] = []
        self.set = False  # whether the stage stands: what fails before it is not the story's fault

    def given(self, text: str, *, beside: Collection[str] = (), guarantee: Guarantee = "exactly-once", served: str = "") -> System:
        """Start the system. Raises ``AppError``."""
        self._say(f"given {text}")
        with self._timed("given", text):
            system = self._start(beside=beside, guarantee=guarantee, served=served)
        self.set = True
        return system

    def when(self, text: str, action: Callable[[], object]) -> None:
        """Let it happen. Raises ``BrokenError`` where it cannot."""
        self._say(f"when {text}")
        with self._timed("when", text):
            try:
                action()
            except AppError as error:
                raise BrokenError(f"{text}: {error}") from error
        self._must_run()

    def then(self, claim: str, measure: Measure, wanted: Bound, *, within: float = 5.0, unit: str = "") -> None:
        """Wait until the claim holds, ``within`` seconds; one that does not is kept, and the story goes on."""
        at = self._clock()
        value, why = float(measure()), ""
        while not wanted.holds(value) and not why:
            passed = self._clock() - at
            why = self._trouble() or (f"not within {within:g} s" if passed >= within else "")
            if not why:
                self._progress(f"waiting: {claim}, seconds", int(passed), max(int(within), 1))
                self._wait(LOOK_EVERY)
                value = float(measure())
        step = Step(
            kind="then",
            text=claim,
            at_s=at - self._began,
            took_s=self._clock() - at,
            value=value,
            wanted=str(wanted),
            unit=unit,
            held=wanted.holds(value),
            why=why if not wanted.holds(value) else "",
        )
        self.steps.append(step)
        told = f"{'holds' if step.held else 'DOES NOT HOLD'}: {claim}: {step.shown}, {wanted} wanted"
        self._say(f"  {told}" + (f" ({step.why})" if step.why else ""))

    def _must_run(self) -> None:
        if trouble := self._trouble():
            raise BrokenError(trouble)

    @contextmanager
    def _timed(self, kind: str, text: str) -> Iterator[None]:
        at = self._clock()
        try:
            yield
        finally:
            fields = {"kind": kind, "text": text, "at_s": at - self._began, "took_s": self._clock() - at}
            self.steps.append(Step.model_validate(fields))
