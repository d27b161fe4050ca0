"""The messages of the cross-sell topics: what happens on a visit, who the shopper is, and what became of the visit, days later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from domain.contract import Judged
from domain.cross_sell.groups import GROUPS
from domain.messages import Id, Message, Moment, parse

Name = Annotated[str, Field(max_length=64)]


class _Happening(Message):
    """What all events of a shopper have."""

    event_time: Moment
    shopper_id: Id

    @property
    def key(self) -> str:
        return self.shopper_id


class Ping(_Happening):
    """The shopper was seen in a zone of the store, where they have been for ``dwell_seconds``. It asks for a decision."""

    type: Literal["ping"] = "ping"
    ping_id: Id
    store_id: Id
    zone: Name | None = None
    dwell_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    decides: ClassVar[bool] = True

    @property
    def id(self) -> str:
        return self.ping_id

    @property
    def context(self) -> dict[str, str | float | None]:
        return {"store_id": self.store_id, "zone": self.zone, "dwell_seconds": self.dwell_seconds}


class Purchase(_Happening):
    """A basket line: of which product group, and for how much. ``group`` may be one that is never offered, or absent."""

    type: Literal["purchase"] = "purchase"
    purchase_id: Id
    store_id: Id
    group: Name | None = None
    amount: Annotated[float, Field(ge=0, le=100_000)]
    decides: ClassVar[bool] = False

    @property
    def id(self) -> str:
        return self.purchase_id

    @property
    def context(self) -> dict[str, str | float | None]:
        return {"store_id": self.store_id, "group": self.group, "amount": self.amount}


class Checkout(_Happening):
    """The shopper has paid: the visit is over."""

    type: Literal["checkout"] = "checkout"
    checkout_id: Id
    store_id: Id
    decides: ClassVar[bool] = False

    @property
    def id(self) -> str:
        return self.checkout_id

    @property
    def context(self) -> dict[str, str | float | None]:
        return {"store_id": self.store_id}


class Profile(_Happening):
    """What the loyalty scheme knows of a shopper from ``event_time`` on. Whoever opted out gets no offers."""

    tier: Name | None = None
    segment: Name | None = None
    opt_out: bool = False
    decides: ClassVar[bool] = False

    @property
    def id(self) -> str:
        return f"{self.shopper_id}@{self.event_time.isoformat()}"

    @property
    def context(self) -> dict[str, str | float | None]:
        return {"tier": self.tier, "segment": self.segment}


class Bought(Message):
    """When a product group was first bought since the visit began."""

    at: Moment
    group: Literal[GROUPS]  # type: ignore[valid-type]  # a tuple of names, which mypy cannot read


class Label(_Happening):
    """What a shopper bought on a visit and in the week after it, and when the visit ended, told of one of its pings.

    A source tells it of a few pings of a visit: its sightings resemble each other, and so the topic stays small.
    """

    ping_id: Id
    ping_time: Moment
    visit_start: Moment
    visit_end: Moment
    bought: Annotated[tuple[Bought, ...], Field(max_length=len(GROUPS), strict=False)]

    @property
    def id(self) -> str:
        return self.ping_id

    @property
    def next_group(self) -> str | None:
        """What was bought next that was not in the basket at the ping; of several at one moment, the first listed."""
        ahead = [b for b in self.bought if b.at >= self.ping_time]
        return min(ahead, key=lambda b: b.at).group if ahead else None

    def taken(self, group: str, after: datetime, until: datetime | None = None) -> bool:
        """Whether the group was first bought at or after a moment, and before or at another one."""
        return any(b.group == group and b.at >= after and (until is None or b.at <= until) for b in self.bought)


Visit = Ping | Purchase | Checkout
_VISIT: TypeAdapter[Visit] = TypeAdapter(Annotated[Visit, Field(discriminator="type")])
NOUNS: Mapping[str, str] = {"visits": "event of a visit", "profiles": "profile", "labels": "label"}


def parse_event(data: bytes) -> Visit:
    """A sighting, basket line or checkout from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(_VISIT.validate_json, NOUNS["visits"], data)


def parse_profile(data: bytes) -> Profile:
    """A profile from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Profile.model_validate_json, NOUNS["profiles"], data)


def parse_label(data: bytes) -> Label:
    """A label from its JSON. Raises ``MalformedEvent`` with the field and what is allowed there."""
    return parse(Label.model_validate_json, NOUNS["labels"], data)


def targets(labels: Iterable[Label]) -> Callable[[Judged], float]:
    """The index of the group that was bought next and was not in the basket; nan where none was, or no label tells of the ping."""
    known: dict[str, Label] = {}
    for label in labels:
        before = known.get(label.ping_id)
        if before is None or label.event_time > before.event_time:
            known[label.ping_id] = label
    codes = {group: float(code) for code, group in enumerate(GROUPS)}
    following = {name: codes.get(label.next_group or "", math.nan) for name, label in known.items()}
    return lambda ping: following.get(ping.id, math.nan)
