"""`polyscore loop`: trains a domain's model again when its rules say so, and takes a bad promotion back. Knows only what the topics say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from signal import Signals
from threading import Event
from typing import Any

import orjson
from confluent_kafka import OFFSET_BEGINNING, Producer
from confluent_kafka.admin import AdminClient

from apps import loop_events, moves, registry
from apps.children import Child
from apps.errors import InputError
from apps.kafka import bootstrap, client_config, explained, producer_config
from apps.logs import logger
from apps.monitor import now_us
from apps.partitions import KafkaSource, Message, Partition, extents
from apps.settings import Settings
from apps.tables import LoopEvent
from apps.topics import METRICS, MODELS, QUALITY_WINDOW
from domain.contract import Domain
from models.errors import ModelError
from models.registry import Cause, Registry
from models.rules import Rules, Step, Watch

BY, GATE = "loop", "gate"  # who moved a version, in the registry
CHALLENGERS = 3  # beside a champion; the oldest are archived
_COUNT_EVERY = 2.0  # seconds between two looks at how many labels there are
_WORKING = 3.0  # seconds that a training gets to end when the loop is asked to stop
_log = logger(__name__)
Retrain = Callable[[Domain, str], Child]


class Loop:
    """The watches of some domains, and the one training that runs. ``retrain`` starts one."""

    def __init__(self, settings: Settings, domains: Sequence[Domain], rules: Rules, retrain: Retrain, producer: Producer) -> None:
        self._settings, self._retrain, self._producer = settings, retrain, producer
        self._domains = {domain.name: domain for domain in domains}
        self._watches = {domain.name: Watch(domain, rules) for domain in domains}
        self._known = {domain.name: Registry(domain.name) for domain in domains}
        self._running: tuple[str, Child] | None = None
        self._given_up: set[str] = set()  # domains of which a move failed, until their standing changes: not tried every two seconds

    def see(self, messages: Sequence[Message]) -> None:
        """Take in what was announced and measured."""
        for message in messages:
            if message.topic() == MODELS:
                self._announced(message.value())
            else:
                self._told(message.value() or b"")

    def _announced(self, value: bytes | None) -> None:
        for name, known in self._known.items():
            before = known.standing
            registry.take_in(known, value)
            if known.standing is not None and known.standing != before:
                self._watches[name].stands(known.standing)
                self._given_up.discard(name)

    def _told(self, value: bytes) -> None:
        try:
            fields = orjson.loads(value)
            watch = self._watches.get(fields["domain"])
            if watch is None:
                return
            if fields["kind"] == loop_events.KIND:
                _happened(watch, fields)
            elif fields["kind"] == QUALITY_WINDOW:
                watch.measured(date.fromisoformat(fields["day"]), fields["model_version"], fields["labelled"], fields["metrics"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return  # the sink keeps it among the dead letters

    def step(self, labels: Mapping[str, int]) -> None:
        """Do what is due. ``labels``: how many there are, by domain. Raises ``BrokerError``."""
        self._finish()
        for name, watch in self._watches.items():
            may_move = name not in self._given_up
            if may_move:
                self._beside(name)
            if due := watch.next(now_us(), labels.get(name, 0), back=may_move and self._by_us(name)):
                self._do(name, due, labels.get(name, 0))

    def _do(self, name: str, due: Step, labels: int) -> None:
        if due.what == "rollback":
            self._roll_back(name, due.why)
        elif self._running is None:
            _log.info("training again", domain=name, why=due.why)
            self._tell(loop_events.event(name, "retraining", "", f"training again: {due.why}", labels=labels, why=due.why))
            self._watches[name].trained(now_us(), labels)
            self._running = (name, self._retrain(self._domains[name], due.why))

    def _finish(self) -> None:
        """Let go of a training that has ended; what it came to, it has told itself, unless it was killed: that is told here."""
        if self._running is None or self._running[1].running:
            return
        name, child = self._running
        self._running = None
        if status := child.popen.returncode:
            text = f"the training ended with status {status}: {child.last_words()[-500:]}"
            _log.warning(text, domain=name)
            if status < 0:
                reason = f"killed by {Signals(-status).name}; a machine that runs out of memory does that"
                self._tell(loop_events.event(name, "retraining", "", f"not retrained: {reason}", reason=reason))

    def _roll_back(self, name: str, why: str) -> None:
        self._move(name, lambda domain: moves.rollback(self._settings, domain, Cause(now_us(), BY, why)))

    def _by_us(self, name: str) -> bool:
        """Whether it was no person who made the champion what it is: what a person wants is not undone."""
        known = self._known[name]
        champion = known.versions.get(known.standing.champion) if known.standing else None
        return champion is not None and champion.steps[-1].by in (BY, GATE)

    def _beside(self, name: str) -> None:
        """Keep the champion before this one in the shadow: on the same events it is seen whether the change was for the better."""
        known = self._known[name]
        standing = known.standing
        if standing is None or standing.by not in (BY, GATE) or not standing.former:
            return
        last = standing.former[0]
        if last in standing.challengers or last not in known.versions or known.versions[last].stage != "archived":
            return
        if standing.share:  # another challenger decides for real; it stays the first in line
            return
        why = f"watched beside its successor {standing.champion}"
        if not self._move(name, lambda domain: moves.challenge(self._settings, domain, last, 0.0, Cause(now_us(), BY, why))):
            return
        for old in standing.challengers[CHALLENGERS - 1 :]:
            cause = Cause(now_us(), BY, f"more than {CHALLENGERS} challengers")
            self._move(name, partial(self._archive, old, cause))

    def _archive(self, version: str, cause: Cause, domain: Domain) -> str:
        return moves.archive(self._settings, domain, version, cause)

    def _move(self, name: str, move: Callable[[Domain], str]) -> bool:
        """A move in the registry; one that makes no sense any more, or a bundle that is gone, is said and left. Whether it was made."""
        before, made = self._known[name].standing, True
        try:
            _log.info(move(self._domains[name]), domain=name)
        except (ModelError, InputError) as error:
            _log.warning(str(error), domain=name)
            self._given_up.add(name)
            made = False
        self._known[name] = registry.read(self._settings, name)
        if standing := self._known[name].standing:
            self._watches[name].stands(standing)
        if standing != before:  # by this move, or by one that came before it
            self._given_up.discard(name)
        return made

    def _tell(self, happened: LoopEvent) -> None:
        loop_events.tell(self._producer, happened)
        self._producer.flush(5)

    def close(self) -> None:
        """Stop a training that runs: it is begun again when it is due."""
        if self._running is not None:
            self._running[1].stop(_WORKING)


def _happened(watch: Watch, fields: Mapping[str, Any]) -> None:
    if fields["what"] == "drift":
        watch.drifted(fields["version"], fields["at_us"], fields["text"])
    elif fields["what"] == "drift-over":
        watch.drifted(fields["version"], fields["at_us"], "")
    elif fields["what"] == "retraining" and "labels" in fields["details"]:
        watch.trained(fields["at_us"], fields["details"]["labels"])


def run(settings: Settings, domains: Sequence[Domain], rules: Rules, *, stop: Event) -> None:
    """Watch until ``stop``. The state is what the topics hold: a restart goes on where the last loop was. Raises ``BrokerError``."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap(settings)}

    def retrain(domain: Domain, why: str) -> Child:
        return Child.start(
            f"{domain.name}-retrain", ["-m", "apps.cli", "retrain", domain.name, "--why", why], Path(settings.logs), environment
        )

    source, producer = KafkaSource(settings, "polyscore-loop", [METRICS, MODELS]), Producer(producer_config(settings))
    loop, admin = Loop(settings, domains, rules, retrain, producer), AdminClient(client_config(settings))
    try:
        with explained(settings):
            there = source.look()
            source.assign(dict.fromkeys(there, OFFSET_BEGINNING))
            _catch_up(loop, source, there, stop)
            _go_on(loop, source, lambda: _labels(admin, domains), stop)
    finally:
        loop.close()
        source.close()
        producer.flush(5)


def _catch_up(loop: Loop, source: KafkaSource, there: Iterable[Partition], stop: Event) -> None:
    """Read what happened before, to its end: nothing is done about what was answered already."""
    while not stop.is_set() and not source.ended.issuperset(there):
        loop.see(source.read())


def _go_on(loop: Loop, source: KafkaSource, count: Callable[[], Mapping[str, int]], stop: Event) -> None:
    counted, labels = time.monotonic(), count()
    while not stop.is_set():
        loop.see(source.wait(0.2))
        if time.monotonic() - counted >= _COUNT_EVERY:
            counted, labels = time.monotonic(), count()
            loop.step(labels)


def _labels(admin: AdminClient, domains: Sequence[Domain]) -> dict[str, int]:
    """How many labels have come, by domain: where their topics end."""
    found = extents(admin, [domain.labels_topic for domain in domains])
    return {d.name: sum(e.high for (topic, _), e in found.items() if topic == d.labels_topic) for d in domains}
