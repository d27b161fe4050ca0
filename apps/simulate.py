"""`polyscore simulate`: a simulated world's events and late labels, sent at a rate or at a speed, going on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, takewhile
from threading import Event as Flag
from threading import Timer
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from apps import process
from apps.kafka import consumer_config
from apps.lag import GroupLag
from apps.partitions import watermarks
from apps.replay import Pace, Replay, Sent, at_rate, at_speed
from apps.settings import Settings
from apps.topics import consumer_group
from domain.contract import Domain, Emission, MalformedEvent
from domain.registry import DOMAINS

LIVE = datetime(2026, 1, 1, tzinfo=UTC)  # when the simulated world goes live: what lies before is history
Say = Callable[[str], None]
_TOLD_EVERY = 10.0  # seconds
_PATIENCE = 20.0  # seconds to wait for a scorer that does nothing


@dataclass(frozen=True)
class Size:
    """How large a simulated world is, and of which seed."""

    seed: int
    customers: int
    terminals: int


def command(settings: Settings, domain_name: str, size: Size, pace: Pace, *, warmup_days: int, duration_s: float | None, say: Say) -> Sent:
    """Send history (once), then live events until stopped or the time is over. What Kafka has of this world is not sent again."""
    domain = DOMAINS[domain_name]
    world = domain.simulate(size.seed, LIVE - timedelta(days=warmup_days), customers=size.customers, terminals=size.terminals)
    emissions = _beyond(settings, domain, world, say)
    replay = Replay(settings, domain)
    with process.stoppable() as stop:
        first = _history(settings, domain, replay, emissions, stop, say)
        timer = Timer(duration_s, stop.set) if duration_s else None
        if timer:
            timer.daemon = True
            timer.start()
        sent = replay.send(chain(first, emissions), pace=pace, stop=stop, progress=_progress(domain, say))
    say(f"stopped: {sent.events:,} {domain.events_name} and {sent.labels:,} labels sent")
    return sent


def pace_of(rate: float | None, speed: float | None) -> Pace:
    """Events a second, or simulated seconds a second; 200 events a second if neither is said."""
    return at_speed(speed) if speed else at_rate(rate or 200.0)


def _history(settings: Settings, domain: Domain, replay: Replay, emissions: Iterator[Emission], stop: Flag, say: Say) -> list[Emission]:
    """Send what lies before ``LIVE`` as fast as Kafka takes it, wait until it is scored; returns the first live emission."""
    live: list[Emission] = []

    def before() -> Iterator[Emission]:
        for emission in emissions:
            if emission.at >= LIVE:
                live.append(emission)
                return
            yield emission

    sent = replay.send(before(), pace=None, stop=stop, progress=_progress(domain, say))
    if sent.events and not stop.is_set():
        say(f"history sent: {sent.events:,} {domain.events_name}; waiting until it is scored, so that live ones need not queue behind it")
        _until_scored(settings, domain, stop)
    return live


def _until_scored(settings: Settings, domain: Domain, stop: Flag) -> None:
    """Until the scorers' lag is gone, or has not moved for some time: then there is none, and live events go out anyway."""
    group = GroupLag(settings, consumer_group(domain), domain.events_topic)
    least, since = 1 << 62, time.monotonic()
    while least > 0 and time.monotonic() - since < _PATIENCE and not stop.wait(0.25):
        lag = group.events()
        if lag < least:
            least, since = lag, time.monotonic()
    group.close()


def _progress(domain: Domain, say: Say) -> Callable[[Sent, datetime], None]:
    told = time.monotonic()

    def progress(sent: Sent, at: datetime) -> None:
        nonlocal told
        if time.monotonic() - told >= _TOLD_EVERY:
            told = time.monotonic()
            say(f"{sent.events:,} {domain.events_name} sent; the simulated time is {at:%Y-%m-%d %H:%M}")

    return progress


def _beyond(settings: Settings, domain: Domain, world: Iterator[Emission], say: Say) -> Iterator[Emission]:
    """The world from where Kafka's newest event of it leaves off; all of it where the newest event is not of this world."""
    newest = _newest(settings, domain)
    if newest is None:
        return world
    until = newest.event_time + timedelta(days=2)  # a late event is sent after its time
    passed: list[Emission] = []
    at: datetime | None = None
    for emission in takewhile(lambda e: e.at <= until, world):
        passed.append(emission)
        if emission.stream == "events" and getattr(emission.value, "id", None) == newest.id:
            at = emission.at
    if at is None:
        return chain(passed, world)
    say(f"going on where the last run stopped, at {at:%Y-%m-%d %H:%M} of the simulated time")
    return chain((e for e in passed if e.at > at), world)


def _newest(settings: Settings, domain: Domain) -> Any:
    """The event of the latest event time among each partition's last message; None where there is none."""
    consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-simulate"))
    try:
        ends = watermarks(consumer, domain.events_topic)
        found = [_last(consumer, domain, partition, end) for partition, (first, end) in ends.items() if end > first]
    finally:
        consumer.close()
    return max((event for event in found if event is not None), key=lambda event: event.event_time, default=None)


def _last(consumer: Consumer, domain: Domain, partition: int, end: int) -> Any:
    consumer.assign([TopicPartition(domain.events_topic, partition, end - 1)])
    message = consumer.poll(10)
    try:
        return domain.parse_event(message.value()) if message is not None and message.error() is None else None
    except MalformedEvent:
        return None
