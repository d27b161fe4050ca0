"""What an artifact says of itself in words: schema and link as JSON texts, written one way and read back strictly."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any, Final, NoReturn

from domain.schema import FeatureSchema
from exports.ensemble import LINKS, Link
from exports.errors import CorruptArtifact

_MOST_AVERAGED: Final = (1 << 31) - 1


def schema_text(schema: FeatureSchema) -> str:
    """The schema as one line of ASCII."""
    return _text(schema.to_json())


def link_text(link: Link) -> str:
    """The link as one line of ASCII."""
    return _text(asdict(link))


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def schema_of(text: str, source: str) -> FeatureSchema:
    """The schema back from its text. Raises ``CorruptArtifact``, also for a text that ``schema_text`` would not write."""
    try:
        schema = FeatureSchema.from_json(_value(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptArtifact(source, f"its feature schema is broken: {error}") from None
    if schema_text(schema) != text:
        raise CorruptArtifact(source, "its feature schema is not written as polyscore writes it: the file was changed")
    return schema


def link_of(text: str, source: str) -> Link:
    """The link back from its text. Raises ``CorruptArtifact``."""
    try:
        link = Link(**_value(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptArtifact(source, f"its link is broken: {error}") from None
    kinds = (type(link.kind), type(link.sigmoid), type(link.average_over), type(link.classes))
    known = kinds == (str, float, int, bool) and link.kind in LINKS and 1 <= link.average_over <= _MOST_AVERAGED
    if not known or not math.isfinite(link.sigmoid) or link_text(link) != text:
        raise CorruptArtifact(source, f"{text[:80]!r} is no link")
    return link


def _value(text: str) -> Any:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
