"""Which model decides as standings come: what is refused, what goes on, who gets the challenger. Without a broker."""

from __future__ import annotations

from queue import Empty, Queue
from threading import Event
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaError
from quixstreams.context import set_message_context
from quixstreams.models import MessageContext

from apps import follow
from apps.errors import InputError
from apps.lineup import Lineup
from apps.settings import Settings
from domain.decision import Decision
from exports.errors import ExportError
from models.at_work import AtWork, position
from models.decide import Model
from models.errors import BundleError
from models.registry import Registry, Standing
from tests.apps.test_stream import FRAUD, FakeScorer, FakeState, scoring, send

KEYS = [f"c{i}".encode() for i in range(20_000)]


def model(version: str) -> Model:
    return Model(version, "native", FakeScorer(), lambda row: np.zeros((1, len(FRAUD.schema))))


class World:
    """A registry, bundles of which some are bad, and what was told."""

    def __init__(self) -> None:
        self.known, self.bad, self.loaded, self.told = Registry("fraud"), dict[str, Exception](), list[str](), list[tuple[Any, ...]]()
        self.lineup = Lineup(FRAUD, self._load, lambda *event: self.told.append(event))

    def _load(self, known: Registry, version: str) -> Model:
        assert known is self.known
        if version in self.bad:
            raise self.bad[version]
        self.loaded.append(version)
        return model(version)

    def stand(self, champion: str, **more: Any) -> AtWork:
        fields = {"domain": "fraud", "champion": champion, "at_us": 1, "by": "ann", "why": "it is better"}
        self.known.standing = Standing(**(fields | more))
        return self.lineup.take(self.known)


@pytest.fixture
def world() -> World:
    return World()


def test_a_new_champion_decides_and_the_switch_is_told_with_both_versions_and_the_reason(world: World) -> None:
    assert world.stand("v1").champion.version == "v1"
    assert world.told == [], "a start is no switch"
    assert world.stand("v2", former=("v1",)).champion.version == "v2"
    [(what, version, text, details)] = world.told
    assert (what, version, text) == ("swapped", "v2", "v2 decides now, after v1: it is better")
    assert details == {"before": "v1", "by": "ann"}


@pytest.mark.parametrize(
    "error",
    [BundleError("its bytes changed"), InputError("other features"), ExportError("no such element"), ZeroDivisionError("a defect")],
    ids=lambda error: type(error).__name__,
)
def test_a_champion_that_cannot_be_loaded_is_refused_by_name_and_the_old_one_goes_on(world: World, error: Exception) -> None:
    old = world.stand("v1").champion
    world.bad["v2"] = error
    assert world.stand("v2", former=("v1",)).champion is old
    [(what, version, text, details)] = world.told
    assert (what, version, text) == ("refused", "v2", f"v2 is refused: {error}; v1 goes on")
    assert details == {"error": type(error).__name__, "why": str(error)}
    assert world.stand("v3", former=("v2", "v1")).champion.version == "v3", "the next good one is taken"


def test_a_start_whose_champion_is_refused_goes_on_with_the_latest_before_it_that_loads(world: World) -> None:
    world.bad = {"v4": BundleError("gone"), "v3": BundleError("gone too")}
    assert world.stand("v4", former=("v3", "v2", "v1")).champion.version == "v2"
    assert world.loaded == ["v2"]
    assert [(e[0], e[2]) for e in world.told] == [
        ("refused", "v4 is refused: gone; v3 goes on"),
        ("refused", "v3 is refused: gone too; v2 goes on"),
    ]


def test_a_start_with_nothing_that_loads_ends_with_the_reason_and_what_to_do(world: World) -> None:
    world.bad = {"v2": BundleError("gone"), "v1": BundleError("changed")}
    with pytest.raises(InputError, match=r"no model of fraud can decide: changed; promote another with `polyscore models promote"):
        world.stand("v2", former=("v1",))
    assert [e[1] for e in world.told] == ["v2", "v1"]


def test_without_a_standing_a_start_says_how_to_get_one(world: World) -> None:
    with pytest.raises(InputError, match=r"no model of fraud is announced.*polyscore train fraud"):
        world.lineup.take(world.known)


def test_a_challenger_is_loaded_only_for_a_share_and_a_promoted_one_not_again(world: World) -> None:
    assert world.stand("v1", challengers=("v2",)).challenger is None
    split = world.stand("v1", challengers=("v2", "v3"), share=0.2)
    assert (split.challenger and split.challenger.version, split.share) == ("v2", 0.2)
    promoted = world.stand("v2", challengers=("v3",), former=("v1",))
    assert (promoted.champion, promoted.challenger) == (split.challenger, None)
    assert world.loaded == ["v1", "v2"]
    assert [(e[1], e[2]) for e in world.told] == [
        ("v2", "v2 decides for 20.0% of the keys now: it is better"),
        ("v2", "v2 decides now, after v1: it is better"),
        ("v2", "v2 decides for all keys again: it is better"),
    ]


def test_a_challenger_that_is_refused_leaves_all_keys_to_the_champion(world: World) -> None:
    world.bad["v2"] = BundleError("gone")
    found = world.stand("v1", challengers=("v2",), share=0.5)
    assert {found.of(key).version for key in KEYS} == {"v1"}
    assert world.told[0][2] == "v2 is refused: gone; the champion v1 decides for all keys"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 1.0])
