"""What a domain owes the frame: one ``Domain`` value that names its events, features, policy and simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from domain.schema import FeatureSchema
from domain.terms import Term, changed

if TYPE_CHECKING:  # the command line lists the domains before it needs them
    from domain.decision import Decision
    from domain.learning import Learning

Value = str | float | None
Severity = Literal["calm", "watch", "act"]  # nothing to do; somebody should look; something was done, or must be
NOTHING: Mapping[str, Any] = {}


class MalformedEvent(ValueError):
    """An event that cannot be processed. ``code`` groups them; the message names the field and what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Judged(Protocol):
    """What policies and targets may ask of an event. A decision answers it too: what an event was worth, and what another model
    would have done, is computed from decisions by the same code.
    """

    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def event_time(self) -> datetime: ...
    @property
    def context(self) -> dict[str, Value]: ...


class Event(Judged, Protocol):
    """What the frame needs to know of any event; the rest is the domain's."""

    @property
    def decides(self) -> bool:
        """False for an event that only changes its key's state: a basket line, a repair, a profile."""
        ...


class Computed(NamedTuple):
    """The features of one event and the keyed state after it. ``repeated``: the state had this event already.

    ``row`` is empty where the event does not decide. ``facts`` are what the policy must know beside the scores: plain JSON values.
    """

    row: list[float]
    state: bytes
    repeated: bool
    facts: Mapping[str, Any] = NOTHING


class Features(Protocol):
    """One incremental definition, for the stream and, by replay, for training.

    ``compute`` is a pure function of the event, its key's state and what ``learn`` was told before.
    """

    schema: FeatureSchema

    def compute(self, event: Any, state: bytes | None) -> Computed: ...
    def learn(self, label: Any) -> None: ...


class Verdict(NamedTuple):
    """The policy's answer: the action, whether a person should see it, the judged score and where it would tip.

    ``memory`` is what the policy will want to know at the key's next event (None: nothing new); ``notes`` go into the
    decision's context. ``output`` is the one that a reason must explain: the class of an
    offer, or of the models beside the first one the bound that was judged.
    """

    action: str
    alert: bool
    score: float
    threshold: float
    memory: bytes | None = None
    notes: Mapping[str, Value] = NOTHING
    output: int = 0


class Closing(NamedTuple):
    """What a person may close an alert with: the reason in words, and the verdict that is a label of the event (empty: it says nothing)."""

    reason: str
    verdict: str = ""


class Policy(Protocol):
    """From scores to an action, by stated costs. Total: any finite score and any valid event get a verdict.

    A pure function, also of its own ``memory`` of the key. The same event may come again after later ones: it must get the
    verdict that it got first, so a memory says *when* (in event time) a thing was decided, and is read as of the event.
    """

    remembers: bool  # False spares the stream the reading of a memory

    def judge(self, scores: Sequence[float], event: Judged, facts: Mapping[str, Any], memory: bytes | None) -> Verdict: ...


class Ledger(Protocol):
    """What the decisions were worth, in counts and sums. The monitor tells it all that it sees, in whatever order and how often that comes.

    Its memory is bounded; what never gets a label is let go of.
    """

    def decided(self, decision: Decision) -> None: ...
    def learned(self, label: Any) -> None: ...
    def passed(self, now: datetime) -> None:
        """The wall clock: ends what waits for an event that does not come."""
        ...

    def take(self) -> dict[str, float]:
        """What was added since the last time it was taken, by name."""
        ...


class Emission(NamedTuple):
    """One message of a simulator or of a replayed file: when it happens and on which stream it goes.

    ``value`` is the event, or raw bytes where the simulator imitates a broken source.
    """

    at: datetime
    stream: str  # "events", "labels", or one of the domain's changelogs
    key: str
    value: Any


def _known_at(label: Any) -> datetime:
    moment: datetime = label.event_time
    return moment


class Promise(NamedTuple):
    """What the business was promised beside speed: of a sum in the ledger, the share that another sum must come to."""

    title: str
    kept: str  # both by the ledger's names
    of: str
    share: float


