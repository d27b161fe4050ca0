"""What every domain's policy, ledger and words owe: a verdict on anything and the same again, sums that no order changes, words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.contract import Domain, Verdict
from domain.decision import Decision
from tests.domain.worlds import ALL, START, decisions, events, labels, of_busy_keys, outputs

each = pytest.mark.parametrize("name", ALL)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PROBABILITY = st.floats(0, 1)
CYCLES = st.floats(-50, 300)
MEMORY = 65_536  # bytes


class Asked(NamedTuple):
    """A deciding event, and what the policy is told of it beside the scores: at first, and when it comes again after all others."""

    event: Any
    facts: dict[str, Any]
    again: dict[str, Any]


@cache
def asked(name: str) -> list[Asked]:
    """The deciding events of a busy key, as they are sent: some come late."""
    features, state, first = ALL[name].features(), dict[str, bytes](), dict[str, tuple[Any, dict[str, Any]]]()
    for event in of_busy_keys(name, 1)[:150]:
        computed = features.compute(event, state.get(event.key))
        state[event.key] = computed.state
        if event.decides and not computed.repeated:
            first[event.id] = event, dict(computed.facts)
    return [Asked(event, facts, dict(features.compute(event, state[event.key]).facts)) for event, facts in first.values()]


def scored(domain: Domain) -> st.SearchStrategy[list[float]]:
    """Finite scores of the right number: likely ones, and any."""
    likely = CYCLES if domain.objective == "regression" else PROBABILITY
    number = outputs(domain)[1]
    return st.one_of(st.lists(likely, min_size=number, max_size=number), st.lists(FINITE, min_size=number, max_size=number))


def said(verdict: Verdict) -> tuple[Any, ...]:
    """All that goes on a decision."""
    return (*verdict[:4], dict(verdict.notes), verdict.output)


@each
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_any_finite_scores_get_a_verdict_and_a_repeat_the_one_that_it_first_got(name: str, data: st.DataObject) -> None:
    domain = ALL[name]
    begin = data.draw(st.integers(0, len(asked(name)) - 2))
    found, memory = asked(name)[begin : begin + 12], None
    given_ = [data.draw(scored(domain)) for _ in found]
    first: list[tuple[Any, ...]] = []
    for (event, facts, _), scores in zip(found, given_, strict=True):
        verdict = domain.policy.judge(scores, event, facts, memory)
        check(domain, verdict)
        assert said(domain.policy.judge(scores, event, dict(facts), memory)) == said(verdict)
        memory = memory if verdict.memory is None else verdict.memory
        first.append(said(verdict))
    for (event, facts, later), scores, verdict_ in zip(found, given_, first, strict=True):
        for known in (facts, later):
            again = domain.policy.judge(scores, event, known, memory)
            assert said(again)[:4] == verdict_[:4], event
            assert again.memory is None or again.memory == memory


def check(domain: Domain, verdict: Verdict) -> None:
    """It can be written, stored and shown."""
    assert verdict.action in domain.actions
    assert verdict.alert == (domain.actions[verdict.action] != "calm") or not verdict.alert
    assert math.isfinite(verdict.score)
    assert math.isfinite(verdict.threshold)
    assert verdict.output in range(outputs(domain)[1])
    assert verdict.memory is None or (domain.policy.remembers and len(verdict.memory) < MEMORY)
    orjson.dumps(dict(verdict.notes))


@each
def test_a_memory_is_bounded_and_changes_no_verdict_of_one_who_does_not_remember(name: str) -> None:
    domain, rng, sizes, memory = ALL[name], np.random.default_rng(3), [], None
    features, state = domain.features(), None
    for event in long_life(name):
        computed = features.compute(event, state)
        state = computed.state
        if computed.row:
            scores = (rng.random(outputs(domain)[1]) * (60 if domain.objective == "regression" else 1)).tolist()
            verdict = domain.policy.judge(scores, event, computed.facts, memory)
            memory = memory if verdict.memory is None else verdict.memory
            sizes.append(len(memory or b""))
    assert len(sizes) > 500
    assert max(sizes[len(sizes) // 2 :]) <= max(sizes[: len(sizes) // 2]), "it grows and grows"
    assert domain.policy.remembers or max(sizes) == 0
    assert not domain.policy.remembers or max(sizes) > 0


def long_life(name: str) -> list[Any]:
    """Thousands of events of one key."""
    world = ALL[name].simulate(8, START, days=360, **dict.fromkeys(ALL[name].sizes, 1))
    found = [e.value for e in world if e.stream != "labels"]
    return [event for event in found if event.key == found[-1].key]


# The ledger


def told(name: str, first: Sequence[tuple[str, Any]]) -> dict[str, float]:
    """What the ledger makes of decisions and labels in this order."""
    ledger = ALL[name].ledger()
    sums: dict[str, float] = {}
    for kind, value in first:
        ledger.decided(value) if kind == "decision" else ledger.learned(value)
        take(ledger, sums)
    for hours in (0, 1, 2):
        ledger.passed(START + timedelta(days=400, hours=hours))
        take(ledger, sums)
    assert ledger.take() == {}, "what was taken is given again"
    return {key: value for key, value in sums.items() if abs(value) > 1e-9}


def take(ledger: Any, sums: dict[str, float]) -> None:
    for key, value in ledger.take().items():
        sums[key] = sums.get(key, 0.0) + value


def happened(name: str) -> list[tuple[str, Any]]:
    """Decisions (each once) and labels, as a monitor sees them in time."""
    once: dict[str, Decision] = {}
    for decision in decisions(name):
        once.setdefault(decision.decision_id, decision)
    found = [("decision", d) for d in once.values()] + [("label", x) for x in labels(name)]
    return sorted(found, key=lambda pair: pair[1].event_time)


@each
def test_the_order_and_the_number_of_what_a_ledger_sees_change_no_sum(name: str) -> None:
    in_time = happened(name)
    sums = told(name, in_time)
    rng = np.random.default_rng(5)
    shuffled = [in_time[i] for i in rng.permutation(np.repeat(np.arange(len(in_time)), 2))]
    labels_first = sorted(in_time, key=lambda pair: pair[0] == "decision")
    for order in (shuffled, labels_first, labels_first[::-1]):
        assert told(name, order) == pytest.approx(sums, rel=1e-9)


@each
def test_what_people_look_at_first_is_in_the_sums(name: str) -> None:
    known = set(told(name, happened(name)))
    assert set(ALL[name].worth) <= known
    assert {sum_ for promise in ALL[name].promises for sum_ in (promise.kept, promise.of)} <= known


@each
def test_a_ledger_that_saw_nothing_has_nothing_and_labels_alone_are_no_decisions(name: str) -> None:
    assert told(name, []) == {}
    seen = told(name, [("label", x) for x in labels(name)])
    assert all(value >= 0 for value in seen.values())


# Words


@each
def test_every_feature_has_words_for_whatever_it_may_be(name: str) -> None:
    """A label that the schema does not list has a code, and no name."""
    for feature in ALL[name].schema.features:
        listed: dict[float, str | None] = {float(i): label for i, label in enumerate(feature.categories)}
        values = {math.nan: None, -1.0: None, **(listed or dict.fromkeys((-1.5, 0.0, 3.7, 1e9)))}
        words = [ALL[name].phrase(feature.name, value, label) for value, label in values.items()]
        assert all(len(text) > 3 and not {"None", "nan"} & set(text.split()) and "{" not in text for text in words), words
        assert all(label in text for text, label in zip(words, values.values(), strict=True) if label)
        assert len(set(words)) > 2


@each
def test_the_context_of_an_event_can_be_written_and_holds_no_name_of_the_policys_notes(name: str) -> None:
    noted = {field for d in decisions(name) for field in d.context}
    for event in events(name)[:500]:
        assert orjson.loads(orjson.dumps(event.context)) == event.context
        assert set(event.context) <= noted or not event.decides