def test_a_share_of_the_keys_is_the_challengers_and_no_more(share: float) -> None:
    at_work = AtWork(model("v1"), model("v2"), share)
    taken = sum(at_work.of(key).version == "v2" for key in KEYS) / len(KEYS)
    assert abs(taken - share) <= 4 * (share * (1 - share) / len(KEYS)) ** 0.5


def test_a_key_stands_at_the_same_place_on_every_machine_so_that_a_larger_share_keeps_the_keys_of_a_smaller_one() -> None:
    assert [position(key) for key in (b"c1", b"c2", b"")] == [0.6790694914753104, 0.7343037124761338, 0.8666040914613156]
    smaller, larger = (AtWork(model("v1"), model("v2"), share) for share in (0.1, 0.3))
    assert all(larger.of(key).version == "v2" for key in KEYS if smaller.of(key).version == "v2")


def test_new_terms_are_taken_with_the_next_event_by_models_that_are_not_loaded_again(world: World) -> None:
    first = world.stand("v1")
    assert first.domain is FRAUD
    second = world.stand("v1", terms={"analyst": 9.0})
    assert (second.champion, second.domain and second.domain.in_force) == (first.champion, {"analyst": 9.0})
    assert world.loaded == ["v1"]
    [(what, version, text, details)] = world.told
    assert (what, version, text) == ("terms-taken", "v1", "decides by analyst 9 instead of 5 now: it is better")
    assert details == {"before": {}, "after": {"analyst": 9.0}, "by": "ann"}


def test_terms_that_this_code_does_not_know_are_refused_once_and_those_before_go_on(world: World) -> None:
    world.stand("v1", terms={"analyst": 9.0})
    for champion in ("v1", "v2"):
        at_work = world.stand(champion, terms={"mood": 1.0})
        assert at_work.champion.version == champion
        assert at_work.domain is not None
        assert at_work.domain.in_force == {"analyst": 9.0}
    assert [e[2] for e in world.told if e[0] == "refused"] == [
        "the terms in force are refused: there is no term 'mood'; there are: chargeback_fee, blocked_customer, analyst, "
        "delayed_customer, caught_by_review; those before go on; set others with `polyscore models terms fraud`"
    ]


def test_a_start_by_terms_that_this_code_does_not_know_ends_with_the_reason(world: World) -> None:
    with pytest.raises(InputError, match=r"cannot be decided by the terms in force: analyst is 1000; allowed is 0 to 200.*models terms"):
        world.stand("v1", terms={"analyst": 1000.0})


class Announced:
    """The topic ``models``, as much of a consumer as is used: what was announced, then its end."""

    def __init__(self, *_: Any) -> None:
        self.waiting: Queue[Any] = Queue()
        self.offset = 0

    def say(self, value: bytes) -> None:
        self.waiting.put(SimpleNamespace(error=lambda: None, value=lambda: value, offset=lambda at=self.offset: at))
        self.offset += 1

    def end(self) -> None:
        reached = SimpleNamespace(code=lambda: KafkaError._PARTITION_EOF, fatal=lambda: False)
        self.waiting.put(SimpleNamespace(error=lambda: reached, offset=lambda at=self.offset: at))

    def poll(self, timeout: float) -> Any:
        try:
            return self.waiting.get(timeout=timeout)
        except Empty:
            return None

    def consume(self, number: int, timeout: float) -> list[Any]:
        return []

    def assign(self, places: Any) -> None: ...
    def close(self) -> None: ...


class Nobody:
    """As much of a producer as is used."""

    def __init__(self, *_: Any) -> None: ...
    def produce(self, *_: Any, **__: Any) -> None: ...
    def poll(self, timeout: float) -> int:
        return 0

    def flush(self, timeout: float) -> int:
        return 0


def test_while_a_new_model_loads_the_old_one_goes_on_deciding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading takes seconds, and payments wait for nobody: it is done beside the stream, which then takes the model between two of them."""
    set_message_context(MessageContext(topic="fraud.payments", partition=3, offset=42, size=1))
    loading_begun, may_end, handed_over = Event(), Event(), Event()

    def load(settings: Any, domain: Any, known: Any, name: str, model_format: str) -> Model:
        if name == "v2":
            loading_begun.set()
            assert may_end.wait(60)
        return model(name)

    monkeypatch.setattr(follow, "Consumer", Announced)
    monkeypatch.setattr(follow, "Producer", Nobody)
    monkeypatch.setattr(follow, "partition_ids", lambda *_: [0])
    monkeypatch.setattr(follow.loading, "announced", load)
    follower = follow.Follower(Settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"), FRAUD, "native", "here")
    topic: Any = follower._consumer
    topic.say(Standing(domain="fraud", champion="v1", at_us=1, by="ann", why="first").model_dump_json().encode())
    topic.end()
    to, state = scoring(), FakeState()
    to.switch(follower.start())

    def hand_over(at_work: AtWork) -> None:
        to.switch(at_work)
        handed_over.set()

    def decided(number: int) -> str:
        [out] = send(to, state, transaction_id=f"t{number}", amount=5.0)
        return Decision.model_validate_json(out.value).model_version

    follower.follow(hand_over, failed=lambda: None)
    try:
        assert decided(1) == "v1"
        topic.say(Standing(domain="fraud", champion="v2", former=("v1",), at_us=2, by="ann", why="better").model_dump_json().encode())
        assert loading_begun.wait(60)
        assert [decided(number) for number in range(2, 200)] == ["v1"] * 198
        may_end.set()
        assert handed_over.wait(60)
        assert decided(200) == "v2"
    finally:
        may_end.set()
        follower.close()
