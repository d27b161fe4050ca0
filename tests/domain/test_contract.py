"""What every domain owes: names that agree, messages that are refused with a reason, a repeatable world, and nothing but pure functions.

The suite goes on in ``test_contract_features``, ``test_contract_policy`` and ``test_contract_model``. A domain that is added to the
registry is in it without an edit.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from apps.topics import METRICS, MODELS
from domain.contract import Domain, MalformedEvent, Severity
from domain.registry import DOMAINS
from tests.domain.worlds import ALL, START, decisions, history, outputs

each = pytest.mark.parametrize("name", ALL)
OBJECTIVES = {"binary": {"binary"}, "multiclass": {"multiclass", "multiclassova"}, "regression": {"regression", "regression_l1", "huber"}}


@each
def test_the_names_agree_with_each_other(name: str) -> None:
    domain = ALL[name]
    learning = domain.learning()
    assert domain.name == name
    assert domain.features().schema is domain.schema
    assert set(domain.actions.values()) <= set(get_args(Severity))
    assert "act" in domain.actions.values()
    assert learning.recipe.params["objective"] in OBJECTIVES[domain.objective]
    assert (outputs(domain)[0] > 1) == (domain.objective == "multiclass")
    assert 0 < len(learning.shown) <= 4
    assert learning.window is None or learning.history_days >= learning.window.span
    assert domain.title
    assert domain.key_name
    assert domain.worth
    assert domain.label_wait >= timedelta(days=1)
    assert domain.label_wait % timedelta(days=1) == timedelta(0), "a wait of whole days"
    assert 0 < domain.on_time < 1, "a share that leaves a budget for errors"
    assert all(0 < promise.share < 1 for promise in domain.promises)
    assert all(number > 0 for number in (domain.deadline_ms, domain.demo_rate, domain.demo_history_days, *domain.sizes.values()))
    assert all(0 < number <= domain.sizes[name] for name, number in domain.demo_sizes.items())


@each
def test_what_people_look_at_first_stands_on_the_decisions(name: str) -> None:
    found = decisions(name)
    assert {d.action for d in found} == set(ALL[name].actions), "an action that is never taken, or that the domain does not name"
    known = {field for d in found for field, value in d.context.items() if value is not None}
    assert set(ALL[name].shown) <= known


def test_no_two_streams_share_a_topic() -> None:
    topics = Counter([METRICS, MODELS])
    for domain in ALL.values():
        made = (domain.decisions_topic, domain.alerts_topic, domain.dead_letters_topic, domain.reviews_topic)
        topics.update([*made, domain.events_topic, domain.labels_topic, *map(domain.topic, domain.changelogs)])
        assert domain.topic("events") == domain.events_topic
        assert domain.topic("labels") == domain.labels_topic
    assert [topic for topic, times in topics.items() if times > 1] == []
    assert all(topic.startswith(tuple(f"{name}." for name in ALL)) for topic in topics if topic not in (METRICS, MODELS))


@each
def test_a_persons_verdict_is_a_label_of_that_event_that_only_verdicts_are_read_from(name: str) -> None:
    domain = ALL[name]
    said = [closing.verdict for closing in domain.closings if closing.verdict]
    assert len({closing.reason for closing in domain.closings}) == len(domain.closings) > 1
    assert (domain.verdict_label is None) == (domain.verdicts is None) == (not said)
    if domain.verdict_label is None or domain.verdicts is None:
        return
    judged, another = decisions(name)[:2]
    at = judged.event_time + timedelta(minutes=3)
    for verdict in said:
        label = domain.parse_label(domain.verdict_label(judged, verdict, at).model_dump_json().encode())
        assert (label.id, label.event_time) == (judged.id, at)
        assert domain.verdicts([label])(judged) in (0.0, 1.0)
        assert math.isnan(domain.verdicts([label])(another))
        assert math.isnan(domain.targets([label])(judged)), "models do not learn from it"
    assert {domain.verdicts([domain.verdict_label(judged, verdict, at)])(judged) for verdict in said} == {0.0, 1.0}
    with pytest.raises(ValueError, match="verdict"):
        domain.verdict_label(judged, "no such verdict", at)


# Messages


def parser(domain: Domain, stream: str) -> Callable[[bytes], Any]:
    return {"events": domain.parse_event, "labels": domain.parse_label, **domain.changelogs}[stream]


@cache
def samples(name: str) -> list[tuple[Callable[[bytes], Any], Any]]:
    """A few messages of each kind, with the parser of their stream."""
    kinds: dict[type, list[tuple[Callable[[bytes], Any], Any]]] = {}
    for emission in history(name):
        found = kinds.setdefault(type(emission.value), [])
        if len(found) < 5:
            found.append((parser(ALL[name], emission.stream), emission.value))
    return [sample for found in kinds.values() for sample in found]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Where values stand in a JSON document."""
    if isinstance(value, dict | list | tuple):
        yield path, value
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(below, (*path, key))
    else:
        yield path, value


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at one place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


