"""Kafka in memory, as the sink needs it: topics that keep messages, can be cut, and made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from apps.partitions import Extent, Headers, Partition
from domain.decision import Decision

T0_MS = 1_772_366_400_000
_ids = count(1)


@dataclass
class Stored:
    """A message with the methods of ``confluent_kafka.Message``."""

    place: Partition
    at: int
    body: bytes | None
    heads: Headers

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes | None:
        return self.body

    def headers(self) -> Headers | None:
        return self.heads or None

    def timestamp(self) -> tuple[int, int]:
        return (1, T0_MS + self.at)


class MemoryLog:
    """The ``Source`` of the sink. Offsets may have gaps, as transaction markers leave them."""

    def __init__(self, batch: int = 100) -> None:
        self.stale = False
        self.batch = batch
        self.messages: dict[Partition, list[Stored]] = {}
        self.ids: dict[str, str] = {}
        self.ends: dict[Partition, int] = {}
        self.positions: dict[Partition, int] = {}
        self.reads = 0

    def send(self, topic: str, value: bytes | None, *, partition: int = 0, headers: Headers = (), gap: int = 0) -> Stored:
        place = (topic, partition)
        self.ids.setdefault(topic, f"id-{next(_ids)}")
        offset = self.ends.get(place, 0) + gap
        self.ends[place] = offset + 1
        message = Stored(place, offset, value, headers)
        self.messages.setdefault(place, []).append(message)
        return message

    def make_anew(self, topic: str) -> None:
        for place in [place for place in self.messages if place[0] == topic]:
            del self.messages[place], self.ends[place]
        del self.ids[topic]

    def cut(self, place: Partition, before: int) -> None:
        self.messages[place] = [m for m in self.messages[place] if m.at >= before]

    def look(self) -> dict[Partition, Extent]:
        self.stale = False
        return {p: Extent(self.ids[p[0]], ms[0].at if ms else self.ends[p], self.ends[p]) for p, ms in self.messages.items()}

    def assign(self, positions: Mapping[Partition, int]) -> None:
        self.positions = dict(positions)

    def read(self) -> Sequence[Stored]:
        self.reads += 1
        found: list[Stored] = []
        for place, position in self.positions.items():
            found += [m for m in self.messages.get(place, []) if m.at >= position][: self.batch - len(found)]
        for message in found:
            self.positions[message.place] = message.at + 1
        return found

    def close(self) -> None:
        self.positions = {}


def decision(number: int, **changes: Any) -> bytes:
    """A decision as the scorer sends it."""
    fields: dict[str, Any] = {
        "domain": "fraud",
        "decision_id": f"t{number}",
        "key": f"c{number % 7}",
        "event_time": f"2026-03-01T12:{number // 60 % 60:02}:{number % 60:02}Z",
        "action": "approve",
        "alert": False,
        "score": 0.25,
        "threshold": 0.5,
        "raw": [-1.0986],
        "features": [12.5, None, 3.0],
        "context": {"amount": 12.5, "merchant_category": None},
        "reasons": [],
        "model_version": "v1",
        "format": "pmml",
        "source_us": T0_MS * 1000 + number,
        "broker_us": T0_MS * 1000 + number + 1000,
        "decided_us": T0_MS * 1000 + number + 3000,
    }
    body = orjson.dumps(fields | changes)
    Decision.model_validate_json(body)
    return body
