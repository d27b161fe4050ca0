"""`polyscore online`: a learner that takes one label at a time challenges the champion from the shadow, and is judged as candidates are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from threading import Event

import numpy as np
import orjson
from confluent_kafka import OFFSET_BEGINNING, Producer
from pydantic import ValidationError

from apps import loop_events, rereading
from apps.errors import BrokerError
from apps.kafka import explained, producer_config
from apps.logs import logger
from apps.monitor import now_us
from apps.partitions import KafkaSource, Message, Partition
from apps.retrain import limits
from apps.settings import Settings
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from domain.learning import Matrix, Rows
from exports.scorer import Scores
from models import gate
from models.answers import answers, outputs
from models.decide import Model
from models.online import WAITING, Online, Seen
from models.shadow import Shadow

VERSION, FORMAT = "online", "river"  # what stands on its decisions
_FEWEST = 500  # labelled decisions to be judged on
_SEED = 7
_log = logger(__name__)


class _Said:
    """The learner's last answer, as a scorer: what it says was said before, in the order of the decisions."""

    def __init__(self, domain: Domain) -> None:
        self.schema, self.values = domain.schema, tuple[float, ...]()

    def score(self, row: Sequence[float | None]) -> Scores:
        return Scores((), self.values)

    def score_batch(self, rows: Matrix) -> Matrix:
        return np.tile(self.values, (len(rows), 1))

    raw_batch = score_batch


def _unexplained(row: Sequence[float]) -> Matrix:
    raise NotImplementedError("a challenger's decisions carry no reasons")


class Challenger:
    """The learner of a domain, what it writes and when it is judged. ``every``: labels learned from between two judgements."""

    def __init__(self, settings: Settings, domain: Domain, producer: Producer, every: int) -> None:
        self._settings, self._domain, self._producer, self._every = settings, domain, producer, every
        self.online = Online(domain, int(domain.learning().recipe.params.get("num_class", 1)))
        self._said = _Said(domain)
        self._shadow = Shadow(domain, Model(VERSION, FORMAT, self._said, _unexplained))
        self._judged_at = 0
        self._us_a_row = 0.0

    def see(self, messages: Iterable[Message], *, live: bool) -> int:
        """Take in decisions and labels; ``live``: write what the learner would have done. Returns how many decisions it wrote."""
        written = 0
        for message in messages:
            value = message.value() or b""
            try:
                if message.topic() == self._domain.labels_topic:
                    self.online.learned(self._domain.parse_label(value))
                else:
                    written += self._decided(Decision.model_validate_json(value), live)
            except (ValidationError, MalformedEvent):  # kept among the dead letters by others
                continue
        if live and self.online.learned_rows - self._judged_at >= self._every:
            self._judged_at = self.online.learned_rows
            self._judge()
        return written

    def _decided(self, made: Decision, live: bool) -> int:
        began = time.perf_counter()
        found = self.online.decided(made)
        if found is None:
            return 0
        self._us_a_row += 0.01 * ((time.perf_counter() - began) * 1e6 - self._us_a_row)
        if not live:
            return 0
        self._said.values = tuple(found.tolist())
        would_be = self._shadow.decide(made, now_us())
        if would_be is None:  # by terms that this code does not know
            return 0
        self._producer.produce(self._domain.shadow_topic, orjson.dumps(would_be), made.key.encode())
        self._producer.poll(0)
        return 1

    def _judge(self) -> None:
        """The gate's own judgement of the latest labelled decisions; it passes nothing that no format carries."""
        verdict = judged(self._domain, list(self.online.seen), self._us_a_row, limits(self._settings))
        if verdict is not None:
            text = f"the online learner: {verdict.reason}"
            if self.online.forgotten:
                text += f"; {self.online.forgotten:,} decisions were forgotten before a label came: it keeps {WAITING:,}"
            _log.info(text, domain=self._domain.name)
            loop_events.tell(self._producer, loop_events.event(self._domain.name, "gate", VERSION, text, **verdict.to_json()))


def judged(domain: Domain, seen: list[Seen], us_a_row: float, limits: gate.Limits) -> gate.Verdict | None:
    """The learner against the champion that decided last, on what both answered before the label; None where that is too little."""
    width = outputs(domain)
    champion = seen[-1].champion if seen else ""
    rows = [s for s in seen if s.champion == champion and len(s.raw) == width]
    y = np.array([s.y for s in rows])
    if len(rows) < _FEWEST or len(np.unique(y)) < 2:  # a yes and a no
        return None
    of = Rows(np.stack([s.x for s in rows]), y, np.array([s.key for s in rows]), np.array([s.day for s in rows]))
    ours = answers(domain, np.stack([s.raw for s in rows]))
    theirs = np.stack([s.online for s in rows])
    beside = ours[:, theirs.shape[1] :]  # it has no models beside it: the champion's bounds stand in
    one = gate.Contender(champion, ours, 1, us_a_row, {})  # size and latency are no matter here: what has no artifact fails by that
    other = gate.Contender(VERSION, np.hstack([theirs, beside]), 0, us_a_row, {"every format": "refused"})
    return gate.judge(domain, of, one, other, limits, np.random.default_rng(_SEED))


def run(settings: Settings, domain: Domain, *, every: int, stop: Event) -> int:
    """Learn from all that the topics hold, then challenge until ``stop``; returns how many decisions were written.

    What it has learned is not kept: a restart learns it again. Raises ``BrokerError`` where Kafka does not answer.
    """
    producer = Producer(producer_config(settings, linger_ms=20))
    challenger = Challenger(settings, domain, producer, every)
    source = KafkaSource(settings, f"polyscore-{domain.name}-online", [domain.decisions_topic, domain.labels_topic])
    try:
        with explained(settings):
            there = source.look()
            unread = {place: extent.high for place, extent in there.items() if extent.high > extent.low}
            source.assign(dict.fromkeys(there, OFFSET_BEGINNING))
            _catch_up(challenger, source, unread, stop)
            _log.info("challenging from now on", domain=domain.name, labels=challenger.online.learned_rows)
            return _go_on(challenger, source, stop)
    finally:
        source.close()
        if producer.flush(10):
            raise BrokerError(f"Kafka did not take the online learner's decisions of {domain.name}; is it up?")


def _catch_up(challenger: Challenger, source: KafkaSource, unread: dict[Partition, int], stop: Event) -> None:
    """To the ends of the start."""
    while unread and not stop.is_set():
        messages = source.read()
        challenger.see(messages, live=False)
        unread = rereading.left(unread, messages, source.ended)


def _go_on(challenger: Challenger, source: KafkaSource, stop: Event) -> int:
    written = 0
    while not stop.is_set():
        written += challenger.see(source.wait(0.2), live=True)
    return written
