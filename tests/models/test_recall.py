"""What is recalled from decisions is what a replay of the same events gives, to the bit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from domain.contract import Emission
from domain.decision import Decision
from models.dataset import Dataset, Growing, recall, replay
from models.decide import Model, decide
from models.errors import DataError
from tests.domain.worlds import ALL, Guess, events, history, in_order, labels, outputs


@cache
def decided(name: str) -> tuple[Decision, ...]:
    """All events in order of event time, each decided with what labels had told before; what comes again is decided again."""
    domain = ALL[name]
    features, policy, state, memory = domain.features(), domain.policy, dict[str, bytes](), dict[str, bytes]()
    model = Model("v1", "native", Guess(domain), lambda row: np.zeros((outputs(domain)[1], len(domain.schema))))
    waiting = sorted(labels(name), key=lambda label: (label.event_time, label.id), reverse=True)
    found = []
    for event in in_order([e for e in events(name) if not isinstance(e, bytes)]):
        while waiting and waiting[-1].event_time <= event.event_time:
            features.learn(waiting.pop())
        made = decide(domain, features, model, event, state.get(event.key), memory.get(event.key) if policy.remembers else None)
        if not made.repeated:
            state[event.key] = made.state
            if made.memory is not None:
                memory[event.key] = made.memory
        if made.fields:
            sent = Decision(**made.fields, source_us=None, broker_us=0, decided_us=0)
            found.append(Decision.model_validate_json(sent.model_dump_json()))  # as it goes through Kafka
    return tuple(found)


def same(one: Dataset, other: Dataset) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name in {"x", "y"}) for name in Dataset.__annotations__)


@cache
def replayed(name: str) -> Dataset:
    return replay(ALL[name], history(name))


@pytest.mark.parametrize("name", ALL)
def test_decisions_and_labels_give_the_rows_of_a_replay(name: str) -> None:
    recalled = recall(ALL[name], decided(name), labels(name))
    assert recalled.labelled.any()
    assert same(recalled, replayed(name))


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_keys_and_repeats_change_nothing(name: str) -> None:
    """A key's decisions keep their order, as in a partition; keys may come in any, and a crash decides some again."""
    shuffled = sorted(decided(name), key=lambda d: random.Random(d.key).random())
    again = [*shuffled, *shuffled[: len(shuffled) // 3]]
    other_labels = random.Random(3).sample(labels(name), len(labels(name)))
    assert same(recall(ALL[name], again, [*other_labels, *other_labels[:50]]), replayed(name))


def test_the_first_decision_of_an_event_counts() -> None:
    first = decided("fraud")[0]
    other = first.model_copy(update={"features": [0.0] * len(first.features)})
    row = recall(ALL["fraud"], [first, other], []).x[0]
    assert np.array_equal(row, np.array(first.features, dtype=np.float64), equal_nan=True)


def test_decisions_of_other_features_are_left_out() -> None:
    known = decided("fraud")[:20]
    foreign = [d.model_copy(update={"decision_id": f"{d.id}-other", "features": [1.0]}) for d in known]
    assert len(recall(ALL["fraud"], [*known, *foreign], [])) == len({d.id for d in known})


def test_no_decisions_are_refused_in_words() -> None:
    with pytest.raises(DataError, match="no decisions of fraud"):
        recall(ALL["fraud"], [], [])


def test_rows_keep_their_order_over_the_ends_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Growing, "PIECE", 7)
    assert same(recall(ALL["toy"], decided("toy"), labels("toy")), replayed("toy"))


def test_a_late_event_is_recalled_as_it_was_scored() -> None:
    """Decisions made before it came did not know of it: the rows that differ from a replay's are of its key, and later in time."""
    domain = ALL["fraud"]
    early = [e for e in history("fraud") if e.stream != "labels"][:3_000]
    late = next(e for e in early[200:] if any(e.key == other.key for other in early[-1_500:]))
    arrival: Sequence[Any] = [*(e.value for e in early if e.value.id != late.value.id), late.value]
    features, state, found = domain.features(), dict[str, bytes](), []
    model = Model("v1", "native", Guess(domain), lambda row: np.zeros((1, len(domain.schema))))
    for event in arrival:
        made = decide(domain, features, model, event, state.get(event.key))
        state[event.key] = made.state
        found.append(Decision(**made.fields, source_us=None, broker_us=0, decided_us=0))
    recalled, batch = recall(domain, found, []), replay(domain, [Emission(e.at, "events", e.key, e.value) for e in early])
    assert np.array_equal(recalled.event_id, batch.event_id)
    differing = np.flatnonzero([a.tobytes() != b.tobytes() for a, b in zip(recalled.x, batch.x, strict=True)])
    assert len(differing)
    assert set(recalled.key[differing]) <= {e.key for e in early if e.at > e.value.event_time} | {late.key}
