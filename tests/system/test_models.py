"""Models that are announced while events stream: taken, refused and rolled back, and no event is lost, repeated or goes back."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
import pytest

from apps import moves, stream
from apps.errors import InputError
from apps.follow import Follower
from apps.settings import Guarantee, Settings
from apps.simulate import LIVE
from domain.learning import Window
from domain.registry import DOMAINS
from models.at_work import position
from models.train import train
from tests.once import bundle_once
from tests.system.processes import Process, read_topic, start, until
from tests.system.source import Flow, emissions
from tests.system.test_nothing_lost_by_domain import own
from tests.system.versions import DOMAIN, cause, change, copied, move, promote, register, rewrite, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS[DOMAIN]
SECONDS, RATE = 150, 300  # far longer than a test takes; events a second
Decisions = list[dict[str, Any]]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another bundle, of ten rounds of boosting."""
    learning = FRAUD.learning()
    short = replace(FRAUD, learning=lambda: replace(learning, folds=2, recipe=replace(learning.recipe, rounds=10)))
    history = FRAUD.simulate(8, LIVE - timedelta(days=28), customers=300, terminals=600, days=28)
    window = Window(train=7, delay=7, test=3)
    return bundle_once(tmp_path_factory, "second", lambda folder: train(short, history, "simulated", folder, window=window))


@pytest.fixture
def settings(clean_topics: Settings, bundle: Path, tmp_path: Path) -> Settings:
    """A clean broker on which the first bundle is the champion."""
    found = own(clean_topics, tmp_path)
    promote(found, register(found, copied(found, bundle)))
    return found


def scorer(settings: Settings, instance: str, guarantee: Guarantee = "exactly-once") -> Process:
    return start("stream", DOMAIN, "--instance", instance, "--guarantee", guarantee, settings=settings)


def flow(settings: Settings) -> Flow:
    return Flow(settings, emissions(SECONDS * RATE, seed=3, customers=300, days=60), SECONDS)


def decisions(settings: Settings) -> dict[int, Decisions]:
    """What was decided, by the partition of its event, in the order in which it was written."""
    found = defaultdict(list)
    for message in read_topic(settings, FRAUD.decisions_topic):
        decision = orjson.loads(message.value())
        found[decision["partition"]].append(decision)
    return found


def newest(settings: Settings) -> dict[int, str]:
    """The version that decided last, by partition."""
    return {partition: of[-1]["model_version"] for partition, of in decisions(settings).items()}


def check_all(settings: Settings, sent: list[Any], guarantee: Guarantee) -> None:
    """Each event has its decision; exactly-once has no other."""
    seen = Counter(d["decision_id"] for of in decisions(settings).values() for d in of)
    assert set(seen) == {e.value.id for e in sent if e.stream == "events"}
    if guarantee == "exactly-once":
        assert max(seen.values()) == 1


def covered(settings: Settings, sent: list[Any]) -> bool:
    return {d["decision_id"] for of in decisions(settings).values() for d in of} >= {e.value.id for e in sent if e.stream == "events"}


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
def test_a_new_champion_and_a_rollback_are_taken_under_load_and_no_partition_goes_back(
    guarantee: Guarantee, settings: Settings, bundle: Path, second: Path
) -> None:
    """Two scorers; one of them is killed after the promotion, so that its partitions move to the other."""
    first, other = bundle.name, register(settings, copied(settings, second))
    a, b = (scorer(settings, name, guarantee) for name in "ab")
    try:
        with flow(settings) as flowing:
            until(lambda: a.output().count("scoring fraud.payments") == 2, b, running=True)  # both: they write into one log
            until(lambda: newest(settings) == dict.fromkeys(range(4), first), a, running=True)
            promote(settings, other)
            until(lambda: newest(settings) == dict.fromkeys(range(4), other), a, running=True)
            until(lambda: {e["details"]["instance"] for e in told(settings, "swapped")} == {"a", "b"}, b, running=True)
            b.kill_hard()
            flowing.must_go_on()
            before = sum(map(len, decisions(settings).values()))
            move(settings, lambda found: found.rollback(cause("it was better before")))
            until(lambda: newest(settings) == dict.fromkeys(range(4), first), a, running=True)
            assert sum(map(len, decisions(settings).values())) > before
            sent = flowing.stop()
            until(partial(covered, settings, sent), a, running=True)
        assert a.stop() == 0, a.output()
    finally:
        for process in (a, b):
            process.popen.kill()
    check_all(settings, sent, guarantee)
    for partition, of in decisions(settings).items():
        assert [version for version, _ in groupby(d["model_version"] for d in of)] == [first, other, first], partition
    swaps = [(e["details"]["instance"], e["version"], e["details"]["before"]) for e in told(settings, "swapped")]
    assert {("a", other, first), ("a", first, other), ("b", other, first)} == set(swaps)


