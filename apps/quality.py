"""How good decisions were, by day and version, and whether models are asked what they learned from; published on ``metrics``.

A process of its own beside ``apps.outcomes``, though both read the same topics: judging days takes scikit-learn and seconds of a processor
after a start, and the sums that people watch must not wait for it. What it says is a function of what stands on the topics, so a restart
publishes the same rows and the same alarms, each with the same key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict
from statistics import median_low
from threading import Event

import orjson
from confluent_kafka import Producer
from pydantic import BaseModel, ValidationError

from apps import loop_events, registry, rereading
from apps.errors import BrokerError
from apps.kafka import explained, producer_config
from apps.logs import logger
from apps.partitions import KafkaSource, Message, Partition
from apps.settings import Settings
from apps.tables import DriftWindow, LoopEvent, QualityWindow
from apps.topics import DRIFT_WINDOW, METRICS, MODELS, QUALITY_WINDOW
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from domain.registry import DOMAINS
from models.days import Days, date_of, day_of
from models.drift import Baseline
from models.quality import Quality
from models.registry import Registry
from models.watch import SHOWN, Limits, Moved, Turn, Watch

_EVERY_S = 10.0  # a day of 4,000 payments takes 0.2 s to judge, and labels come for ten days at once
_DAY_US = 86_400_000_000
_log = logger(__name__)


class Desk:
    """One domain: what is known of its decisions, labels and models, and what there is to tell of them."""

    def __init__(self, domain: Domain, limits: Limits | None = None) -> None:
        self.domain, self.registry = domain, Registry(domain.name)
        self.days = Days(domain)
        self._quality = Quality(self.days)
        self._watch = Watch(self.days, self._baseline, limits, self._expected)
        self._baselines: dict[str, Baseline] = {}
        self._said: set[str] = set()

    def _baseline(self, version: str) -> Baseline | None:
        """Of the version's bundle, as the registry knows it."""
        if version not in self._baselines and version in self.registry.versions:
            stated = self.registry.versions[version].manifest.get("baseline")
            try:
                if stated:  # an adopted file has none
                    self._baselines[version] = Baseline.from_json(stated)
            except (KeyError, TypeError, ValueError) as error:
                _log.warning("the baseline in its manifest cannot be read", domain=self.domain.name, version=version, why=repr(error))
        return self._baselines.get(version)

    def _expected(self, version: str) -> float | None:
        """What the version's report says of the headline measure."""
        stated = self.registry.versions[version].manifest.get("metrics", {}).get(self.domain.learning().headline, {}).get("mean")
        return float(stated) if isinstance(stated, int | float) else None

    def news(self, reached: int | None, *, caught_up: bool) -> list[BaseModel]:
        """What changed: windows, measures of drift and alarms. ``reached``: the day up to which all topics are read (None: all is).

        Until all is read, only days whose labels' time is over are told of, and let go.
        """
        now = self.days.now
        if now is None:
            return []
        now = now if reached is None else min(now, reached)
        measured, turns = self._watch.look(now)
        windows = self._quality.windows(now, None if caught_up else self.days.leaving(now))
        self.days.let_go(now)
        self._quality.forget()
        self._mention(self._watch.without)
        return [
            *(QualityWindow(**asdict(window)) for window in windows),
            *(DriftWindow(end_us=(m.day + 1) * _DAY_US, **{k: v for k, v in m._asdict().items() if k != "day"}) for m in measured),
            *(alarm(turn) for turn in turns),
        ]

    def _mention(self, versions: set[str]) -> None:
        for version in sorted(versions - self._said):
            _log.warning("its bundle has no baseline; drift is not computed for it", domain=self.domain.name, version=version)
        self._said |= versions


def alarm(turn: Turn) -> LoopEvent:
    """A drift that begins, grows or is over. Its time is that of the last decision it is about: the same after a restart."""
    if turn.moved:
        text = "; ".join(in_words(moved) for moved in turn.moved[:SHOWN])
        more = len(turn.moved) - SHOWN
        text = f"drift: {text}" + (f"; and {more} more" if more > 0 else "")
    else:
        text = f"no drift any more in the week up to {date_of(turn.day)}"
    details = {
        name: [{**m._asdict(), "since": date_of(m.since)} for m in found] for name, found in (("moved", turn.moved), ("fresh", turn.fresh))
    }
    return LoopEvent(
        domain=turn.domain,
        at_us=turn.at_us,
        what="drift" if turn.moved else "drift-over",
        version=turn.model_version,
        text=text,
        details={**orjson.loads(orjson.dumps(details)), "day": date_of(turn.day).isoformat()},
    )


