"""`polyscore status`: what runs here, who decides, and how far each domain has come, read from Kafka and the process table."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

import orjson
import psutil
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from apps import broker, registry, sla
from apps.kafka import client_config, explained
from apps.lag import Watch
from apps.partitions import Extent, Message, Partition, extents, to_end
from apps.settings import Settings
from apps.tables import SlaWindow
from apps.terminal import milliseconds, say
from apps.topics import METRICS
from domain.contract import Domain
from domain.registry import DOMAINS
from models.registry import Standing as Announced

_NEWEST: Final = 2_000  # messages of ``metrics`` that are looked through for a domain's newest windows
_NOW_US: Final = 15_000_000  # a window that ended longer ago says nothing of now


@dataclass(frozen=True)
class Running:
    """A process of ours. ``memory_mb`` is resident, shared pages included; ``up_s`` since its start."""

    name: str
    pid: int
    memory_mb: float
    up_s: float


@dataclass(frozen=True)
class Standing:
    """How far a domain has come. ``lag``: events not yet scored; latencies of the newest windows, None where there are none now.

    ``events``, ``decisions``, ``alerts`` and ``dead_letters`` are counted by offsets: where they are written in transactions
    (exactly-once), Kafka's commit markers count too.
    """

    domain: str
    champion: str
    challengers: tuple[str, ...]
    share: float
    events: int
    decisions: int
    alerts: int
    dead_letters: int
    lag: int
    a_second: float
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Status:
    """All of it; ``domains`` is empty where no Kafka runs."""

    kafka: str
    processes: tuple[Running, ...]
    domains: tuple[Standing, ...]


def look(settings: Settings) -> Status:
    """What is so now. Raises ``BrokerError`` where the cluster that the environment names does not answer."""
    kafka, processes = broker.status(settings), tuple(sorted(running(settings), key=lambda p: p.name))
    if not kafka.running:
        return Status(str(kafka), processes, ())
    with explained(settings):
        admin = AdminClient(client_config(settings))
        domains = DOMAINS.values()
        topics = [t for d in domains for t in (d.events_topic, d.decisions_topic, d.alerts_topic, d.dead_letters_topic)]
        ends = extents(admin, [METRICS, *topics])
        windows, known = _newest_windows(settings, ends), registry.read_all(settings, DOMAINS)
        watch = Watch(settings, DOMAINS, 0.0, Event())
        watch.ask()
        found = tuple(standing(d, known[d.name].standing, ends, windows.get(d.name, ()), watch.lag[d.name]) for d in domains)
    return Status(str(kafka), processes, found)


def command(settings: Settings, console: Console, *, as_json: bool) -> None:
    """Show it: for people, or as JSON on standard output."""
    found = look(settings)
    if as_json:
        print(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2).decode())
        return
    say(console, found.kafka)
    console.print(_table(("process", "pid", "memory", "up"), [_process(p) for p in found.processes]) if found.processes else "")
    if not found.processes:
        say(console, f"no process of {settings.home} runs; `polyscore demo` starts everything")
    if found.domains:
        console.print(_table(_HEAD, [_row(d) for d in found.domains]))
        say(console, _COUNTED, "dim")
    elif not settings.kafka_bootstrap_servers:
        say(console, "where Kafka does not run, nothing is known of the domains")


def running(settings: Settings) -> Iterator[Running]:
    """Our processes of this home, but for the one that asks."""
    home, now = settings.home.absolute(), time.time()
    for process in psutil.process_iter():
        try:
            name = _name(process.cmdline())
            if not name or process.pid == os.getpid() or _home(process) != home:
                continue
            yield Running(name, process.pid, process.memory_info().rss / 1e6, now - process.create_time())
        except (psutil.Error, OSError):
            continue  # it has ended, or is somebody else's


def _name(words: Sequence[str]) -> str:
    """What a command line of ours runs, such as "stream fraud"; empty for any other."""
    for at, word in enumerate(words[:4]):
        if word == "apps.cli" or Path(word).name == "polyscore":
            return " ".join(
                words[at + 1 : at + 3] if words[at + 1 : at + 2] in (["stream"], ["simulate"], ["online"]) else words[at + 1 : at + 2]
            )
        if Path(word).name == "streamlit":
            return "dashboard"
    return ""


def _home(process: psutil.Process) -> Path:
    return Path(process.cwd()) / process.environ().get("POLYSCORE_HOME", ".polyscore")


def _newest_windows(settings: Settings, ends: Mapping[Partition, Extent]) -> dict[str, list[SlaWindow]]:
    starts = {place: max(extent.low, extent.high - _NEWEST) for place, extent in ends.items() if place[0] == METRICS}
    return newest(to_end(settings, METRICS, starts)) if starts else {}


def newest(messages: Iterable[Message]) -> dict[str, list[SlaWindow]]:
    """By domain, the windows with decisions that ended last: one for each version and format that decided."""
    found: dict[str, list[SlaWindow]] = {}
    for window in _windows(messages):
        there = found.get(window.domain)
        if there is None or window.end_us > there[0].end_us:
            found[window.domain] = [window]
        elif window.end_us == there[0].end_us:
            there.append(window)
    return found


def _windows(messages: Iterable[Message]) -> Iterator[SlaWindow]:
    for message in messages:
        try:
            value: Any = orjson.loads(message.value() or b"{}")
            if value["kind"] == sla.KIND and value["decisions"]:
                yield SlaWindow.model_validate(value)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValidationError):
            continue  # the sink keeps it among the dead letters


def standing(
    domain: Domain, announced: Announced | None, ends: Mapping[Partition, Extent], windows: Sequence[SlaWindow], lag: int
) -> Standing:
    """How far a domain has come; ``windows`` are the newest, of all that decided in it together."""

    def count(topic: str) -> int:
        return sum(extent.high - extent.low for (name, _), extent in ends.items() if name == topic)

    current = [window for window in windows if window.end_us > time.time() * 1e6 - _NOW_US]
    latency = sla.merge(current)
    return Standing(
        domain.name,
        announced.champion if announced else "",
        announced.challengers if announced else (),
        announced.share if announced else 0.0,
        count(domain.events_topic),
        count(domain.decisions_topic),
        count(domain.alerts_topic),
        count(domain.dead_letters_topic),
        lag,
        sum((window.throughput for window in current), 0.0),
        latency.p50_ms,
        latency.p99_ms,
    )


_COUNTED: Final = "counted by offsets: of what is written exactly once, Kafka's commit markers are counted too"
_HEAD: Final = ("domain", "champion", "challengers", "events", "decisions", "alerts", "dead letters", "lag", "a second", "p50", "p99")


def _row(d: Standing) -> tuple[str, ...]:
    counts = (f"{n:,}" for n in (d.events, d.decisions, d.alerts, d.dead_letters, d.lag))
    challengers = f"{len(d.challengers)}" + (f", {d.share:.0%} of the keys" if d.share else "")
    return (d.domain, d.champion or "none", challengers, *counts, f"{d.a_second:,.0f}", milliseconds(d.p50_ms), milliseconds(d.p99_ms))


def _process(p: Running) -> tuple[str, ...]:
    return p.name, str(p.pid), f"{p.memory_mb:,.0f} MB", str(timedelta(seconds=round(p.up_s)))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*head, box=None, header_style="dim", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    return table