def decided_by(settings: Settings, terms: dict[str, float]) -> bool:
    """Whether the last decision of every partition names these terms."""
    return [of[-1].get("terms", {}) for of in decisions(settings).values()] == [terms] * 4


def test_new_terms_and_their_reset_are_taken_under_load_and_every_decision_follows_the_terms_it_names(settings: Settings) -> None:
    free = {"analyst": 0.0, "delayed_customer": 0.0}  # reviews that cost nothing: every payment gets one, or is blocked
    process = scorer(settings, "a")
    try:
        with flow(settings) as flowing:
            until(lambda: decided_by(settings, {}), process, running=True)
            moves.decide_by(settings, FRAUD, free, cause("look at everything"))
            until(lambda: decided_by(settings, free), process, running=True)
            flowing.must_go_on()
            moves.decide_by(settings, FRAUD, None, cause("it was too much"))
            until(lambda: decided_by(settings, {}), process, running=True)
            sent = flowing.stop()
            until(partial(covered, settings, sent), process, running=True)
        assert process.stop() == 0, process.output()
    finally:
        process.popen.kill()
    check_all(settings, sent, "exactly-once")
    for partition, of in decisions(settings).items():
        assert [terms for terms, _ in groupby(d.get("terms", {}) for d in of)] == [{}, free, {}], partition
        assert {d["threshold"] for d in of if d.get("terms")} == {0.0}
        assert "approve" not in {d["action"] for d in of if d.get("terms")}
        assert all(d["threshold"] > 0 for d in of if not d.get("terms"))
    assert [e["details"]["after"] for e in told(settings, "terms-taken")] == [free, {}]
    assert [e["details"]["after"]["analyst"] for e in told(settings, "terms")] == [0.0, 5.0]
    assert told(settings, "swapped") == []


def changed_bytes(folder: Path) -> None:
    model = folder / "model.txt"
    model.write_bytes(model.read_bytes().replace(b"leaf_value=", b"leaf_value=1", 1))


def forged(folder: Path) -> None:
    rewrite(folder, "model.txt", (folder / "model.txt").read_text() + "\n")


def other_schema(folder: Path) -> None:
    change(folder, lambda manifest: manifest["schema"].pop())


def no_parity(folder: Path) -> None:
    report = json.loads((folder / "parity.json").read_text())
    next(c for c in report["comparisons"] if c["name"] == "native").update(outcome="failed", reason="another answer")
    rewrite(folder, "parity.json", json.dumps(report))


def gone(folder: Path) -> None:
    (folder / "manifest.json").unlink()


# What is done to a bundle, whether before it is registered, and what is said of it.
POISONS: list[tuple[Callable[[Path], None], bool, str]] = [
    (changed_bytes, False, "was changed after training"),
    (forged, False, "is not the bundle that was announced"),
    (other_schema, True, "has other features"),
    (no_parity, True, "has no passing parity report for native: another answer"),
    (gone, False, "no bundle there"),
    (lambda folder: change(folder, lambda manifest: manifest.update(domain="loans")), False, "is a model of 'loans'"),
]


