"""The strict reader of our C files: tables, schema and link are read, written anew, and must come out as the file, byte for byte.

So nothing but what polyscore itself writes for a model ever reaches a compiler, whatever a file holds and whatever digest it bears.
"""

from __future__ import annotations

import hashlib
import re
from itertools import zip_longest
from typing import Final, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import c_writer
from exports.c_tables import Tables, ensemble_of
from exports.c_writer import FIRST, LINK, MOST_BYTES, MOST_ENTRIES, MOST_LINES, SCHEMA, TABLE, TYPES
from exports.ensemble import Ensemble
from exports.errors import CorruptArtifact, UnsupportedConstruct, UnsupportedModel
from exports.fit import check_kinds
from exports.metadata import link_of, schema_of

_DIGEST: Final = re.compile(re.escape(FIRST[:-1]).replace(r"\{\}", "([0-9a-f]{64})").encode())
_LONGEST: Final = 500  # characters of a line: what is searched below takes time and memory
_INTS: Final = re.compile(r"(?:[0-9]{1,10},)+")
_NODE: Final = re.compile(r"\{(-?0x[01]\.[0-9a-f]{1,13}p[-+][0-9]{1,4}|-?INFINITY), ([0-9]{1,9}), (-?[0-9]{1,9})\},")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\[^0-9]|\\177)*)"')
_ESCAPE: Final = re.compile(r"\\(177|.)")


class Document(NamedTuple):
    """What a file holds."""

    ensemble: Ensemble
    schema: FeatureSchema


class _Lines(NamedTuple):
    """A part of the file, and the number of its first line."""

    first: int
    lines: list[str]


def read(data: bytes, source: str) -> Document:
    """What a file's bytes hold. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``SchemaMismatch``."""
    if len(data) > MOST_BYTES or data.count(b"\n") > MOST_LINES:
        raise CorruptArtifact(source, f"more than {MOST_BYTES:,} bytes or {MOST_LINES:,} lines, which polyscore does not write")
    lines = _lines(data, source)
    link_line, link = _after(lines, LINK, source)
    schema = schema_of("".join(_text(line, ",", source, at) for at, line in _numbered(_block(lines, SCHEMA, source))), source)
    blocks = {name: _block(lines, TABLE.format(kind, name), source) for name, kind in TYPES.items()}
    values, columns, children = _nodes(blocks.pop("nodes"), source)
    tables = Tables(**{name: _ints(block, source) for name, block in blocks.items()}, values=values, columns=columns, children=children)
    try:
        ensemble = ensemble_of(tables, len(schema), link_of(_text(link, ";", source, link_line), source))
    except ValueError as error:
        raise CorruptArtifact(source, f"its tables: {error}") from None
    check_kinds(ensemble, schema)
    _compare(data, ensemble, schema, source)
    return Document(ensemble, schema)


def _lines(data: bytes, source: str) -> list[str]:
    """The lines, if the first one is ours and true, and none is too long to be."""
    first, _, body = data.partition(b"\n")
    stated = _DIGEST.fullmatch(first)
    if not stated:
        raise UnsupportedConstruct(source, "the first line", "not that of a C file written by this polyscore: export the model again", 1)
    if hashlib.sha256(body).hexdigest().encode() != stated[1]:
        raise CorruptArtifact(source, "its SHA-256 is not the one stated here: it was changed or cut off; export the model again", 1)
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise CorruptArtifact(source, "not ASCII", data.count(b"\n", 0, error.start) + 1) from None
    for at, line in enumerate(lines, 1):
        if len(line) > _LONGEST:
            _refuse(line, f"a line of at most {_LONGEST} characters", source, at)
    return lines


def _after(lines: list[str], begins: str, source: str) -> tuple[int, str]:
    """The one line that begins so, without its beginning, behind its number."""
    found = [i for i, line in enumerate(lines) if line.startswith(begins)]
    if len(found) != 1:
        at = found[1] if found else next((i for i, line in enumerate(lines) if begins in line), len(lines) - 1)
        raise UnsupportedConstruct(source, begins, f"{len(found)} lines begin so where one was due", at + 1)
    return found[0] + 1, lines[found[0]][len(begins) :]


def _block(lines: list[str], begins: str, source: str) -> _Lines:
    """The lines behind the one that begins so, up to the one that closes the braces."""
    at, _ = _after(lines, begins, source)
    end = next((i for i in range(at, len(lines)) if lines[i] in (c_writer.END, "};")), None)
    if end is None:
        raise CorruptArtifact(source, f"{begins} is not closed", at)
    return _Lines(at + 1, lines[at:end])


def _numbered(part: _Lines) -> enumerate[str]:
    return enumerate(part.lines, part.first)


def _text(line: str, end: str, source: str, at: int) -> str:
    found = _STRING.fullmatch(line.removesuffix(end))
    if not found:
        _refuse(line, "a string", source, at)
    return _ESCAPE.sub(lambda m: "\x7f" if m[1] == "177" else m[1], found[1])


def _ints(part: _Lines, source: str) -> NDArray[np.int64]:
    for at, line in _numbered(part):
        if not _INTS.fullmatch(line):
            _refuse(line, "whole numbers", source, at)
    text = "".join(part.lines)
    if text.count(",") > MOST_ENTRIES:
        raise CorruptArtifact(source, f"a table of more than {MOST_ENTRIES:,} numbers", part.first)
    return np.array(text.split(",")[:-1], dtype=np.int64)


def _nodes(part: _Lines, source: str) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Thresholds or leaf values, columns, children."""
    if len(part.lines) > MOST_ENTRIES:
        raise CorruptArtifact(source, f"more than {MOST_ENTRIES:,} nodes", part.first)
    values, links = np.zeros(len(part.lines)), np.zeros((2, len(part.lines)), dtype=np.int64)
    for i, line in enumerate(part.lines):
        found = _NODE.fullmatch(line)
        if not found:
            _refuse(line, "a node", source, part.first + i)
        values[i] = _double(found[1], source, part.first + i)
        links[:, i] = int(found[2]), int(found[3])
    return values, links[0], links[1]


def _double(text: str, source: str, at: int) -> float:
    try:
        return float.fromhex(text)
    except OverflowError:
        _refuse(text, "a double", source, at)


def _refuse(line: str, due: str, source: str, at: int) -> NoReturn:
    raise CorruptArtifact(source, f"{line[:60]!r} where {due} was due", at)


def _compare(data: bytes, ensemble: Ensemble, schema: FeatureSchema, source: str) -> None:
    """Raises ``UnsupportedConstruct`` with the first line of the file that polyscore would not write."""
    try:
        ours = c_writer.document(ensemble, schema)
    except UnsupportedModel as error:
        raise UnsupportedConstruct(source, "its tables", str(error)) from None
    if ours == data:
        return
    pairs = enumerate(zip_longest(data.split(b"\n")[1:], ours.split(b"\n")[1:]), 2)
    at, line = next(((i, theirs) for i, (theirs, due) in pairs if theirs != due), (1, b""))
    shown = repr((line or b"the end of the file").decode("ascii")[:60])
    raise UnsupportedConstruct(source, shown, "not what polyscore writes for these tables: refused, not compiled", at)
