"""Challengers in the shadow on a real Kafka: each decision from their first on has one, killed or not, and it is the model's own."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from apps.settings import Settings
from domain.registry import DOMAINS
from tests.system.processes import read_topic, start, until
from tests.system.source import Flow, emissions
from tests.system.test_nothing_lost_by_domain import own
from tests.system.versions import cause, copied, move, promote, register, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
SECONDS, RATE = 240, 200  # far longer than the test takes; payments a second


def by_partition(settings: Settings, topic: str) -> dict[int, list[dict[str, Any]]]:
    """Messages by the partition of their event, in the order in which they were written; repeats of an id left out."""
    found: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    for message in read_topic(settings, topic):
        fields = orjson.loads(message.value())
        found[fields["partition"]].setdefault(fields["decision_id"], fields)
    return {partition: list(of.values()) for partition, of in found.items()}


def test_a_challenger_decides_every_event_beside_the_champion_and_a_kill_leaves_no_gap(
    clean_topics: Settings, bundle: Path, tmp_path: Path
) -> None:
    settings = own(clean_topics, tmp_path)
    promote(settings, register(settings, copied(settings, bundle)))
    register(settings, copied(settings, bundle, "v2"))
    move(settings, lambda known: known.challenge("v2", cause("the same model under another name")))
    shadow = start("shadow", "fraud", settings=settings)
    scorer = start("stream", "fraud", "--format", "c", settings=settings)

    def shadowed() -> int:
        return len(read_topic(settings, FRAUD.shadow_topic))

    with Flow(settings, emissions(SECONDS * RATE, seed=3, customers=300, days=60), SECONDS) as flow:
        until(lambda: shadowed() >= 300, shadow, running=True)
        shadow.kill_hard()
        before = shadowed()
        shadow = shadow.again()
        until(lambda: shadowed() >= before + 600, shadow, running=True)
        sent = {e.value.id for e in flow.stop() if e.stream == "events"}
    made: dict[int, list[dict[str, Any]]] = {}

    def all_are_there() -> bool:
        nonlocal made
        made = by_partition(settings, FRAUD.decisions_topic)
        if not {d["decision_id"] for of in made.values() for d in of} >= sent:
            return False
        last = {of[-1]["decision_id"] for of in by_partition(settings, FRAUD.shadow_topic).values()}
        return last == {of[-1]["decision_id"] for of in made.values()}

    until(all_are_there, scorer, running=True)
    assert scorer.stop() == 0
    assert shadow.stop() == 0, shadow.output()
    theirs = by_partition(settings, FRAUD.shadow_topic)
    for partition, found in theirs.items():
        ours = made[partition]
        first = next(i for i, d in enumerate(ours) if d["decision_id"] == found[0]["decision_id"])
        assert [d["decision_id"] for d in found] == [d["decision_id"] for d in ours[first:]], "no gap, from the first on"
        for mine, yours in zip(found, ours[first:], strict=True):
            assert (mine["model_version"], mine["format"]) == ("v2", "pmml")
            assert [mine[name] for name in ("raw", "score", "action", "threshold")] == [
                yours[name] for name in ("raw", "score", "action", "threshold")
            ]
    assert told(settings, "refused") == []
