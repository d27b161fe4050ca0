"""What all messages share: strict fields, and a refusal that names the field and what is allowed there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.contract import MalformedEvent

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
MOST_BYTES = 1 << 17  # of an event or a label: a decision carries much of it again, and Kafka takes a megabyte
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(2068, 1, 1, tzinfo=UTC)  # what a history entry can hold (domain.history)
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]


class Message(BaseModel):
    """The base of every event and label: no conversions, no fields that nobody knows, no change once it is made."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


M = TypeVar("M")
_CODES = {
    "missing": "missing-field",
    "union_tag_not_found": "missing-field",
    "extra_forbidden": "unknown-field",
    "json_invalid": "not-json",
    "finite_number": "not-finite",
}


def parse(read: Callable[[bytes], M], noun: str, data: bytes) -> M:
    """What pydantic's ``read`` makes of a message. Raises ``MalformedEvent`` with the field and what is allowed there."""
    if len(data) > MOST_BYTES:
        raise MalformedEvent("too-large", f"the message has {len(data):,} bytes; a {noun} has {MOST_BYTES:,} at most")
    if not data:
        raise MalformedEvent("empty", f"the message has no body; a {noun} is a JSON object")
    try:
        return read(data)
    except ValidationError as error:
        raise _explain(noun, error) from None


def _explain(noun: str, error: ValidationError) -> MalformedEvent:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    code = _CODES.get(kind) or ("wrong-type" if kind.endswith(("_type", "_parsing")) else "out-of-range")
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return MalformedEvent(code, f"{noun}: {where}: {first['msg']}")
