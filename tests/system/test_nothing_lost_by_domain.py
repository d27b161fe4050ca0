"""Scorers and sinks of each further domain are killed: every decision is that of an undisturbed run, by its features and by its memory.

``test_nothing_lost`` does this for fraud, harder: it has labels that features wait for, and stops the broker too.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import orjson
import pytest
from confluent_kafka import Producer

from apps.kafka import producer_config
from apps.lag import GroupLag
from apps.replay import Replay
from apps.settings import Guarantee, Settings
from apps.topics import consumer_group
from domain.contract import Domain, Emission
from domain.cross_sell.features import SCHEMA
from models.bundle import load_bundle
from models.decide import Model, decide
from tests.domain.worlds import ALL, START, bundle_of, in_order
from tests.system.incarnations import Decisions, Incarnations, as_row, bits_of, one_after, running, stored
from tests.system.processes import Process, read_topic, until
from tests.system.source import Flow

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
KILLS = 1  # Kafka takes ten seconds to believe that a scorer is gone


class World(NamedTuple):
    """What is simulated, from when on it is sent, and within how many seconds: far more of them than a test takes."""

    sizes: dict[str, int]
    begins: timedelta
    seconds: float


# Dense enough that visits, and orders, are open when a scorer is killed: some twenty at any moment.
WORLDS = {
    "cross_sell": World({"shoppers": 6_000, "stores": 3, "days": 1}, timedelta(hours=11), 160.0),
    "maintenance": World({"machines": 60, "days": 65}, timedelta(0), 156.0),
}
AGE = ALL["maintenance"].schema.names.index("age")
BROKEN = b'{"shopper_id":"s1","event_time":"2025-03-03T00:00:00Z","pan":"4"}'
guarantees = pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each domain, of its small world."""
    return {name: bundle_of(tmp_path_factory, name) for name in WORLDS}


@cache
def world(name: str) -> tuple[list[Emission], list[Emission]]:
    """What is known of keys before; and the simulated events with their repeats, none late.

    An event that comes again may know of what came late in between, by its features: that is nothing that a kill must not do.
    """
    found = list(ALL[name].simulate(3, START, **WORLDS[name].sizes))
    known = [e for e in found if e.stream in ALL[name].changelogs]
    sent = [Emission(e.event_time, "events", e.key, e) for e in in_order([e.value for e in found if e.stream == "events"])]
    labels = [Emission(e.value.event_time, "labels", e.key, e.value) for e in found if e.stream == "labels"]
    return known, sorted((e for e in [*labels, *sent] if e.at >= START + WORLDS[name].begins), key=lambda e: e.at)


def undisturbed(domain: Domain, folder: Path, sent: Iterable[Emission]) -> dict[str, dict[str, Any]]:
    """What one scorer decides that nobody kills, by id, as it is written."""
    bundle = load_bundle(folder)
    model = Model(bundle.version, "native", bundle.scorer("native"), bundle.contributions, bundle.average)
    features, state, memory, found = domain.features(), dict[str, bytes](), dict[str, bytes](), dict[str, dict[str, Any]]()
    for emission in sent:
        if emission.stream == "labels":
            continue
        decided = decide(domain, features, model, emission.value, state.get(emission.key), memory.get(emission.key))
        state[emission.key] = decided.state
        if decided.repeated:
            continue
        if decided.memory is not None:
            memory[emission.key] = decided.memory
        if decided.fields:
            found[emission.value.id] = decided.fields
    return found


def disturbed(
    settings: Settings, name: str, folder: Path, guarantee: Guarantee
) -> tuple[Decisions, dict[str, dict[str, Any]], Incarnations]:
    """The decisions of scorers that are killed, those of one that is not, and the scorers; the sink is killed as well."""
    domain, rng = ALL[name], np.random.default_rng(7)
    known, sent = world(name)
    with running("sink", settings) as sink, Incarnations(settings, domain, folder, guarantee, "--format", "native") as scorers:
        send_known(settings, domain, known, scorers.process)
        with Flow(settings, sent, WORLDS[name].seconds, name) as flow:
            for _ in range(KILLS):
                scorers.until(one_after(scorers.began_us[-1]))
                time.sleep(float(rng.uniform(1.0, 2.0)))  # a random moment while it decides
                flow.must_go_on()
                scorers.process.kill_hard()
                scorers.again()
            sink.kill_hard()
            scorers.until(one_after(scorers.began_us[-1]))
            flow.must_go_on()
            expected = undisturbed(domain, folder, [*known, *flow.stop()])
        with running("sink", settings) as another:
            scorers.until(partial(covers, set(expected)))
            assert scorers.process.stop() == 0, scorers.process.output()
            scorers.look()
            until(lambda: stored(settings) == (len(expected), len(expected)), another)
            assert another.stop() == 0
    return [orjson.loads(m.value()) for m in read_topic(settings, domain.decisions_topic)], expected, scorers


def own(broker: Settings, folder: Path) -> Settings:
    """The shared broker, with a home and a database of the test's own."""
    return broker.model_copy(update={"home": folder, "database_url": f"sqlite:///{folder / 'polyscore.db'}"})


def covers(wanted: set[str], made: Decisions) -> bool:
    return {d["decision_id"] for d in made} >= wanted


