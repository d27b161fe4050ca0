"""The whole loop, unattended, on a real Kafka: frauds change, it is noticed, learned, proven better, and decided by.

Every process is its own, as in a deployment. The test only sends events and labels, and reads topics afterwards.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from sklearn.metrics import average_precision_score

from apps import loop_events
from apps.lag import GroupLag
from apps.partitions import Partition, read_to_end
from apps.replay import Replay
from apps.settings import Settings
from apps.topics import METRICS, QUALITY_WINDOW, consumer_group
from domain.contract import Emission
from domain.fraud.simulator import PERFECT
from domain.registry import DOMAINS
from models.train import train
from tests.domain.worlds import START
from tests.system.processes import Process, start, until
from tests.system.source import Flow
from tests.system.test_nothing_lost_by_domain import own
from tests.system.versions import copied, known, promote, register, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]
FRAUD = DOMAINS["fraud"]
HISTORY, DRIFT, DAYS = 50, 52, 120  # days: sent at once (the longest windows fill in 38), when frauds change, and the last
CUSTOMERS = 800
BEHIND = 1_000  # events that the scorers may be behind when a day begins
UNJUDGED = 5  # days with all their labels that are not judged yet by then
JUDGED, LABELLED = 10, 8  # days that the new champion is judged on, and that their labels take


def moment(day: float) -> datetime:
    return START + timedelta(days=day)


@pytest.fixture(scope="module")
def world() -> list[Emission]:
    sizes = {"customers": CUSTOMERS, "terminals": 2 * CUSTOMERS, "drift_after_days": DRIFT}
    return list(FRAUD.simulate(7, START, days=DAYS, imperfections=PERFECT, **sizes))


@pytest.fixture
def settings(clean_topics: Settings, world: list[Emission], tmp_path: Path) -> Settings:
    """A clean broker with a champion that learned from the world before it changed."""
    found = own(clean_topics, tmp_path)
    folder = train(FRAUD, [e for e in world if e.at < moment(HISTORY)], "simulated", tmp_path / "first")
    promote(found, register(found, copied(found, folder)))
    return found


class Decided:
    """What was decided up to the last look."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._read = settings, dict[Partition, int]()
        self.made: list[dict[str, Any]] = []

    def look(self) -> list[dict[str, Any]]:
        self.made.extend(_new(self._settings, FRAUD.decisions_topic, self._read))
        return self.made

    def days_of(self, version: str) -> float:
        """How much event time its decisions span."""
        times = [datetime.fromisoformat(d["event_time"]) for d in self.look() if d["model_version"] == version]
        return (max(times) - min(times)) / timedelta(days=1) if times else 0.0


