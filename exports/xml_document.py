"""XML from strangers: no document type, no entities, no network, and an error for every element or attribute nobody asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from exports import files
from exports.errors import CorruptArtifact, UnsupportedConstruct

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)")
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def representable(text: str) -> bool:
    """Whether XML 1.0 can hold this text at all."""
    return _ILLEGAL.search(text) is None


class Element:
    """One element as a strict reader sees it: ``attributes`` and ``children`` name everything that may stand there."""

    def __init__(self, node: etree._Element, source: str, namespace: str) -> None:
        self._node, self._source, self._namespace = node, source, namespace
        tag = etree.QName(node)
        self.tag = tag.localname
        if tag.namespace != namespace:
            raise self.unsupported(f"belongs to the namespace {tag.namespace or '(none)'}, expected {namespace}")

    @property
    def line(self) -> int:
        return self._node.sourceline or 0

    @property
    def text(self) -> str:
        return self._node.text or ""

    def allow(self, *attributes: str) -> Element:
        """Refuse an attribute that is not among these: it may change what the element means."""
        for name in self._node.attrib:
            if name not in attributes:
                raise self.unsupported(f"has an attribute {str(name)!r} that this reader does not know")
        return self

    def get(self, name: str) -> str | None:
        return self._node.get(name)

    def need(self, name: str) -> str:
        """The attribute's value. Raises ``CorruptArtifact`` where it is not there."""
        value = self._node.get(name)
        if value is None:
            raise self.corrupt(f"has no attribute {name!r}")
        return value

    def one_of(self, name: str, allowed: dict[str, str] | tuple[str, ...], default: str | None = None) -> str:
        """The attribute's value, which must be among ``allowed``."""
        value = self._node.get(name, default)
        if value is None or value not in allowed:
            raise self.unsupported(f"{name}={value!r}: the known ones are {', '.join(allowed)}")
        return value

    def number(self, name: str) -> float:
        """The attribute's value as a finite double."""
        text = self.need(name).strip()
        value = float(text) if _NUMBER.fullmatch(text) else float("inf")
        if value in (float("inf"), float("-inf")):
            raise self.corrupt(f"{name}={text[:40]!r} is not a finite number")
        return value

    def children(self, *tags: str) -> list[Element]:
        """All child elements; each must be one of ``tags``."""
        found = list(self._children())
        for child in found:
            if child.tag not in tags:
                raise child.unsupported(f"is not known inside {self.tag}")
        return found

    def child(self, tag: str, of: list[Element]) -> Element:
        """The only child with this tag. Raises ``CorruptArtifact`` for none or several."""
        found = [c for c in of if c.tag == tag]
        if len(found) != 1:
            raise self.corrupt(f"holds {len(found)} {tag} where one was due")
        return found[0]

    def _children(self) -> Iterator[Element]:
        for node in self._node:
            if isinstance(node.tag, str):
                yield Element(node, self._source, self._namespace)
            elif not isinstance(node, etree._Comment):
                raise self.unsupported("holds a processing instruction or an entity")

    def unsupported(self, reason: str) -> UnsupportedConstruct:
        return UnsupportedConstruct(self._source, self.tag, reason, self.line)

    def corrupt(self, reason: str) -> CorruptArtifact:
        return CorruptArtifact(self._source, f"{self.tag} {reason}", self.line)


def read(path: Path, namespace: str) -> Element:
    """The root of a UTF-8 document. Raises ``CorruptArtifact``, also for any document type: that is where entities are declared."""
    data = files.read(path)
    if b"\x00" in data:
        raise CorruptArtifact(path.name, "not UTF-8: save it as UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise CorruptArtifact(path.name, "declares a document type or an entity, which is refused; remove the declaration")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, encoding="utf-8")
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        raise CorruptArtifact(path.name, f"not well-formed XML: {error.msg}", line or 0) from None
    if root.getroottree().docinfo.doctype:
        raise CorruptArtifact(path.name, "declares a document type, which is refused; remove the declaration")
    return Element(root, path.name, namespace)
