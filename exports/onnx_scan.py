"""What may stand in an ONNX file, checked on its bytes before it is parsed.

Two bytes of a hostile file can cost the parser a hundred and fifty (measured: 4 MB of empty tensors took 326 MB with protobuf's upb),
so every part must be one that polyscore writes, and there may not be many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from exports.errors import CorruptArtifact, UnsupportedConstruct

MAX_PARTS: Final = 5_000
_INTEGERS: Final = re.compile(rb"(?:\x40[\x80-\xff]{0,9}+[\x00-\x7f])++")  # an attribute's ``ints``: of these there may be millions
# onnx.proto: per message the numbers of the fields that we write, and which message each one holds ("": none)
_KNOWN: Final[dict[str, dict[int, str]]] = {
    "model": {1: "", 2: "", 7: "graph", 8: "opset", 14: "property"},
    "opset": {1: "", 2: ""},
    "property": {1: "", 2: ""},
    "graph": {1: "node", 2: "", 5: "tensor", 10: "", 11: "value", 12: "value"},
    "node": {1: "", 2: "", 3: "", 4: "", 5: "attribute", 7: ""},
    "attribute": {1: "", 3: "", 5: "tensor", 8: "", 20: ""},
    "tensor": {1: "", 2: "", 8: "", 9: ""},
    "value": {1: "", 2: "type"},
    "type": {1: "tensor type"},
    "tensor type": {1: "", 2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {1: "", 2: ""},
}
_PRODUCER: Final = 2
_GRAPH: Final = 7


class Scan:
    """Walks one file's bytes."""

    def __init__(self, data: bytes, source: str) -> None:
        self._data, self._source, self._left = data, source, MAX_PARTS

    def check(self, producer: bytes) -> None:
        """Raises ``CorruptArtifact`` for no model, ``UnsupportedConstruct`` for another ``producer``'s or a part that we do not write."""
        top = {number: self._data[start:stop] for number, start, stop in self._fields("model", 0, len(self._data))}
        if _GRAPH not in top:
            raise self._corrupt("not an ONNX model: it holds no graph")
        if top.get(_PRODUCER) != producer:
            name = top.get(_PRODUCER, b"")[:80].decode(errors="replace")
            raise UnsupportedConstruct(
                self._source,
                f"producer {name!r}",
                "only polyscore's own models are scored: others do not say what features and labels are called",
            )
        self._walk("model", 0, len(self._data))

    def _walk(self, message: str, at: int, stop: int) -> None:
        for number, start, end in self._fields(message, at, stop):
            inside = _KNOWN[message].get(number)
            if inside is None:
                raise UnsupportedConstruct(
                    self._source, f"field {number} of {'an' if message[0] in 'ao' else 'a'} {message}", "polyscore writes none"
                )
            if inside:
                self._walk(inside, start, end)

    def _fields(self, message: str, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(number, start, stop) of each field of a message in wire format; a run of ``ints`` counts as one."""
        while at < stop:
            self._left -= 1
            if self._left < 0:
                raise UnsupportedConstruct(self._source, message, f"more than {MAX_PARTS} parts, which polyscore never writes")
            run = _INTEGERS.match(self._data, at, stop) if message == "attribute" else None
            if run:
                at = run.end()
                continue
            tag, start = self._varint(at, stop)
            end = self._end(tag & 7, start, stop)
            if end[1] > stop or not tag >> 3:
                raise self._corrupt(f"not an ONNX model, or cut off, at byte {at}")
            yield tag >> 3, *end
            at = end[1]

    def _end(self, wire_type: int, start: int, stop: int) -> tuple[int, int]:
        """Where a value's bytes start and end."""
        if wire_type == 0:
            return start, self._varint(start, stop)[1]
        if wire_type == 2:
            length, start = self._varint(start, stop)
            return start, start + length
        if wire_type in (1, 5):
            return start, start + (8 if wire_type == 1 else 4)
        raise self._corrupt(f"not an ONNX model: wire type {wire_type} before byte {start}")

    def _varint(self, at: int, stop: int) -> tuple[int, int]:
        value = 0
        for k, byte in enumerate(self._data[at : min(at + 10, stop)]):
            value |= (byte & 127) << 7 * k
            if byte < 128:
                return value, at + k + 1
        raise self._corrupt(f"not an ONNX model, or cut off, at byte {at}")

    def _corrupt(self, message: str) -> CorruptArtifact:
        return CorruptArtifact(self._source, message)
