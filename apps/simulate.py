"""`polyscore simulate`: a simulated world's events and late labels, sent at a rate or at a speed, going on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from threading import Event as Flag
from threading import Timer
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from rich.console import Console

from apps import process
from apps.errors import InputError
from apps.kafka import consumer_config, explained
from apps.lag import GroupLag
from apps.partitions import watermarks
from apps.replay import Pace, Replay, Sent, at_rate, at_speed
from apps.settings import Settings
from apps.terminal import Progress, progress, say
from apps.topics import consumer_group
from domain.contract import Domain, Emission, MalformedEvent
from domain.messages import LATEST
from domain.registry import DOMAINS

LIVE = datetime(2026, 1, 1, tzinfo=UTC)  # when the simulated world goes live: what lies before is history
END = LATEST - timedelta(days=366)  # of a simulated world: labels become known after what they speak of
_TOLD_EVERY = 10.0  # seconds
_PATIENCE = 20.0  # seconds to wait for a scorer that does nothing


@dataclass(frozen=True)
class Size:
    """How large a simulated world is, and of which seed."""

    seed: int
    of: Mapping[str, int]  # what the domain's ``sizes`` names
    drift_after_days: int = 0  # when what is to be learned changes, counted from the world's beginning; 0: never


def command(
    settings: Settings, domain_name: str, size: Size, pace: Pace, *, warmup_days: int, duration_s: float | None, console: Console
) -> Sent:
    """Send history (once), then live events until stopped or the time is over. What Kafka has of this world is not sent again.

    Raises ``BrokerError`` where Kafka does not take it.
    """
    domain = DOMAINS[domain_name]
    start = LIVE - timedelta(days=warmup_days)
    sizes = _sizes(domain, size)
    with explained(settings), process.stoppable() as stop:
        emissions, at = beyond(lambda: _until_the_end(domain.simulate(size.seed, start, **sizes)), _newest(settings, domain))
        if at is not None:
            say(console, f"going on where the last run stopped, at {at:%Y-%m-%d %H:%M} of the simulated time")
        replay = Replay(settings, domain)
        with progress(console) as told:
            first = _history(replay, emissions, start, stop, told)
            if replay.sent.events and not stop.is_set():
                _until_scored(settings, domain, stop, told)
        timer = Timer(duration_s, stop.set) if duration_s else None
        if timer:
            timer.daemon = True
            timer.start()
        sent = replay.send(chain(first, emissions), pace=pace, stop=stop, progress=_now_and_then(domain, console))
    say(console, f"stopped: {sent.events:,} {domain.events_name} and {sent.labels:,} labels sent")
    return sent


def _sizes(domain: Domain, size: Size) -> dict[str, int]:
    unknown = [name for name, number in size.of.items() if name not in domain.sizes or number < 1]
    if unknown:
        known = ", ".join(f"{name}={number}" for name, number in domain.sizes.items())
        raise InputError(f"--size {unknown[0]}={size.of[unknown[0]]}: a world of {domain.name} has {known}, or other numbers above 0")
    drift = {"drift_after_days": size.drift_after_days} if size.drift_after_days else {}
    return {**domain.sizes, **size.of, **drift}


def pace_of(rate: float | None, speed: float | None, otherwise: float) -> Pace:
    """Events a second, or simulated seconds a second; ``otherwise`` events a second if neither is said. Raises ``InputError`` for both."""
    if rate is not None and speed is not None:
        raise InputError("--rate and --speed each set the pace: give one of them")
    return at_rate(otherwise if rate is None else rate) if speed is None else at_speed(speed)


def _history(replay: Replay, emissions: Iterator[Emission], start: datetime, stop: Flag, told: Progress) -> list[Emission]:
    """Send what lies before ``LIVE`` as fast as Kafka takes it; returns the first live emission."""
    live: list[Emission] = []
    days = (LIVE - start).days

    def before() -> Iterator[Emission]:
        for emission in emissions:
            if emission.at >= LIVE:
                live.append(emission)
                return
            yield emission

    replay.send(before(), pace=None, stop=stop, progress=lambda sent, at: told("sending history, days", (at - start).days, days))
    if live and replay.sent.events:
        told("sending history, days", days, days)
    return live


def _until_scored(settings: Settings, domain: Domain, stop: Flag, told: Progress) -> None:
    """Until the scorers' lag is gone, so that live events need not queue behind history.

    Or until it has not moved for some time: then there is no scorer, and live events go out anyway.
    """
    group = GroupLag(settings, consumer_group(domain), domain.events_topic)
    try:
        most, least, since = 0, 1 << 62, time.monotonic()
        while least > 0 and time.monotonic() - since < _PATIENCE and not stop.wait(0.25):
            lag = group.events()
            most = max(most, lag)
            if lag < least:
                least, since = lag, time.monotonic()
                told(f"waiting until history is scored, {domain.events_name}", most - lag, most)
    finally:
        group.close()


def _now_and_then(domain: Domain, console: Console) -> Callable[[Sent, datetime], None]:
    told = time.monotonic()

    def progress(sent: Sent, at: datetime) -> None:
        nonlocal told
        if time.monotonic() - told >= _TOLD_EVERY:
            told = time.monotonic()
            say(console, f"{sent.events:,} {domain.events_name} sent; the simulated time is {at:%Y-%m-%d %H:%M}")

    return progress


def _until_the_end(world: Iterator[Emission]) -> Iterator[Emission]:
    """A world's emissions. Raises ``InputError`` where it has come to the end of time, as messages tell it."""
    for emission in world:
        if emission.at >= END:
            raise InputError(f"the simulated world has come to {END:%Y}, where it ends; begin a new one with `polyscore reset`")
        yield emission


def beyond(begun: Callable[[], Iterator[Emission]], newest: Any) -> tuple[Iterator[Emission], datetime | None]:
    """The world, which ``begun`` begins, from right behind the event that is ``newest`` in Kafka, and when that was sent.

    All of it if it has no such event.

    Emissions go out in their order, so none that lies behind it was left out before it. What a late event or a label
    brought there before is sent again: repeats change nothing.
    """
    if newest is None:
        return begun(), None
    world, until = begun(), newest.event_time + timedelta(days=2)  # a late event is sent after its time
    for emission in world:
        if emission.stream == "events" and getattr(emission.value, "id", None) == newest.id:
            return world, emission.at
        if emission.at > until:
            break
    return begun(), None


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
