"""What a story sees of its system: the topics, read as any ``read_committed`` reader does, and what the decisions were worth."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from threading import Event, Lock, Thread
from typing import Any

import orjson
from pydantic import ValidationError

from apps import loop_events
from apps.partitions import KafkaSource, Message
from apps.scenario import share
from apps.scenario_result import Sample
from apps.settings import Settings
from apps.topics import METRICS, QUALITY_WINDOW
from domain.contract import Domain
from domain.decision import Decision

_SAMPLED_EVERY, _SHOWN = 1.0, 2  # seconds; sums of the ledger that a sample keeps


class Seen:
    """Counts of messages in their order of arrival. ``live``: the ids of the story's events; all else is history."""

    def __init__(self, domain: Domain, live: frozenset[str], truth: Iterable[Any]) -> None:
        self._domain, self._live, self._ledger = domain, live, domain.ledger()
        for label in truth:
            self._ledger.learned(label)
        by_truth = self._ledger.take()  # what the truth alone adds, such as failures, is not the decisions' worth
        self.names = tuple(name for name in domain.worth if name not in by_truth)  # of the sums that people look at first
        self._times: Counter[str] = Counter()
        self._sums: dict[str, float] = defaultdict(float)
        self._latencies_us: list[int] = []
        self._trainings = 0
        self.decisions: dict[str, Decision] = {}
        self.history: set[str] = set()
        self.letters = self.visible = self.unreadable = 0
        self.happened: Counter[str] = Counter()
        self.judged: date | None = None  # the newest day that the measures of quality speak of

    @property
    def topics(self) -> list[str]:
        return [self._domain.decisions_topic, self._domain.dead_letters_topic, METRICS]

    def see(self, messages: Sequence[Message], visible_us: int) -> None:
        """Take in what has just become visible."""
        for message in messages:
            topic, value = message.topic(), message.value() or b""
            if topic == self._domain.dead_letters_topic:
                self.letters += 1
            elif topic == METRICS:
                self._metric(value)
            else:
                self._decided(value, visible_us)

    def _metric(self, value: bytes) -> None:
        fields = orjson.loads(value)
        if fields.get("domain") != self._domain.name:
            return
        if fields.get("kind") == QUALITY_WINDOW:
            self.judged = max(self.judged or date.min, date.fromisoformat(fields["day"]))
        elif fields.get("kind") == loop_events.KIND:
            self.happened[fields["what"]] += 1
            self._trainings += fields["what"] == "retraining" and "labels" in fields["details"]  # the loop's word, when it begins one

    def _decided(self, value: bytes, visible_us: int) -> None:
        try:
            decision = Decision.model_validate_json(value)
        except ValidationError:
            self.unreadable += 1
            return
        self.visible += 1
        self._times[decision.decision_id] += 1
        if decision.decision_id not in self._live:
            self.history.add(decision.decision_id)
            return
        if decision.source_us is not None and self._times[decision.decision_id] == 1:
            self._latencies_us.append(visible_us - decision.source_us)
        self._ledger.decided(decision)
        self.decisions[decision.decision_id] = decision.model_copy(update={"features": [], "reasons": []})  # a long story has many

    @property
    def training(self) -> bool:
        """Whether the loop has begun a training, of which the gate has not said anything yet."""
        return self._trainings > self.happened["gate"]

    def repeated(self) -> int:
        """Live events with more than one decision."""
        return sum(self._times[name] > 1 for name in [*self.decisions])

    def in_time(self, deadlines: float) -> float:
        """The share of the live decisions with a source time that were visible within so many deadlines."""
        limit = deadlines * self._domain.deadline_ms * 1000
        return share(sum(latency <= limit for latency in self._latencies_us), len(self._latencies_us))

    def worth(self) -> Mapping[str, float]:
        """The ledger's sums up to now."""
        for name, amount in self._ledger.take().items():
            self._sums[name] += amount
        return self._sums


class Reader(Thread):
    """Reads the topics beside the story, from their beginning, and notes once a second how far things are.

    ``sent``: how many live events went out. ``failed`` says why it had to end, if it had to.
    """

    def __init__(self, settings: Settings, seen: Seen, sent: Callable[[], int], began: float) -> None:
        super().__init__(name="scenario-reader", daemon=True)
        self._source = KafkaSource(settings, "polyscore-scenario", seen.topics)
        self._source.assign({place: extent.low for place, extent in self._source.look().items()})
        self.seen, self._sent, self._began, self._ended = seen, sent, began, Event()
        self._shown = seen.names[:_SHOWN]
        self.lock = Lock()
        self.samples: list[Sample] = []
        self.failed = ""

    def run(self) -> None:
        due = time.monotonic()
        try:
            while not self._ended.is_set():
                messages = self._source.wait(0.1)
                with self.lock:
                    self.seen.see(messages, time.time_ns() // 1000)
                if time.monotonic() >= due:
                    due = time.monotonic() + _SAMPLED_EVERY
                    self.sample()
        except Exception as error:  # noqa: BLE001  # the thread's edge: the story asks for it
            self.failed = f"the topics could not be read any more: {error}"
        finally:
            self._source.close()

    def sample(self) -> None:
        """Note how far things are now."""
        with self.lock:
            sums, decided = self.seen.worth(), len(self.seen.decisions)
            worth = {name: round(sums.get(name, 0.0), 2) for name in self._shown}
        self.samples.append(Sample(at_s=time.monotonic() - self._began, sent=self._sent(), decided=decided, worth=worth))

    def close(self) -> None:
        self._ended.set()
        self.join(20)
