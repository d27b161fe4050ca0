"""XML from strangers: no document type, no entities, no network, and an error for every element or attribute nobody asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from exports.errors import CorruptArtifact, UnsupportedConstruct

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?)")
ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # in no XML 1.0 text


class Element:
    """One element as a strict reader sees it: ``attributes`` and ``children`` name everything that may stand there."""

    def __init__(self, node: etree._Element, source: str, namespace: str) -> None:
        self.node, self.source, self.namespace = node, source, namespace
        tag = etree.QName(node)
        self.tag = tag.localname
        if tag.namespace != namespace:
            raise self.unsupported(f"belongs to the namespace {tag.namespace or '(none)'}, expected {namespace}")

    @property
    def line(self) -> int:
        return self.node.sourceline or 0

    @property
    def text(self) -> str:
        return self.node.text or ""

    def at(self, node: etree._Element) -> Element:
        """Another node of the same document."""
        return Element(node, self.source, self.namespace)

    def allow(self, *attributes: str) -> Element:
        """Refuse an attribute that is not among these: it may change what the element means."""
        for name in self.node.attrib:
            if name not in attributes:
                raise self.unsupported(f"has an attribute {str(name)!r} that this reader does not know")
        return self

    def get(self, name: str) -> str | None:
        return self.node.get(name)

    def need(self, name: str) -> str:
        """The attribute's value. Raises ``CorruptArtifact`` where it is not there."""
        value = self.node.get(name)
        if value is None:
            raise self.corrupt(f"has no attribute {name!r}")
        return value

    def one_of(self, name: str, allowed: dict[str, str] | tuple[str, ...], default: str | None = None) -> str:
        """The attribute's value, which must be among ``allowed``."""
        value = self.node.get(name, default)
        if value is None or value not in allowed:
            raise self.unsupported(f"{name}={value!r}: the known ones are {', '.join(allowed)}")
        return value

    def number(self, name: str) -> float:
        """The attribute's value as a finite double."""
        text = self.need(name)
        value = finite(text)
        if value is None:
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

    def must_be(self, expected: str) -> None:
        """Refuse this element unless it says the same as the given one, comments and blanks aside."""
        self._must_be(etree.fromstring(expected))

    def _must_be(self, expected: etree._Element) -> None:
        due = etree.QName(expected).localname
        if self.tag != due:
            raise self.unsupported(f"where {due} was due")
        for name in sorted({*self.node.keys(), *expected.keys()}):
            if self.get(name) != expected.get(name):
                raise self.unsupported(f"{name}={self.get(name)!r} where {expected.get(name)!r} was due")
        children = list(self._children())
        if len(children) != len(expected) or (not children and self.text.strip() != (expected.text or "")):
            raise self.unsupported(f"holds something else than {etree.tostring(expected, encoding='unicode')[:200]}")
        for child, wanted in zip(children, expected, strict=True):
            child._must_be(wanted)

    def _children(self) -> Iterator[Element]:
        """Child elements. Raises ``CorruptArtifact`` for text among them."""
        if len(self.node) and self.text.strip():
            raise self.corrupt(f"holds the text {self.text.strip()[:40]!r}")
        for node in self.node:
            if node.tail and node.tail.strip():
                raise self.corrupt(f"holds the text {node.tail.strip()[:40]!r}")
            if isinstance(node.tag, str):
                yield self.at(node)
            elif not isinstance(node, etree._Comment):
                raise self.unsupported("holds a processing instruction or an entity")

    def unsupported(self, reason: str) -> UnsupportedConstruct:
        return UnsupportedConstruct(self.source, self.tag, reason, self.line)

    def corrupt(self, reason: str) -> CorruptArtifact:
        return CorruptArtifact(self.source, f"{self.tag} {reason}", self.line)


def finite(text: str) -> float | None:
    """The number that a text is, if it is one and a double can hold it."""
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def read(data: bytes, source: str, namespace: str) -> Element:
    """The root of a UTF-8 document. Raises ``CorruptArtifact``, also for any document type: that is where entities are declared."""
    if b"\x00" in data:
        raise CorruptArtifact(source, "not UTF-8: save it as UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise CorruptArtifact(source, "declares a document type or an entity, which is refused; remove the declaration")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, encoding="utf-8")
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        raise CorruptArtifact(source, f"not well-formed XML: {error.msg}", line or 0) from None
    if root.getroottree().docinfo.doctype:
        raise CorruptArtifact(source, "declares a document type, which is refused; remove the declaration")
    return Element(root, source, namespace)
