"""Names and labels as XML can hold them, and the names of the fields that a document adds to the features'."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import quoteattr

from domain.schema import Feature, FeatureSchema
from exports.xml_document import ILLEGAL

EXTENDER: Final = "polyscore"
NEAR_ZERO: Final = "{}_unless_zero"


class Names:
    """What features and labels are called in a document. Spelling is one to one: distinct texts stay distinct."""

    def __init__(self, schema: FeatureSchema) -> None:
        self.features = spelled(schema.names)
        self.labels = tuple(spelled(f.categories) for f in schema.features)
        self._own: dict[str, str] = {}
        self._taken = set(self.features)
        self.target = self.free("target")
        self.predicted = self.free("predicted_target")
        self.unless_zero = tuple(self.free(NEAR_ZERO.format(name)) for name in self.features)

    def free(self, name: str) -> str:
        """The document's own field of that name, with underscores behind it where a feature, or another field, has it."""
        if name not in self._own:
            found = name
            while found in self._taken:
                found += "_"
            self._own[name] = found
            self._taken.add(found)
        return self._own[name]

    def numbered(self, name: str, count: int) -> tuple[str, ...]:
        """``name`` if there is one of them, else ``name_0``, ``name_1`` ..."""
        return tuple(self.free(name if count == 1 else f"{name}_{k}") for k in range(count))


def spelled(texts: Iterable[str]) -> tuple[str, ...]:
    r"""Each text with the characters that XML cannot hold written as ``\u0001``."""
    wanted = list(texts)
    taken = {text for text in wanted if not ILLEGAL.search(text)}
    return tuple(_spelled(text, taken) for text in wanted)


def _spelled(text: str, taken: set[str]) -> str:
    if not ILLEGAL.search(text):
        return text
    spelling = ILLEGAL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    while spelling in taken:
        spelling += "_"
    taken.add(spelling)
    return spelling


def original(feature: Feature) -> str:
    """The element that keeps what the document cannot say of a feature: texts that are spelled otherwise here, codes without labels."""
    if not feature.coded and not any(ILLEGAL.search(text) for text in (feature.name, feature.description, *feature.categories)):
        return ""
    return f'<Extension extender="{EXTENDER}" name="original" value={quoteattr(json.dumps(feature.to_json()))}/>'