def in_words(moved: Moved) -> str:
    """What moved, by how much, and since when."""
    since = f"since {date_of(moved.since)}"
    if moved.what == "psi":
        return f"{moved.name}: PSI {moved.value:.2f} (limit {moved.limit:.2f}) {since}"
    if moved.what == "quality":
        return f"{moved.name.replace('_', ' ')}: {moved.value:.3f} where {moved.was:.3f} was reported (limit {moved.limit:.3f}) {since}"
    if moved.what == "mean":
        return f"mean {moved.name}: {moved.value:.3f}, was {moved.was:.3f} {since}"
    return f"{moved.name}: {moved.value:.1%} {moved.what}, was {moved.was:.1%} {since}"


class Desks:
    """All domains' topics, told apart."""

    def __init__(self, domains: Iterable[Domain], limits: Limits | None = None) -> None:
        self.desks = {domain.name: Desk(domain, limits) for domain in domains}
        self._decided = {desk.domain.decisions_topic: desk for desk in self.desks.values()}
        self._shadow = {desk.domain.shadow_topic: desk for desk in self.desks.values()}
        self._labels = {desk.domain.labels_topic: desk for desk in self.desks.values()}
        self._cut: set[Partition] = set()
        self._reached: dict[Partition, int] = {}
        self.unreadable = 0

    @property
    def topics(self) -> list[str]:
        return [*self._decided, *self._shadow, *self._labels, MODELS]

    def begun(self, cut: Set[Partition]) -> None:
        """Of these partitions the beginning is gone: the days in which what is left of decisions begins are not whole."""
        self._cut = {place for place in cut if place[0] in self._decided}

    def see(self, messages: Sequence[Message]) -> None:
        """Take in decisions, labels and models. What cannot be read is told by the sink, or among the dead letters."""
        seen: dict[Partition, list[int]] = defaultdict(list)
        for message in messages:
            topic, value = message.topic(), message.value() or b""
            if topic == MODELS:
                for desk in self.desks.values():
                    registry.take_in(desk.registry, value)
                continue
            try:
                day = self._take_in(topic, value)
            except (ValidationError, MalformedEvent):
                self.unreadable += 1
            else:
                seen[topic, message.partition()].append(day)
        for place, days in seen.items():
            day = median_low(days)  # of several: one may have a wild clock
            self._reached[place] = max(day, self._reached.get(place, day))
            if place in self._cut:
                self._cut.discard(place)
                self._decided[place[0]].days.begin_after(day)

    def _take_in(self, topic: str, value: bytes) -> int:
        if topic in self._decided or topic in self._shadow:
            decision = Decision.model_validate_json(value)
            desk = self._decided.get(topic) or self._shadow[topic]
            desk.days.decided(decision, shadow=topic in self._shadow)
            return day_of(decision.event_time)
        label = self._labels[topic].domain.parse_label(value)
        self._labels[topic].days.learned(label)
        return day_of(label.event_time)

    def news(self, unread: Set[Partition]) -> list[BaseModel]:
        """What all desks have to tell, where these partitions are not read to their ends."""
        if any(topic == MODELS for topic, _ in unread):
            return []
        return [item for desk in self.desks.values() for item in self._news(desk, unread)]

    def _news(self, desk: Desk, unread: Set[Partition]) -> list[BaseModel]:
        own = [place for place in unread if place[0] in (desk.domain.decisions_topic, desk.domain.labels_topic)]
        if any(place not in self._reached for place in own):
            return []
        return desk.news(min((self._reached[place] for place in own), default=None), caught_up=not own)


def encode(item: BaseModel) -> bytes:
    """A row or an event as it travels on ``metrics``."""
    kind = QUALITY_WINDOW if isinstance(item, QualityWindow) else DRIFT_WINDOW if isinstance(item, DriftWindow) else loop_events.KIND
    return orjson.dumps({"kind": kind, **item.model_dump()})


def limits(settings: Settings) -> Limits:
    """From where on it is drift, as the environment says."""
    s = settings
    return Limits(
        psi=s.drift_psi, share=s.drift_share, mean=s.drift_mean, persist=s.drift_persist, adwin=s.drift_adwin, quality=s.drift_quality
    )


def run(settings: Settings, *, stop: Event) -> None:
    """Read from the first decision on, and publish what changed every ten seconds, until ``stop``. Raises ``BrokerError``."""
    desks = Desks([*DOMAINS.values()], limits(settings))
    source = KafkaSource(settings, "polyscore-quality", desks.topics)
    producer = Producer(producer_config(settings))
    try:
        with explained(settings):
            rereading.follow(
                source, desks.see, lambda unread: _publish(producer, desks.news(unread)), stop, every_s=_EVERY_S, begun=desks.begun
            )
    finally:
        source.close()
        producer.flush(5)
    if desks.unreadable:
        _log.warning("decisions or labels could not be read", count=desks.unreadable)


def _publish(producer: Producer, items: Iterable[BaseModel]) -> None:
    for item in items:
        try:
            producer.produce(METRICS, key=str(item.domain).encode(), value=encode(item))  # type: ignore[attr-defined]
        except BufferError as error:
            raise BrokerError("Kafka takes no more metrics; is it up? Start this again") from error
        producer.poll(0)