def refused(parse: Callable[[bytes], Any], body: bytes) -> str:
    """The code of the refusal."""
    with pytest.raises(MalformedEvent) as caught:
        parse(body)
    assert len(str(caught.value)) > 10, "a reason that says nothing"
    return caught.value.code


@each
def test_every_message_is_read_back_as_it_was_sent(name: str) -> None:
    found = history(name)
    assert {e.stream for e in found} == {"events", "labels", *ALL[name].changelogs}
    for emission in found:
        parse = parser(ALL[name], emission.stream)
        assert parse(emission.value.model_dump_json().encode()) == emission.value


@each
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b"", {"empty"}),
        (b"{", {"not-json"}),
        (b"\xff\xfe", {"not-json"}),
        (b"[]", {"wrong-type"}),
        (b"null", {"wrong-type"}),
        (b'"text"', {"wrong-type"}),
        (b"{}", {"missing-field"}),
    ],
)
def test_what_is_no_message_is_refused_by_a_code(name: str, body: bytes, codes: set[str]) -> None:
    for parse in (parser(ALL[name], stream) for stream in ("events", "labels", *ALL[name].changelogs)):
        assert refused(parse, body) in codes


@each
def test_a_field_that_nobody_knows_is_refused_at_any_depth(name: str) -> None:
    for parse, message in samples(name):
        document = message.model_dump(mode="json")
        for path, value in leaves(document):
            if isinstance(value, dict):
                assert refused(parse, json.dumps(changed(document, path, {**value, "pan": "4"})).encode()) == "unknown-field"


@each
def test_a_value_of_another_type_is_refused_wherever_it_stands(name: str) -> None:
    for parse, message in samples(name):
        document = message.model_dump(mode="json")
        for path, value in leaves(document):
            for other in wrong(value):
                assert refused(parse, json.dumps(changed(document, path, other)).encode()) in (
                    "wrong-type",
                    "out-of-range",
                    "missing-field",
                )


WRONG = {"wrong-type", "out-of-range", "missing-field"}  # a word that is none of those listed is out of range


def wrong(value: Any) -> list[Any]:
    """Values of other types; none for what is absent, of which the type is not to be seen."""
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true", 1, {}]
    if isinstance(value, int | float):
        return [str(value), True, {}, []]
    return [17, True, {}] if isinstance(value, str) else ["text", 17]


@each
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused_wherever_it_stands(name: str, text: str) -> None:
    for parse, message in samples(name):
        document = message.model_dump(mode="json")
        for path, value in leaves(document):
            if isinstance(value, int | float) and not isinstance(value, bool):
                body = json.dumps(changed(document, path, "HERE")).replace('"HERE"', text).encode()
                assert refused(parse, body) in ("not-finite", "wrong-type")


@each
def test_a_message_cannot_be_changed_once_it_is_made(name: str) -> None:
    for _, message in samples(name):
        assert isinstance(message, BaseModel)
        assert hash(message) == hash(message.model_copy())
        with pytest.raises(ValueError, match="frozen"):
            message.event_time = START


# The simulated world


