"""The real system of one scenario: a Kafka, a scorer, a source and what runs beside them, in a folder of their own, gone afterwards."""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from apps import address, broker, topics
from apps.children import last_words
from apps.errors import AppError, BrokerError
from apps.kafka import explained
from apps.replay import at_speed
from apps.scenario import Pace, Story, World
from apps.scenario_deployment import announce, damage, promote, released, roll_back
from apps.scenario_processes import Processes
from apps.scenario_result import Sample
from apps.scenario_seen import Reader, Seen
from apps.scenario_source import Source
from apps.scenario_stored import Lock, rows
from apps.settings import Guarantee, Settings
from apps.terminal import Progress
from domain.decision import Decision
from domain.registry import DOMAINS
from exports.formats import FORMATS
from exports.remote import SERVER_VARIABLE

_HISTORY_WITHIN, _STUCK, _SERVER_WITHIN = 240.0, 45.0, 60.0  # seconds: in all; without any progress; until a server answers
_BEHIND, _DAYS_BEHIND = 1_000, 7  # events that may wait for a decision, and days for their measures, where days wait for the system
SCORER, SERVER = "scorer", "server"


class Voice(NamedTuple):
    """Where it is said what happens, and how far long work has come."""

    say: Callable[[str], None]
    told: Progress


@dataclass(frozen=True)
class Pacing:
    """How fast simulated time passes, how real time is let pass, and when it began (``time.monotonic``)."""

    speed: float
    wait: Callable[[float], object]
    began: float


