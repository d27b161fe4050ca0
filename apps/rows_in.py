"""`polyscore replay` for a table: the rows of a CSV file to its events topic, and the labels among them to its labels topic.

A cell goes out as it stands, as a source would send it: a text where a number is due is for the scorer to refuse, not for this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console

from apps import missing, process, table_csv, topics
from apps.csv_columns import NUMBER
from apps.errors import InputError
from apps.kafka import explained
from apps.replay import Pace, Replay, Sent
from apps.settings import Settings
from apps.table import CHUNK
from apps.table_names import placed
from apps.terminal import progress, say
from domain.contract import Emission
from domain.registry import DOMAINS
from domain.table.rows import RESERVED
from models import table_domain
from models.table_domain import Facts

_NUMBER = re.compile(NUMBER)
Clock = Callable[[], datetime]


def command(
    settings: Settings,
    name: str,
    data: list[Path],
    *,
    separator: str,
    pace: Pace | None,
    rate: float | None,
    limit: int | None,
    console: Console,
) -> Sent:
    """Send the files' rows and labels, in their order. Raises ``InputError`` for a file that is no table of these columns."""
    facts = table_domain.founded(settings.bundles / name)
    if facts is None:
        raise InputError(f"the bundle of {name} is gone; train it again")
    source, domain = Source(facts, separator, rate), DOMAINS[name]
    topics.create_own(settings, domain)
    total = min(limit or 1 << 62, sum(source.count(path, console) for path in data))
    with explained(settings), process.stoppable() as stop, progress(console) as told:
        rows = islice(source.rows(data), total)
        sent = Replay(settings, domain).send(
            (emission for row in rows for emission in row),
            pace=pace,
            stop=stop,
            progress=lambda sent, at: told("sending rows", sent.events, total),
        )
    say(console, f"sent {sent.events:,} rows to {domain.events_topic} and {sent.labels:,} labels in {sent.seconds:.1f} s")
    return sent


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Source:
    """What makes messages of the rows of a CSV file. ``rate``: of rows without a time, how many there are a second from now on."""

    facts: Facts
    separator: str = ","
    rate: float | None = None
    clock: Clock = now

    def count(self, path: Path, console: Console) -> int:
        """How many rows the file has; says what is left out. Raises ``InputError`` where a column that the model takes is missing."""
        rows, names = 0, list[str]()
        for names, columns in table_csv.read(str(path), self.separator, CHUNK):  # noqa: B007  # the last ones are all of them
            rows += len(columns[0])
        known = {*self.facts.schema.names, *self._other}
        if other := [name for name in self._named(path, names) if name not in known]:
            say(console, f"left out of the rows: {', '.join(map(repr, other))}, which the model does not look at")
        return rows

    def rows(self, data: list[Path]) -> Iterator[list[Emission]]:
        """The messages of each row: the row and, if there is one, its label. A row that names no id is numbered."""
        began, number = self.clock(), count(1)
        for path in data:
            for names, columns in table_csv.read(str(path), self.separator, CHUNK):
                named = self._named(path, names)
                for cells in zip(*(column.to_pylist() for column in columns), strict=True):
                    n = next(number)
                    yield self._messages(dict(zip(named, cells, strict=True)), f"{path.stem}-{n}", self._at(began, n))

    def _named(self, path: Path, names: list[str]) -> list[str]:
        """The columns by the model's names. Raises ``InputError``."""
        return placed(str(path), names, self.facts.schema.names, self._other)

    @property
    def _other(self) -> set[str]:
        return {*RESERVED, self.facts.label}

    def _at(self, began: datetime, number: int) -> datetime:
        return began + timedelta(seconds=(number - 1) / self.rate) if self.rate else self.clock()

    def _messages(self, cells: Mapping[str, str], numbered: str, otherwise: datetime) -> list[Emission]:
        ident = cells.get("id", "").strip() or numbered
        key = cells.get("key", "").strip() or ident
        at, written = _time(cells.get("event_time", ""), otherwise)
        told = {"id": ident, "event_time": written, **({"key": key} if key != ident else {})}
        row = {f.name: cell(cells[f.name], numeric=not f.labelled) for f in self.facts.schema.features}
        found = [Emission(at, "events", key, orjson.dumps({**told, **row}))]
        value = cell(cells.get(self.facts.label, ""), numeric=not self.facts.classes)
        if value is not None and self.facts.label not in RESERVED:
            found.append(Emission(at, "labels", key, orjson.dumps({**told, "value": value})))
        return found


def cell(text: str, *, numeric: bool) -> float | str | None:
    """A cell as JSON has it: a blank one is missing, and among numbers one that says so."""
    plain = text.strip()
    if not plain or not numeric:
        return text if plain else None
    if missing.is_marker(plain):
        return None
    if not _NUMBER.match(plain) or np.isinf(value := float(plain)):
        return text
    return value


def _time(text: str, otherwise: datetime) -> tuple[datetime, Any]:
    """A row's time, in UTC where it names no zone, and as it goes out. One that cannot be read goes out as it is."""
    if not text.strip():
        return otherwise, otherwise.isoformat()
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return otherwise, text
    zoned = found if found.tzinfo else found.replace(tzinfo=UTC)
    return zoned, zoned.isoformat()
