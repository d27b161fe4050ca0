"""The messages of the maintenance topics: a telemetry cycle, a maintenance record, and how a part's life ended.

``cycle`` is the machine's own counter (a flight, a shift, an hour of running): it counts on when a part is replaced. A machine whose
counter starts anew is another machine and needs another id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain.contract import MalformedEvent, Value

SETTINGS: Final = 3  # operating settings a cycle reports, as in NASA's C-MAPSS
SENSORS: Final = 21
Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Moment = Annotated[AwareDatetime, Field(ge=datetime(1971, 1, 1, tzinfo=UTC), lt=datetime(2068, 1, 1, tzinfo=UTC))]
Cycle = Annotated[int, Field(ge=1, le=100_000_000)]
Reading = Annotated[float, Field(ge=-1e9, le=1e9)] | None  # None: the sensor dropped out


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Telemetry(_Message):
    """What a machine reports of one cycle: its settings and the sensors' mean readings."""

    type: Literal["telemetry"] = "telemetry"
    machine_id: Id
    event_time: Moment
    cycle: Cycle
    settings: Annotated[tuple[Reading, ...], Field(min_length=SETTINGS, max_length=SETTINGS)]
    sensors: Annotated[tuple[Reading, ...], Field(min_length=SENSORS, max_length=SENSORS)]

    @property
    def id(self) -> str:
        return f"{self.machine_id}:{self.cycle}"

    @property
    def key(self) -> str:
        return self.machine_id

    @property
    def decides(self) -> bool:
        return True

    @property
    def context(self) -> dict[str, Value]:
        return {"cycle": float(self.cycle)}


class Replacement(_Message):
    """A maintenance record: after ``cycle`` the part was replaced, so the next cycle is the first of a new life."""

    type: Literal["replacement"]
    machine_id: Id
    event_time: Moment
    cycle: Cycle

    @property
    def id(self) -> str:
        return f"{self.machine_id}:{self.cycle}:replaced"

    @property
    def key(self) -> str:
        return self.machine_id

    @property
    def decides(self) -> bool:
        return False

    @property
    def context(self) -> dict[str, Value]:
        return {"cycle": float(self.cycle)}


class Ending(_Message):
    """How a part's life ended, known at ``event_time``: it failed at ``cycle``, or was replaced then while it still ran.

    The part was installed after the cycle ``installed`` (0: it came with the machine). ``unused`` is what the workshop reckons
    that a replaced part had left, in cycles; it is an opinion, and never learned from.
    """

    machine_id: Id
    event_time: Moment
    installed: Annotated[int, Field(ge=0, le=100_000_000)]
    cycle: Cycle
    kind: Literal["failure", "planned"]
    unused: Annotated[float, Field(ge=0, le=1e8)] | None = None

    @property
    def id(self) -> str:
        return f"{self.machine_id}:{self.cycle}:{self.kind}"

    @property
    def key(self) -> str:
        return self.machine_id


_EVENT: TypeAdapter[Telemetry | Replacement] = TypeAdapter(Annotated[Telemetry | Replacement, Field(discriminator="type")])
_ENDING = TypeAdapter(Ending)
_CODES = {
    "missing": "missing-field",
    "union_tag_not_found": "missing-field",
    "extra_forbidden": "unknown-field",
    "json_invalid": "not-json",
    "finite_number": "not-finite",
}
M = TypeVar("M")


def _parse(kind: TypeAdapter[M], noun: str, data: bytes) -> M:
    if not data:
        raise MalformedEvent("empty", f"the message has no body; a {noun} is a JSON object")
    try:
        return kind.validate_json(data)
    except ValidationError as error:
        raise _explain(noun, error) from None


def _explain(noun: str, error: ValidationError) -> MalformedEvent:
    first = error.errors(include_url=False, include_input=False)[0]
    kind = first["type"]
    code = _CODES.get(kind) or ("wrong-type" if kind.endswith(("_type", "_parsing")) else "out-of-range")
    where = ".".join(str(part) for part in first["loc"]) or "message"
    return MalformedEvent(code, f"{noun}: {where}: {first['msg']}")


def parse_event(data: bytes) -> Telemetry | Replacement:
    """A telemetry cycle or a maintenance record from its JSON, told apart by ``type``. Raises ``MalformedEvent`` naming the field."""
    return _parse(_EVENT, "telemetry", data)


def parse_label(data: bytes) -> Ending:
    """A life's end from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return _parse(_ENDING, "ending", data)
