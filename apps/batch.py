"""`polyscore batch`: the stream's decisions once more, from the topics up to now: the newest of each key, as a list."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer
from rich.console import Console

from apps import history, loading, registry
from apps.errors import BrokerError, InputError
from apps.kafka import consumer_config, explained, produce, producer_config
from apps.out_file import written
from apps.partitions import watermarks
from apps.settings import Settings
from apps.sheet import harmless
from apps.terminal import progress, say
from apps.topics import incoming
from domain.contract import Domain, MalformedEvent
from domain.registry import DOMAINS
from models.dataset import Progress, silent
from models.decide import Model, decide

_ORIGIN = ("decision_id", "model_version", "format")
_TOLD_EVERY = 2_000  # events


@dataclass(frozen=True)
class Options:
    """What `polyscore batch` was told. ``since``: keys without an event from then on are left out; ``everything``: the calm too."""

    domain: str
    since: datetime
    bundle: Path | None
    format: str
    out: Path
    everything: bool


def command(settings: Settings, options: Options, console: Console) -> int:
    """Write the list as CSV, send it to the domain's batch topic, and return its length.

    Raises ``InputError`` for a file that cannot be written or a bundle that does not fit, ``BrokerError`` without a Kafka.
    """
    domain = DOMAINS[options.domain]
    model = loading.load(settings, domain, options.bundle or registry.champion(settings, domain.name), options.format)
    with explained(settings), progress(console) as told:
        if _cut(settings, domain):
            why = f"the first messages of {domain.events_topic} are not kept any more"
            say(console, f"{why}: what reaches back beyond them the stream knows, and this list does not")
        domain = domain.with_terms(registry.read(settings, domain.name).terms)  # a list of now: by what is in force now
        newest = decided(domain, model, _past(settings, domain), told)
    rows = [d for d in newest if d["event_time"] >= options.since and (options.everything or domain.actions.get(d["action"]) != "calm")]
    rows.sort(key=lambda d: d["score"], reverse=not domain.alerts_when_low)
    _write(domain, rows, options.out)
    _send(settings, domain, rows)
    say(console, f"{len(newest):,} {domain.key_name}s scored by model {model.version} as {model.format}; {len(rows):,} in {options.out}")
    return len(rows)


def _cut(settings: Settings, domain: Domain) -> bool:
    """Whether Kafka has let go of events."""
    consumer = Consumer(consumer_config(settings, f"polyscore-{domain.name}-batch"))
    try:
        return any(low > 0 for low, _ in watermarks(consumer, domain.events_topic).values())
    finally:
        consumer.close()


def _past(settings: Settings, domain: Domain) -> Iterator[history.Past]:
    topics = {**incoming(domain), domain.labels_topic: domain.parse_label}
    return history.read(settings, topics, what=f"{domain.name}-batch")


def decided(domain: Domain, model: Model, past: Iterable[history.Past], told: Progress = silent) -> list[dict[str, Any]]:
    """The newest decision of each key, as ``models.decide`` makes it from this past: what a stream that read it has decided."""
    features, states, memories = domain.features(), dict[str, bytes](), dict[str, bytes]()
    newest: dict[str, dict[str, Any]] = {}
    for number, (_, value, broker_ms) in enumerate(past):
        if number % _TOLD_EVERY == 0:
            told(f"going through the {domain.events_name}", number, 0)
        if not hasattr(value, "decides"):
            features.learn(value)
            continue
        try:
            found = decide(domain, features, model, value, states.get(value.key), memories.get(value.key))
        except MalformedEvent:
            continue
        if not found.repeated:
            states[value.key] = found.state
        if found.memory is not None:
            memories[value.key] = found.memory
        before = newest.get(value.key)
        if found.fields and (before is None or value.event_time >= before["event_time"]):
            newest[value.key] = {**found.fields, "source_us": None, "broker_us": broker_ms * 1000, "decided_us": time.time_ns() // 1000}
    return list(newest.values())


def _write(domain: Domain, rows: list[dict[str, Any]], out: Path) -> None:
    columns = [
        domain.key_name,
        "action",
        "score",
        "threshold",
        *domain.shown,
        "event_time",
        "decision_id",
        "model_version",
        "format",
        "reasons",
    ]
    with written(out) as file:
        sheet = csv.DictWriter(file, columns)
        sheet.writeheader()
        sheet.writerows({name: harmless(_cell(domain, row, name)) for name in columns} for row in rows)


def _cell(domain: Domain, row: dict[str, Any], name: str) -> object:
    if name == domain.key_name:
        return row["key"]
    if name in domain.shown:
        return row["context"].get(name)
    value = row[name]
    return value.isoformat() if isinstance(value, datetime) else "; ".join(value) if isinstance(value, list) else value


def _send(settings: Settings, domain: Domain, rows: list[dict[str, Any]]) -> None:
    """To the batch topic, each under its key and the moment of the run."""
    producer, run_us = Producer(producer_config(settings)), time.time_ns() // 1000
    for row in rows:
        produce(producer, domain.batch_topic, orjson.dumps({"run_us": run_us, **row}), row["key"].encode())
    if producer.flush(30):
        raise BrokerError(f"Kafka did not take the list on {domain.batch_topic}; is it up? Run the batch again")


def moment(text: str | None, option: str = "--since") -> datetime:
    """An ISO date or time (UTC where it names no zone) as a datetime; the beginning where there is none. Raises ``InputError``."""
    if text is None:
        return datetime.min.replace(tzinfo=UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text!r} is no date; write 2026-01-31 or 2026-01-31T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