class Embedded:
    """A system as stories see it (``apps.scenario.System``). Everything it starts is ended by ``stack``."""

    def __init__(self, settings: Settings, story: Story, world: World, bundle: Path, stack: ExitStack, voice: Voice) -> None:
        say, told = voice
        self._own, self._story, self._domain, self.world = settings, story, DOMAINS[story.domain], world
        self._bundle, self._stack, self._say, self._told = bundle, stack, say, told
        self.champion = bundle.name
        self._processes = Processes(settings.logs, {}, stack)
        self._lock: Lock | None = None
        self._restarting = False

    def open(self, pacing: Pacing, model_format: str, *, beside: Collection[str], guarantee: Guarantee, served: str) -> None:
        """Start everything and send the world's history. Raises ``AppError``."""
        self.speed, self._wait = pacing.speed, pacing.wait
        self._kafka()
        announce(self.settings, self._domain, self._bundle)
        if served:
            self._serve(served)
        scorer = ["stream", self._domain.name, "--format", "remote" if served else model_format, "--guarantee", guarantee]
        self._processes.begin(SCORER, [*scorer, "--instance", "scenario"])
        for name in beside:
            self._processes.begin(name, [name, *([self._domain.name] if name in ("shadow", "loop") else [])])
        self._source = Source(self.settings, self._domain, self.world.live)
        self._reader = Reader(self.settings, Seen(self._domain, self._source.asking, self.world.truth), self._source.sent, pacing.began)
        self._reader.start()
        self._stack.callback(self._reader.close)
        self._stack.callback(self._source.close)
        self._history()

    @property
    def logs(self) -> Path:
        """What the processes said."""
        return self._own.logs

    def _kafka(self) -> None:
        self._stack.callback(broker.stop, self._own, say=lambda _: None)
        self._stack.callback(gc.collect)  # clients that wait for it would complain of a Kafka that is gone
        found = broker.start(self._own, port=broker.free_port(0), say=self._say, progress=self._told, tied=True)
        self._port = int(found.bootstrap.rpartition(":")[2])
        self.settings = self._own.model_copy(update={"kafka_bootstrap_servers": found.bootstrap})
        self._processes.variables = {
            "POLYSCORE_HOME": str(self._own.home),
            "POLYSCORE_DATABASE_URL": self._own.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": found.bootstrap,
        }
        topics.create_topics(self.settings)

    def _serve(self, name: str) -> None:
        port = broker.free_port(0)
        self._processes.variables[SERVER_VARIABLE] = f"http://127.0.0.1:{port}"
        self._processes.begin(SERVER, ["serve", str(self._bundle / FORMATS[name].file_name), "--port", str(port)])
        give_up = time.monotonic() + _SERVER_WITHIN
        while time.monotonic() < give_up:
            self._must_run()
            try:
                with urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=1):
                    return
            except OSError:
                self._wait(0.2)
        raise AppError(f"the model's server did not answer within {_SERVER_WITHIN:.0f} s; {last_words(self._own.logs / f'{SERVER}.log')}")

    def _history(self) -> None:
        wanted, give_up = self._source.history(self.world.history, self._told), time.monotonic() + _HISTORY_WITHIN
        while (there := len(self._reader.seen.history)) < wanted:
            self._told("scoring history", there, wanted)
            self._must_run()
            if time.monotonic() > give_up:
                how_far = f"{there:,} of {wanted:,}; this machine is too slow"
                raise BrokerError(f"history was not scored within {_HISTORY_WITHIN:.0f} s: {how_far}")
            self._wait(0.2)
        self._told("scoring history", wanted, wanted)

    def _must_run(self) -> None:
        if trouble := self.trouble():
            raise AppError(trouble)

    def trouble(self) -> str:
        """What ended, or failed, though the story did not ask for it."""
        if missed := self._processes.missed():
            return missed
        if not self._restarting and hasattr(self, "settings") and address.running(self._own) is None:
            return f"Kafka ended: {last_words(broker.log_file(self._own))}"
        readers = [self._reader.failed, self._source.failed] if hasattr(self, "_reader") else []
        return next(filter(None, readers), "")

    def live(self, *, pace: Pace | None = None) -> None:
        self._begin_sending(pace)
        self.finish()

    def until(self, moment: datetime, *, pace: Pace | None = None) -> None:
        self._begin_sending(pace)
        while self._source.sending and ((at := self._source.reached()) is None or at < moment):
            self._look()

    def patiently(self, moment: datetime) -> None:
        self._source.held = self._must_wait
        self.until(moment)

    def _must_wait(self) -> bool:
        """Whether the system is further behind than it would be, if days took a day."""
        seen, at = self._reader.seen, self._source.reached()
        unjudged = seen.judged is not None and at is not None and (at.date() - seen.judged).days > _DAYS_BEHIND
        return unjudged or seen.training or self._source.sent() - self.decided() > _BEHIND

    def halt(self) -> None:
        self._source.halt()
        self.finish()

    def _begin_sending(self, pace: Pace | None) -> None:
        if not self._source.begun:
            self._source.begin(pace or at_speed(self.speed))

    def finish(self) -> None:
        total = len([e for e in self.world.live if e.stream != "labels"])
        while self._source.sending:
            self._told(f"sending {self._domain.events_name}", self._source.sent(), total)
            self._look()
        self._source.must_be_well()
        least, since = 1 << 62, time.monotonic()
        while (left := self.undecided()) and time.monotonic() - since < _STUCK:
            least, since = (left, time.monotonic()) if left < least else (least, since)
            self._look()

    def _look(self) -> None:
        self._must_run()
        self._wait(0.2)

    def passes(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._told("time passes, seconds", int(seconds - left), int(seconds))
            self._wait(min(0.5, left))

    def kill(self, name: str) -> None:
        self._processes.kill(name)

    def start(self, name: str) -> None:
        self._processes.again(name)

    def freeze(self, name: str) -> None:
        self._processes.freeze(name)

    def thaw(self, name: str) -> None:
        self._processes.thaw(name)

    def restart_broker(self) -> None:
        self._restarting = True
        broker.stop(self._own, say=self._say)
        broker.start(self._own, port=self._port, say=self._say, progress=self._told, tied=True)
        self._restarting = False

    def lock_database(self) -> None:
        try:
            self._lock = Lock(self._own)
        except sqlite3.Error as error:
            raise AppError(f"the database could not be locked: {error}") from error
        self._stack.callback(self.unlock_database)

    def unlock_database(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def deploy(self, version: str, *, damaged: bool = False) -> None:
        folder = released(self.settings, self._domain, self._bundle, version)
        if damaged:
            damage(folder)
        with explained(self.settings):
            promote(self.settings, self._domain, version, f"the release {version} of scenario {self._story.name}")

    def roll_back(self) -> None:
        roll_back(self.settings, self._domain, f"scenario {self._story.name}")

    @property
    def decisions(self) -> Mapping[str, Decision]:
        with self._reader.lock:
            return dict(self._reader.seen.decisions)

    def decided(self) -> int:
        return len(self._reader.seen.decisions)

    def undecided(self) -> int:
        asked = self._source.asked()
        with self._reader.lock:
            return len(asked - self._reader.seen.decisions.keys())

    def repeated(self) -> int:
        with self._reader.lock:
            return self._reader.seen.repeated()

    def dead_letters(self) -> int:
        return self._reader.seen.letters

    def stored(self) -> int:
        return rows(self._own, self._domain.name)

    def visible(self) -> int:
        with self._reader.lock:
            return len(self._reader.seen.history) + len(self._reader.seen.decisions)

    def in_time(self, deadlines: float = 1.0) -> float:
        with self._reader.lock:
            return self._reader.seen.in_time(deadlines)

    def waiting_most(self) -> int:
        return max((sample.sent - sample.decided for sample in self.samples), default=0)

    def happened(self, what: str) -> int:
        return self._reader.seen.happened[what]

    def worth(self, name: str) -> float:
        with self._reader.lock:
            return self._reader.seen.worth().get(name, 0.0)

    @property
    def samples(self) -> list[Sample]:
        """How far things were, second by second."""
        return list(self._reader.samples) if hasattr(self, "_reader") else []

    def numbers(self) -> dict[str, float]:
        """What every report gives."""
        if not hasattr(self, "_reader"):
            return {}
        self._reader.sample()
        sums = {name: self.worth(name) for name in self._reader.seen.names}
        counts = {"events sent": len(self._source.asked()), "decided": self.decided(), "undecided": self.undecided()}
        more = {"decided twice": self.repeated(), "dead letters": self.dead_letters(), "decided in time": self.in_time()}
        return {**counts, **more, **sums}
