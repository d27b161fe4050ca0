"""What a domain owes the frame: one ``Domain`` value that names its events, features, policy and simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from domain.schema import FeatureSchema


class MalformedEvent(ValueError):
    """An event that cannot be processed. ``code`` groups them; the message names the field and what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Event(Protocol):
    """What the frame needs to know of any event; the rest is the domain's."""

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def event_time(self) -> datetime: ...
    @property
    def context(self) -> dict[str, str | float | None]: ...


class Computed(NamedTuple):
    """The features of one event and the keyed state after it. ``repeated``: the state had this event already."""

    row: list[float]
    state: bytes
    repeated: bool


class Features(Protocol):
    """One incremental definition, for the stream and, by replay, for training.

    ``compute`` is a pure function of the event, its key's state and what ``learn`` was told before.
    """

    schema: FeatureSchema

    def compute(self, event: Any, state: bytes | None) -> Computed: ...
    def learn(self, label: Any) -> None: ...


class Verdict(NamedTuple):
    """The policy's answer: the action, whether a person should see it, the judged score and where it would tip."""

    action: str
    alert: bool
    score: float
    threshold: float


class Policy(Protocol):
    """From scores to an action, by stated costs. Total: any finite score and any valid event get a verdict."""

    def judge(self, scores: Sequence[float], event: Any) -> Verdict: ...


class Emission(NamedTuple):
    """One message of a simulator or of a replayed file: when it happens and on which stream it goes.

    ``value`` is the event, or raw bytes where the simulator imitates a broken source.
    """

    at: datetime
    stream: Literal["events", "labels"]
    key: str
    value: Any


@dataclass(frozen=True)
class Domain:
    """A domain's parts, by name. ``domain/registry.py`` lists them all."""

    name: str
    title: str
    events_name: str  # the noun of the events topic: "payments"
    schema: FeatureSchema
    objective: Literal["binary", "multiclass", "regression"]
    deadline_ms: float
    parse_event: Callable[[bytes], Any]  # raises MalformedEvent
    parse_label: Callable[[bytes], Any]  # raises MalformedEvent
    features: Callable[[], Features]
    policy: Policy
    phrase: Callable[[str, float, str | None], str]  # a feature's name, value and label -> a reason in words
    simulate: Callable[..., Iterator[Emission]]  # (seed, start, **size) -> emissions in order of ``at``

    @property
    def events_topic(self) -> str:
        return f"{self.name}.{self.events_name}"

    @property
    def labels_topic(self) -> str:
        return f"{self.name}.labels"

    @property
    def decisions_topic(self) -> str:
        return f"{self.name}.decisions"

    @property
    def alerts_topic(self) -> str:
        return f"{self.name}.alerts"

    @property
    def dead_letters_topic(self) -> str:
        return f"{self.name}.dead-letters"
