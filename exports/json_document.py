"""JSON from strangers: a key once in an object, no number that JSON does not have, nesting as deep as asked for and no deeper."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

from exports import files
from exports.errors import CorruptArtifact

Json = Any
_STRING: Final = r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"'
_NUMBER: Final = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
_TOKEN: Final = re.compile(rf"[ \t\n\r]*(?:([{{}}\[\],:])|({_STRING})|({_NUMBER}|true|false|null)|\Z)")
_VALUE: Final = "{[sv"  # what a value may start with; s is a string, v another value without parts
_KEY: Final = ("s", "s}")
_END: Final = "."


def read(path: Path, most_levels: int) -> Json:
    """The file's one value. Raises ``CorruptArtifact``, also for more than ``most_levels`` of nesting."""
    text = files.text(path)
    try:
        return parse(text, most_levels)
    except ValueError as error:
        raise CorruptArtifact(path.name, f"no JSON that is read here: {error}") from None


def parse(text: str, most_levels: int) -> Json:
    """The value of a JSON text. Raises ``ValueError``. Python's own parser comes first: it gives up at about a thousand levels."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        return parse_deep(text, most_levels)


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def parse_deep(text: str, most_levels: int) -> Json:
    """``parse`` without recursion, at a tenth of the speed."""
    reading = _Reading(most_levels)
    for kind, token in _tokens(text):
        reading.take(kind, token)
    return reading.found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Each token with its kind: a mark is its own."""
    at = 0
    while match := _TOKEN.match(text, at):
        at = match.end()
        mark, string, value = match.groups()
        yield (mark, mark) if mark else ("s", string) if string else ("v", value) if value else (_END, "the end")
        if not (mark or string or value):
            return
    raise ValueError(f"{text[at : at + 20]!r} at character {at}")


class _Reading:
    """What is open so far, and in ``due`` the kinds of token that may come next."""

    def __init__(self, most_levels: int) -> None:
        self.found: Json = None
        self._most_levels = most_levels
        self._open: list[list[Json]] = []  # the items so far; of an object, keys and values in turn
        self._marks: list[str] = []  # and what opened them
        self._due = _VALUE

    def take(self, kind: str, token: str) -> None:
        if kind not in self._due:
            raise ValueError(f"{token[:40]} where one of {' '.join(self._due)} was due")
        if kind in "{[":
            self._begin(kind)
        elif kind in "]}":
            self._marks.pop()
            items = self._open.pop()
            self._value(items if kind == "]" else _once(list(zip(items[::2], items[1::2], strict=True))))
        elif kind == ",":
            self._due = _KEY[0] if self._marks[-1] == "{" else _VALUE
        elif kind == ":":
            self._due = _VALUE
        elif self._due in _KEY:
            self._open[-1].append(json.loads(token))
            self._due = ":"
        elif kind != _END:
            self._value(json.loads(token))

    def _begin(self, mark: str) -> None:
        if len(self._open) == self._most_levels:
            raise ValueError(f"nested more deeply than {self._most_levels} levels")
        self._open.append([])
        self._marks.append(mark)
        self._due = _KEY[1] if mark == "{" else f"{_VALUE}]"

    def _value(self, value: Json) -> None:
        """A whole value: an item of what is open, or all there is."""
        if not self._open:
            self.found, self._due = value, _END
            return
        self._open[-1].append(value)
        self._due = ",}" if self._marks[-1] == "{" else ",]"
