"""The source of a scenario: sends its world's history at once, then what is live beside the story, at a pace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event, Thread

from apps.errors import BrokerError
from apps.replay import Pace, Replay
from apps.settings import Settings
from apps.terminal import Progress
from domain.contract import Domain, Emission, MalformedEvent


class Source:
    """One sender for the whole story, so that labels and events keep their order."""

    def __init__(self, settings: Settings, domain: Domain, live: Sequence[Emission]) -> None:
        self._replay, self._domain = Replay(settings, domain), domain
        self._sent = self._replay.sent
        self._live, self._stop = live, Event()
        self._events = [e for e in live if e.stream != "labels"]
        self._ids = [_asks(domain, e) for e in self._events]
        self._before: int | None = None  # what was sent before the live events; None: it is not all sent
        self._thread: Thread | None = None
        self.held: Callable[[], bool] = lambda: False  # whether simulated time must wait
        self.failed = ""

    @property
    def asking(self) -> frozenset[str]:
        """The ids of all live events that ask for a decision."""
        return frozenset(i for i in self._ids if i)

    def history(self, emissions: Sequence[Emission], told: Progress) -> int:
        """Send what was before; returns how many events asked for a decision. Raises ``BrokerError``."""
        total = len(emissions)
        self._replay.send(emissions, pace=None, stop=self._stop, progress=lambda sent, _: told("sending history", _of(sent), total))
        self._before = self._sent.events
        return len({name for e in emissions if e.stream != "labels" and (name := _asks(self._domain, e))})

    def begin(self, pace: Pace) -> None:
        """Send what is live, in a thread beside the story."""
        self._thread = Thread(target=self._send, args=(pace,), daemon=True, name="scenario-source")
        self._thread.start()

    def _send(self, pace: Pace) -> None:
        try:
            self._replay.send(self._live, pace=pace, stop=self._stop, progress=self._reached)
        except Exception as error:  # noqa: BLE001  # the thread's edge: the story asks for it
            self.failed = str(error)

    def _reached(self, *_: object) -> None:
        """A stretch is sent: go on with the next where nothing holds it up."""
        while self.held() and not self._stop.wait(0.1):
            pass

    def halt(self) -> None:
        """Send no more."""
        self._stop.set()

    def reached(self) -> datetime | None:
        """The simulated time of the last event that went out."""
        count = self.sent()
        return self._events[count - 1].at if count else None

    @property
    def begun(self) -> bool:
        return self._thread is not None

    @property
    def sending(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def sent(self) -> int:
        """How many live messages went out, labels left out."""
        return 0 if self._before is None else self._sent.events - self._before

    def asked(self) -> set[str]:
        """The ids of those of them that ask for a decision."""
        return {i for i in self._ids[: self.sent()] if i}

    def close(self) -> None:
        """Stop sending. Does not raise: what was not sent is the story's to notice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(15)
        del self._replay  # its producer has no other way to let go of Kafka, which ends now

    def must_be_well(self) -> None:
        """Raises ``BrokerError`` where the sender had to give up."""
        if self.failed:
            raise BrokerError(f"the source had to stop: {self.failed}")


def _of(sent: object) -> int:
    return int(getattr(sent, "events", 0)) + int(getattr(sent, "labels", 0))


def _asks(domain: Domain, emission: Emission) -> str:
    """The id of an event that asks for a decision; empty for one that does not, or cannot be read."""
    event = emission.value
    if isinstance(event, bytes):
        try:
            event = domain.parse_event(event)
        except MalformedEvent:
            return ""
    return str(event.id) if event.decides else ""