def test_a_poisoned_champion_is_refused_by_name_and_the_stream_goes_on_with_the_old_one(
    settings: Settings, bundle: Path, second: Path
) -> None:
    process = scorer(settings, "a")
    try:
        with flow(settings) as flowing:
            until(lambda: decisions(settings), process, running=True)
            for number, (poison, before, reason) in enumerate(POISONS):
                folder = copied(settings, second, f"poisoned-{number}")
                if before:
                    poison(folder)
                version = register(settings, folder)
                if not before:
                    poison(folder)
                promote(settings, version)
                until(lambda wanted=version: wanted in [e["version"] for e in told(settings, "refused")], process, running=True)
                refused = told(settings, "refused")[-1]
                assert reason in refused["text"]
                assert f"{bundle.name} goes on" in refused["text"]
                assert refused["domain"] == DOMAIN
                flowing.must_go_on()
            at = sum(map(len, decisions(settings).values()))
            until(lambda: sum(map(len, decisions(settings).values())) > at, process, running=True)
            sent = flowing.stop()
            until(partial(covered, settings, sent), process, running=True)
        assert process.stop() == 0, process.output()
    finally:
        process.popen.kill()
    check_all(settings, sent, "exactly-once")
    assert {d["model_version"] for of in decisions(settings).values() for d in of} == {bundle.name}
    assert told(settings, "swapped") == []


def test_a_share_of_the_keys_gets_the_challengers_decisions_for_real(settings: Settings, bundle: Path, second: Path) -> None:
    challenger = register(settings, copied(settings, second))
    move(settings, lambda found: found.challenge(challenger, cause("try it"), share=0.3))
    process = scorer(settings, "a")
    try:
        with flow(settings) as flowing:
            until(lambda: sum(map(len, decisions(settings).values())) > 1_000, process, running=True)
            sent = flowing.stop()
            until(partial(covered, settings, sent), process, running=True)
        assert process.stop() == 0, process.output()
    finally:
        process.popen.kill()
    for of in decisions(settings).values():
        for decision in of:
            assert decision["model_version"] == (challenger if position(decision["key"].encode()) < 0.3 else bundle.name)


def test_without_an_announced_model_a_scorer_says_how_to_get_one(clean_topics: Settings, tmp_path: Path) -> None:
    process = scorer(own(clean_topics, tmp_path), "a")
    assert process.ended() == 1
    assert "error no model of fraud is announced on the topic `models`; train one with `polyscore train fraud`" in process.output()


def test_a_start_whose_champion_is_refused_goes_on_with_the_champion_before_it_or_ends_with_the_reason(
    settings: Settings, bundle: Path, second: Path
) -> None:
    folder = copied(settings, second)
    promote(settings, register(settings, folder))
    changed_bytes(folder)
    follower = Follower(settings, FRAUD, "native", "a")
    assert follower.start().champion.version == bundle.name
    follower.close()
    [refused] = told(settings, "refused")
    assert (refused["version"], f"{bundle.name} goes on" in refused["text"]) == (second.name, True)
    changed_bytes(settings.bundles / DOMAIN / bundle.name)
    with pytest.raises(InputError, match=r"no model of fraud can decide: .*was changed after training.*polyscore models promote"):
        Follower(settings, FRAUD, "native", "a").start()


def test_each_assignment_of_partitions_is_heard(settings: Settings) -> None:
    """Quix's own callback: nothing else says that a partition may come from another scorer."""
    app, heard = stream.application(settings, FRAUD, "at-least-once", "a"), list[int]()

    def assigned() -> None:
        heard.append(1)
        app.stop()

    app.assigned = assigned
    stream.wire(app, FRAUD, lambda *_: [])
    app.run()
    assert heard == [1]


def test_what_is_announced_is_at_work_when_settle_returns(settings: Settings, bundle: Path, second: Path) -> None:
    """A partition that comes from another scorer is not decided by an older model than there: the stream settles first."""
    other, handed = register(settings, copied(settings, second)), []
    follower = Follower(settings, FRAUD, "native", "a")
    follower.start()
    follower.follow(handed.append, failed=lambda: None)
    for version in (other, bundle.name, other):
        promote(settings, version)
        follower.settle()
        assert handed[-1].champion.version == version
    follower.close()
