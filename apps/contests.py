"""Challengers beside the champion, from all decisions, shadow decisions and labels: what each pair came to, published on ``metrics``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import orjson
from pydantic import ValidationError

from apps.monitor import now_us
from apps.partitions import Message
from apps.tables import Contested
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from models.contest import Contest

KIND = "contest"  # the "kind" of these messages on ``metrics``


class Contests:
    """One contest a domain. ``clock``: UTC microseconds."""

    def __init__(self, domains: Iterable[Domain], clock: Callable[[], int] = now_us) -> None:
        self._clock = clock
        self._contests = {domain.name: Contest(domain) for domain in domains}
        self._domains = {topic: d for d in domains for topic in (d.decisions_topic, d.shadow_topic, d.labels_topic)}

    @property
    def topics(self) -> list[str]:
        return list(self._domains)

    def see(self, messages: Iterable[Message]) -> None:
        """Enter what has come. What cannot be read is told by the sink, or among the dead letters."""
        for message in messages:
            if domain := self._domains.get(message.topic()):
                try:
                    self._enter(domain, message.topic(), message.value() or b"")
                except (ValidationError, MalformedEvent):
                    continue

    def _enter(self, domain: Domain, topic: str, value: bytes) -> None:
        contest = self._contests[domain.name]
        if topic == domain.labels_topic:
            contest.learned(domain.parse_label(value))
        elif topic == domain.shadow_topic:
            contest.shadowed(Decision.model_validate_json(value))
        else:
            contest.decided(Decision.model_validate_json(value))

    def balance(self) -> list[Contested]:
        """The pairs in which something changed since the last time."""
        now = self._clock()
        moment = datetime.fromtimestamp(now / 1e6, UTC)
        return [
            Contested(domain=name, end_us=now, **found) for name, contest in self._contests.items() for found in contest.balance(moment)
        ]


def encode(contested: Contested) -> bytes:
    """A pair's balance as it travels on ``metrics``."""
    return orjson.dumps({"kind": KIND, **contested.model_dump()})