def send_known(settings: Settings, domain: Domain, known: list[Emission], scorer: Process) -> None:
    """Send what is known of keys, one of it broken, and wait until the scorer knows it: Kafka keeps no order between two topics."""
    if not known:
        return
    Replay(settings, domain).send(known, pace=None, stop=Event(), progress=lambda *_: None)
    producer, topic = Producer(producer_config(settings)), domain.topic(known[0].stream)
    producer.produce(topic, BROKEN, b"s1")
    assert producer.flush(30) == 0
    group = GroupLag(settings, consumer_group(domain), topic)
    until(lambda: group.events() == 0, scorer, running=True)
    group.close()


def check(found: Decisions, expected: dict[str, dict[str, Any]], guarantee: Guarantee) -> None:
    """Each event has its decision, exactly-once has no other, and each is what it would have been: row, action, memory's notes."""
    seen = Counter(d["decision_id"] for d in found)
    assert set(seen) == set(expected), f"{len(set(expected) - set(seen))} events without a decision"
    if guarantee == "exactly-once":
        assert max(seen.values()) == 1, f"{sum(n > 1 for n in seen.values())} events decided more than once"
    differing = [d["decision_id"] for d in found if as_row(d) != bits_of(expected[d["decision_id"]]["features"])]
    assert not differing, f"{len(differing)} of {len(found)} rows differ from an undisturbed run, first {differing[:3]}"
    for decision in found:
        wanted = expected[decision["decision_id"]]
        for field in ("action", "alert", "score", "threshold", "context", "reasons"):
            assert decision[field] == wanted[field], (decision["decision_id"], field)


def check_that_kills_hit(scorers: Incarnations) -> None:
    numbers = scorers.by_number()
    assert all(numbers[i] > 0 for i in range(KILLS + 1)), f"some were killed before they decided anything: {numbers}"


def made_before(scorers: Incarnations, chosen: Iterable[str]) -> dict[str, int]:
    """The last incarnation that made each of these decisions."""
    wanted, last = set(chosen), dict[str, int]()
    for decision in scorers.made:
        if decision["decision_id"] in wanted:
            last[decision["decision_id"]] = max(last.get(decision["decision_id"], 0), scorers.number_of(decision))
    return last


@guarantees
def test_a_visit_keeps_its_only_offer_and_a_shopper_their_profile_through_kills(
    guarantee: Guarantee, clean_topics: Settings, bundles: dict[str, Path], tmp_path: Path
) -> None:
    settings = own(clean_topics, tmp_path)
    found, expected, scorers = disturbed(settings, "cross_sell", bundles["cross_sell"], guarantee)
    check(found, expected, guarantee)
    check_that_kills_hit(scorers)
    visits = defaultdict(set)
    for decision in found:
        visits[decision["key"], decision["context"]["visit"]].add((decision["decision_id"], decision["action"]))
    offers = {place: {i for i, action in sights if action == "offer"} for place, sights in visits.items()}
    assert max(map(len, offers.values())) == 1, "a visit with two offers"
    at = made_before(scorers, (d["decision_id"] for d in found))
    spanning = [place for place, offer in offers.items() if offer and max(at[i] for i, _ in visits[place]) > at[min(offer)]]
    assert spanning, "no visit whose offer was made before a kill went on after it"
    _check_profiles(settings, found)


def _check_profiles(settings: Settings, found: Decisions) -> None:
    """Tier and segment are features of those of whom a profile was sent, and missing for the others; the broken one is a dead letter."""
    profiled = {e.key for e in world("cross_sell")[0]}
    tier, segment = SCHEMA.names.index("tier"), SCHEMA.names.index("segment")
    assert {d["key"] in profiled for d in found} == {True, False}
    for decision in found:
        known = [decision["features"][i] is not None for i in (tier, segment)]
        assert known == [decision["key"] in profiled] * 2, decision["key"]
    letters = [(m.value(), dict(m.headers())) for m in read_topic(settings, "cross_sell.dead-letters")]
    assert {(value, heads["code"], heads["source-topic"]) for value, heads in letters} == {
        (BROKEN, b"unknown-field", b"cross_sell.profiles")
    }


@guarantees
def test_a_machine_keeps_its_only_order_through_kills(
    guarantee: Guarantee, clean_topics: Settings, bundles: dict[str, Path], tmp_path: Path
) -> None:
    settings = own(clean_topics, tmp_path)
    found, expected, scorers = disturbed(settings, "maintenance", bundles["maintenance"], guarantee)
    check(found, expected, guarantee)
    check_that_kills_hit(scorers)
    opened, at = defaultdict(set), made_before(scorers, (d["decision_id"] for d in found))
    first = {d["context"]["order"]: at[d["decision_id"]] for d in found if d["action"] == "order"}
    for decision in found:
        if decision["action"] == "order":
            opened[decision["key"], decision["context"]["cycle"] - decision["features"][AGE]].add(decision["decision_id"])
    assert opened
    assert max(map(len, opened.values())) == 1, "a part with two orders"
    standing = [d for d in found if d["action"] == "ordered"]
    assert all(d["context"]["order"] in first for d in standing), "an order that nobody opened"
    assert any(at[d["decision_id"]] > first[d["context"]["order"]] for d in standing), (
        "no order that was opened before a kill stood after it"
    )
