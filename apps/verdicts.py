"""Analysts' verdicts as labels: each accepted closing is told on the domain's labels topic, once. Part of ``apps.outcomes``.

Only who reads the acts in their order knows which is accepted; who sends one does not, so a label sent with it could be that of a refused
closing. What is owed is a function of the topics: the accepted verdicts without those whose act a label names in its header. So a restart
tells nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from apps.logs import logger
from apps.monitor import now_us
from apps.partitions import Message
from domain.contract import Domain, MalformedEvent
from models.reviews import NEW, Act, Refused, State, judge

ACT: Final = "act"  # header of a label: the id of the act that made it
GIVEN_UP_US: Final = 30 * 86_400_000_000  # half of the labels' retention: an older label may be gone from its topic, and not be owed
_log = logger(__name__)


class Owed(NamedTuple):
    """A label to be sent."""

    topic: str
    key: str
    value: bytes
    act_id: str


class Verdicts:
    """The acts and labels of all domains. ``clock``: UTC microseconds."""

    def __init__(self, domains: Iterable[Domain], clock: Callable[[], int] = now_us) -> None:
        domains = [domain for domain in domains if domain.verdict_label]
        self._clock = clock
        self._acts = {domain.reviews_topic: domain for domain in domains}
        self._labels = {domain.labels_topic for domain in domains}
        self._states: dict[tuple[str, str], State] = {}
        self._seen: set[str] = set()
        self._told: set[str] = set()
        self._owed: dict[str, Owed] = {}

    @property
    def topics(self) -> list[str]:
        return [*self._acts, *self._labels]

    def see(self, messages: Iterable[Message]) -> None:
        """Take in acts, and labels that tell of one. What cannot be read is told by the sink."""
        for message in messages:
            if message.topic() in self._labels:
                self._told |= {value.decode() for name, value in message.headers() or () if name == ACT and value}
            elif domain := self._acts.get(message.topic()):
                self._act(domain, message)

    def take(self) -> list[Owed]:
        """The labels to send now. One that could not be sent is given back by ``again``."""
        found = [owed for act_id, owed in self._owed.items() if act_id not in self._told]
        self._told |= {owed.act_id for owed in found}
        return found

    def again(self, act_id: str) -> None:
        """The label of this act was not taken."""
        self._told.discard(act_id)

    def _act(self, domain: Domain, message: Message) -> None:
        try:
            act = Act.model_validate_json(message.value() or b"")
        except ValidationError:
            return
        if act.act_id in self._seen or act.domain != domain.name:
            return
        self._seen.add(act.act_id)
        found = judge(self._states.get((act.domain, act.decision_id), NEW), act)
        if isinstance(found, Refused):
            return
        self._states[act.domain, act.decision_id] = found
        if act.label is not None and message.timestamp()[1] * 1000 > self._clock() - GIVEN_UP_US:
            self._owe(domain, act, act.label)

    def _owe(self, domain: Domain, act: Act, fields: dict[str, Any]) -> None:
        try:
            label = domain.parse_label(orjson.dumps(fields))
        except MalformedEvent as error:
            _log.error("an act's label cannot be sent", act=act.act_id, topic=domain.reviews_topic, why=str(error))
            return
        if label.id != act.decision_id:
            _log.error("an act's label is of another event, and is not sent", act=act.act_id, topic=domain.reviews_topic)
            return
        self._owed[act.act_id] = Owed(domain.labels_topic, label.key, label.model_dump_json().encode(), act.act_id)