@dataclass(frozen=True)
class Domain:
    """A domain's parts, by name. ``domain/registry.py`` lists them all.

    Events whose order matters share one topic, whatever they speak of (``parse_event`` tells them apart), because Kafka keeps order
    within a partition only. ``changelogs`` are compacted topics of what is known of a key; their messages go to ``features`` as events
    do, and decide nothing.
    """

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
    simulate: Callable[..., Iterator[Emission]]  # (seed, start, days=None, drift_after_days=0, **sizes) -> emissions in order of ``at``
    sizes: Mapping[str, int]  # of the simulated world, and what they are by default
    targets: Callable[[Iterable[Any]], Callable[[Judged], float]]  # all labels -> what is learned of an event; nan: nobody knows
    learning: Callable[[], Learning]  # imported when it is called
    ledger: Callable[[], Ledger]
    worth: tuple[str, ...]  # the ledger's sums that people look at first
    key_name: str  # the noun of the key: "customer"
    actions: Mapping[str, Severity]  # what the policy may say
    shown: tuple[str, ...]  # of a decision's context, what people look at first
    alerts_when_low: bool = False  # a person is called when the output is low (life that remains), not when it is high
    demo_rate: float = 200.0  # simulated events a second in a demo
    demo_history_days: int = 30  # simulated history before them, so that the features' longest window is full
    demo_sizes: Mapping[str, int] = field(default_factory=dict)  # of a demo's world where it is smaller: its history is scored first
    changelogs: Mapping[str, Callable[[bytes], Any]] = field(default_factory=dict)  # name -> parser, which raises MalformedEvent
    label_wait: timedelta = timedelta(days=14)  # whole days; what has no label that long after its own day counts as never labelled
    settling: timedelta = timedelta(0)  # from a stream's first event until its longest windows are full, those of labels included
    # All labels -> what people said of an event they were shown (1: they agree, 0: they do not, nan: nothing). None: nobody is asked.
    verdicts: Callable[[Iterable[Any]], Callable[[Judged], float]] | None = None
    terms: tuple[Term, ...] = ()  # the numbers of the policy that may be changed
    policy_by: Callable[[Mapping[str, float]], Policy] | None = None  # from those that are not the defaults, to a policy
    in_force: Mapping[str, float] = field(default_factory=dict)  # what ``policy`` decides by, where that is not a default
    # The event time of the newest event that a label tells of; None for one that nothing is learned from.
    tells_of: Callable[[Any], datetime | None] = _known_at
    closings: tuple[Closing, ...] = (Closing("dealt with"), Closing("nothing to do"), Closing("nobody can tell"))
    # An alert's event, a verdict of ``closings`` and when it was given (event time) -> the label that says so. Goes with ``verdicts``.
    verdict_label: Callable[[Judged, str, datetime], Any] | None = None
    on_time: float = 0.999  # the objective: the share of the decisions that a reader sees within the deadline, over a day
    promises: tuple[Promise, ...] = ()

    def with_terms(self, given: Mapping[str, float]) -> Domain:
        """The domain with a policy by these numbers; what is not given is as by default. Raises ``TermsError``, naming the number."""
        if given == self.in_force:
            return self
        found = changed(self.terms, given)
        return replace(self, policy=self.policy_by(found), in_force=found) if self.policy_by else self

    @property
    def events_topic(self) -> str:
        return f"{self.name}.{self.events_name}"

    @property
    def labels_topic(self) -> str:
        return f"{self.name}.labels"

    def topic(self, stream: str) -> str:
        """The topic of an emission's stream."""
        return self.events_topic if stream == "events" else f"{self.name}.{stream}"

    @property
    def decisions_topic(self) -> str:
        return f"{self.name}.decisions"

    @property
    def alerts_topic(self) -> str:
        return f"{self.name}.alerts"

    @property
    def batch_topic(self) -> str:
        return f"{self.name}.batch"

    @property
    def shadow_topic(self) -> str:
        return f"{self.name}.shadow"

    @property
    def reviews_topic(self) -> str:
        return f"{self.name}.reviews"

    @property
    def dead_letters_topic(self) -> str:
        return f"{self.name}.dead-letters"
