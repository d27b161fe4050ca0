"""`polyscore replay`: recorded events through the same topics as live ones, labels late, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console

from apps import process
from apps.kafka import explained
from apps.replay import Pace, Replay, Sent
from apps.settings import Settings
from apps.terminal import progress, say
from domain.contract import Emission
from domain.registry import DOMAINS
from models.recorded import recording


def command(settings: Settings, domain_name: str, data: list[Path], *, pace: Pace | None, limit: int | None, console: Console) -> Sent:
    """Send the files' events and labels in order of time. Raises ``DataError`` or ``BrokerError``."""
    domain = DOMAINS[domain_name]
    known = recording(domain)
    events, emissions = known.count(data), known.emissions(data)
    if limit is not None and limit < events:
        events, emissions = limit, _first(emissions, limit)
    with explained(settings), process.stoppable() as stop, progress(console) as told:
        sent = Replay(settings, domain).send(
            emissions,
            pace=pace,
            stop=stop,
            progress=lambda sent, at: told(f"sending {domain.events_name}", sent.events, events),
        )
    rate = sent.events / max(sent.seconds, 1e-9)
    words = f"sent {sent.events:,} {domain.events_name} and {sent.labels:,} labels in {sent.seconds:.1f} s ({rate:,.0f} a second)"
    say(console, words)
    return sent


def _first(emissions: Iterable[Emission], events: int) -> Iterator[Emission]:
    """Up to and including the ``events``-th event."""
    for emission in emissions:
        yield emission
        events -= emission.stream == "events"
        if events == 0:
            return
