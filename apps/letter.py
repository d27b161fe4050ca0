"""A dead letter as what handles it sees it, and its place as one word. Knows neither Kafka nor the database."""

from __future__ import annotations

import re
from typing import Protocol

_PLACE = re.compile(r"([^/]+)/([0-9]{1,9})/([0-9]{1,18})")


class Placed(Protocol):
    """What stands at a place of a dead-letter topic."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


class Letter(Placed, Protocol):
    """What is used of a ``DeadLetterRow``."""

    @property
    def domain(self) -> str: ...
    @property
    def original(self) -> bytes: ...
    @property
    def source_topic(self) -> str: ...
    @property
    def source_partition(self) -> int: ...


def place(letter: Placed) -> str:
    """Where a letter stands, as one word: topic/partition/offset."""
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def placed(text: str) -> tuple[str, int, int] | None:
    """A letter's topic, partition and offset from what ``place`` wrote; None for anything else."""
    found = _PLACE.fullmatch(text)
    return (found[1], int(found[2]), int(found[3])) if found else None
