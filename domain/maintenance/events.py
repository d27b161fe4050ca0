"""The messages of the maintenance topics: a telemetry cycle, a maintenance record, and how a part's life ended.

``cycle`` is the machine's own counter (a flight, a shift, an hour of running): it counts on when a part is replaced. A machine whose
counter starts anew is another machine and needs another id.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from domain.contract import Judged, Value
from domain.messages import Id, Message, Moment, parse

SETTINGS: Final = 3  # operating settings a cycle reports, as in NASA's C-MAPSS
SENSORS: Final = 21
Cycle = Annotated[int, Field(ge=1, le=100_000_000)]
Reading = Annotated[float, Field(ge=-1e9, le=1e9)] | None  # None: the sensor dropped out


def cycle_of(event: Judged) -> int:
    """The cycle of a telemetry message, or of the decision that answers it."""
    return int(float(event.context.get("cycle") or 0.0))


class Telemetry(Message):
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


class Replacement(Message):
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


class Ending(Message):
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


def parse_event(data: bytes) -> Telemetry | Replacement:
    """A telemetry cycle or a maintenance record from its JSON, told apart by ``type``. Raises ``MalformedEvent`` naming the field."""
    return parse(_EVENT.validate_json, "telemetry", data)


def parse_label(data: bytes) -> Ending:
    """A life's end from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Ending.model_validate_json, "ending", data)