def smallest(domain: Domain) -> dict[str, int]:
    return {size: max(2, number // 100) for size, number in domain.sizes.items()}


@each
def test_a_seed_gives_the_same_world_again_and_another_seed_another_one(name: str) -> None:
    domain = ALL[name]
    worlds = [list(islice(domain.simulate(seed, START, **smallest(domain)), 1_000)) for seed in (3, 3, 4)]
    assert worlds[0] == worlds[1]
    assert [numbers(e.value) for e in worlds[0]] != [numbers(e.value) for e in worlds[2]], "the same world under other names"
    first, other = ({e.value.id for e in world if e.stream == "events"} for world in worlds[1:])
    assert not first & other, "ids of two worlds that are mixed would be taken for repeats"


def numbers(message: BaseModel) -> list[float]:
    """All numbers of a message."""
    return [value for _, value in leaves(message.model_dump()) if isinstance(value, int | float)]


@each
def test_messages_come_in_the_order_of_their_sending_under_their_own_key_and_do_not_end(name: str) -> None:
    found = list(islice(ALL[name].simulate(3, START, **smallest(ALL[name])), 2_000))
    assert len(found) == 2_000
    assert [e.at for e in found] == sorted(e.at for e in found)
    assert all(e.key == e.value.key and e.at >= e.value.event_time >= START for e in found)
    assert found[-1].at > START + timedelta(hours=1)


@each
def test_most_labels_find_the_event_that_they_tell_of(name: str) -> None:
    found = [e.value for e in history(name)]
    target = ALL[name].targets([e.value for e in history(name) if e.stream == "labels"])
    deciding = [e for e in found if getattr(e, "decides", False)]
    known = [value for value in map(target, deciding) if not math.isnan(value)]
    assert len(known) > 0.05 * len(deciding)
    assert len(set(known)) > 1
    assert all(math.isnan(value) for value in map(ALL[name].targets([]), deciding[:100]))


# Purity

IMPURE = {
    "apps", "asyncio", "confluent_kafka", "ctypes", "exports", "fcntl", "glob", "http", "httpx", "io", "logging", "mmap", "models",
    "multiprocessing", "os", "pathlib", "pickle", "psycopg", "quixstreams", "random", "requests", "secrets", "select", "shelve", "shutil",
    "signal", "socket", "sqlalchemy", "sqlite3", "sqlmodel", "ssl", "streamlit", "subprocess", "sys", "tempfile", "threading", "time",
    "ui", "urllib", "uuid",
}  # fmt: skip
CALLS = {"open", "print", "input", "exec", "eval", "hash", "id", "globals", "__import__"}  # `hash` of a text differs between processes
CLOCKS = {"now", "utcnow", "today"}
DRAWN = {"default_rng", "Generator"}  # all of numpy.random that is not one state for the whole process


def sources(domain: Domain) -> list[Path]:
    """The domain's folder; or its only file."""
    file = Path(inspect.getfile(domain.features))
    return sorted(file.parent.glob("*.py")) if file.parent.name == domain.name else [file]


def impurities(text: str) -> list[str]:
    """Imports and calls by which a function would be none of its arguments alone."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import(names=names):
                found += [a.name for a in names if a.name.partition(".")[0] in IMPURE]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in IMPURE:
                found.append(module)
            case ast.Call(func=ast.Name(id=called)) if called in CALLS:
                found.append(called)
            case ast.Call(func=ast.Attribute(attr=called)) if called in CLOCKS:
                found.append(called)
            case ast.Call(func=ast.Attribute(attr="default_rng"), args=[], keywords=[]):
                found.append("default_rng()")
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="np"), attr="random"), attr=drawn) if drawn not in DRAWN:
                found.append(f"np.random.{drawn}")
            case ast.Global():
                found.append("global")
    return found


@each
def test_nothing_in_a_domain_reads_a_file_a_clock_a_network_or_a_state_of_the_process(name: str) -> None:
    files = sources(ALL[name])
    assert len(files) > 5 or name not in DOMAINS
    assert {file.name: found for file in files if (found := impurities(file.read_text()))} == {}


def test_impurities_are_seen() -> None:
    text = "import os.path\nfrom time import time\nopen('x')\ndatetime.now()\nnp.random.default_rng()\nnp.random.normal()\nhash('x')"
    assert sorted(impurities(text)) == ["default_rng()", "hash", "now", "np.random.normal", "open", "os.path", "time"]
    assert impurities("import math\nnp.random.default_rng(3)\nrng.normal()\nnp.random.Generator") == []