class Clock:
    """The world's days are as long as they need be: one waits for the other processes, and while a model is trained, as real days would."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._day, self._read = settings, 0, dict[Partition, int]()
        self._lag = GroupLag(settings, consumer_group(FRAUD), FRAUD.events_topic)
        self._judged, self._trainings = START, 0  # up to which day; those that have begun and not ended

    def passed(self, at: datetime) -> None:
        day = (at - START).days
        if day > self._day:
            self._day = day
            while self._lag.events() > BEHIND or self._measured() < moment(day - LABELLED - UNJUDGED) or self._trainings > 0:
                time.sleep(0.3)  # until other processes have got there

    def _measured(self) -> datetime:
        """Take in what was told; the day up to which decisions are judged."""
        for told_now in _new(self._settings, METRICS, self._read):
            if told_now["kind"] == QUALITY_WINDOW:
                self._judged = max(self._judged, datetime.fromisoformat(told_now["day"]).replace(tzinfo=UTC))
            elif told_now["kind"] == loop_events.KIND:
                begun = told_now["what"] == "retraining" and "labels" in told_now["details"]
                ended = told_now["what"] == "gate" or (told_now["what"] == "retraining" and "reason" in told_now["details"])
                self._trainings += begun - ended
        return self._judged


def _new(settings: Settings, topic: str, read: dict[Partition, int]) -> Iterator[dict[str, Any]]:
    """What a topic holds since the last look; ``read`` keeps where that was."""
    for message in read_to_end(settings, topic, read):
        read[message.topic(), message.partition()] = message.offset() + 1
        yield orjson.loads(message.value() or b"")


def promoted(settings: Settings) -> list[dict[str, Any]]:
    return [event for event in told(settings, "promoted") if "former" in event["details"]]


def precision(made: list[dict[str, Any]], labels: dict[str, bool], first: datetime, end: datetime) -> float:
    """The average precision of what was decided in these days."""
    rows = [d for d in made if first <= datetime.fromisoformat(d["event_time"]) < end and d["decision_id"] in labels]
    return float(average_precision_score([labels[d["decision_id"]] for d in rows], [d["score"] for d in rows]))


def test_a_changed_world_is_noticed_learned_and_decided_by_while_nobody_looks(settings: Settings, world: list[Emission]) -> None:
    history, live = ([e for e in world if (e.at < moment(HISTORY)) is before] for before in (True, False))
    commands = (
        ("stream", "fraud", "--format", "pmml", "--guarantee", "exactly-once", "--instance", "one"),
        ("quality",),
        ("shadow", "fraud"),
        ("loop", "fraud", "--retry-labels", "3000"),
    )
    with ExitStack() as stack:
        beside = [stack.enter_context(beginning(settings, *command)) for command in commands]
        Replay(settings, FRAUD).send(history, pace=None, stop=Event(), progress=lambda *_: None)
        decided = Decided(settings)
        with Flow(settings, live, None, passed=Clock(settings).passed) as flow:
            until(lambda: promoted(settings) or flow.must_last(), beside[3], within=800, running=True)
            swap = promoted(settings)[0]
            wanted_days = JUDGED + LABELLED
            until(lambda: decided.days_of(swap["version"]) > wanted_days or flow.must_last(), beside[0], within=800, running=True)
            sent = [*history, *flow.stop()]
        wanted = {e.value.id for e in sent if e.stream == "events"}
        until(lambda: {d["decision_id"] for d in decided.look()} >= wanted, beside[0], running=True)
        for process in reversed(beside):
            assert process.stop() == 0, process.output()
    _check(settings, sent, decided.look(), swap)


@contextmanager
def beginning(settings: Settings, *command: str) -> Iterator[Process]:
    """A process that does not outlive the test."""
    process = start(*command, settings=settings)
    try:
        yield process
    finally:
        if process.alive():
            process.kill_hard()


def _check(settings: Settings, sent: list[Emission], made: list[dict[str, Any]], swap: dict[str, Any]) -> None:
    times = Counter(d["decision_id"] for d in made)
    assert set(times) == {e.value.id for e in sent if e.stream == "events"}
    assert max(times.values()) == 1, "exactly-once: none is repeated"
    drift, gates = told(settings, "drift"), told(settings, "gate")
    assert drift
    assert datetime.fromtimestamp(min(event["at_us"] for event in drift) / 1e6, START.tzinfo) >= moment(DRIFT), "not before it was there"
    assert [event["details"]["verdict"] for event in gates if event["version"] == swap["version"]] == ["better"]
    assert known(settings).versions[swap["version"]].manifest["data"]["why"].startswith("drift")

    labels = {e.value.transaction_id: e.value.fraud for e in sent if e.stream == "labels"}
    by_new = [datetime.fromisoformat(d["event_time"]) for d in made if d["model_version"] == swap["version"]]
    back = min(by_new)
    last = back + timedelta(days=JUDGED)
    before = precision(made, labels, moment(DRIFT - 14), moment(DRIFT))
    fallen = precision(made, labels, moment(DRIFT + 7), back)
    after = precision(made, labels, back, last)
    print(f"average precision {before:.3f} before, {fallen:.3f} until the swap on {back:%Y-%m-%d}, {after:.3f} after")
    assert fallen < 0.6 * before
    assert after >= 0.9 * before
