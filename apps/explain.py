"""`polyscore explain`: one decision gone over again: its event, version, scores by every format, reasons, and what became of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import Consumer, TopicPartition
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from apps import registry
from apps.errors import InputError
from apps.kafka import consumer_config, explained
from apps.partitions import to_end
from apps.readable import values
from apps.settings import Settings
from apps.terminal import progress, say
from apps.terms import in_words
from domain.cards import masked
from domain.contract import Domain
from domain.decision import Decision
from domain.registry import DOMAINS
from domain.terms import in_full
from models import bundle as bundles
from models.dataset import Progress
from models.errors import ModelError
from models.explanation import Explanation, go_over, to_json
from models.registry import Registry

_WAIT_S = 5.0  # for the one message that holds the event


@dataclass(frozen=True)
class Audit:
    """What is known of one decision. ``label``: what became of it, as the model learns it (nan: nobody knows yet)."""

    decision: Decision
    event: str | None  # the original message; None where Kafka has deleted it
    label: float
    registry: Registry
    explanation: Explanation | None
    unexplained: str  # why there is no explanation


def command(settings: Settings, decision_id: str, domain_name: str | None, *, as_json: bool, console: Console) -> bool:
    """Show a decision; returns whether every format that answered gave its score in every bit.

    Raises ``InputError`` where there is no such decision, ``BrokerError`` without a Kafka.
    """
    domains = [DOMAINS[domain_name]] if domain_name else list(DOMAINS.values())
    with explained(settings), progress(console) as told:
        decision = _find(settings, domains, decision_id, told)
        told("reading what became of it", 0, 0)
        found = gather(settings, DOMAINS[decision.domain], decision)
    if as_json:
        print(json.dumps(_plain(found), indent=2, default=str))  # the answer, for a program
    else:
        _show(found, console)
    return found.explanation is not None and found.explanation.agreed


def gather(settings: Settings, domain: Domain, decision: Decision) -> Audit:
    """Read what belongs to a decision from the topics, and go over it with its own version. Raises ``BrokerError``."""
    known = registry.read(settings, domain.name)
    explanation, unexplained = None, ""
    try:
        explanation = go_over(domain, bundles.load_bundle(settings.bundles / domain.name / decision.model_version), decision)
    except ModelError as error:
        unexplained = str(error)
    return Audit(decision, _event(settings, domain, decision), _label(settings, domain, decision), known, explanation, unexplained)


def _find(settings: Settings, domains: list[Domain], decision_id: str, told: Progress) -> Decision:
    """The newest decision of this id. Raises ``InputError`` where there is none, or where several domains have one."""
    wanted, found = orjson.dumps(decision_id)[1:-1], dict[str, Decision]()
    for domain in domains:
        told(f"looking through {domain.decisions_topic}", 0, 0)
        for message in to_end(settings, domain.decisions_topic, {}):
            value = message.value() or b""
            if wanted in value and (decision := _decision(value)) and decision.decision_id == decision_id:
                found[domain.name] = decision
    if len(found) > 1:
        raise InputError(f"{masked(decision_id)!r} is a decision of {' and of '.join(found)}: say which with --domain")
    if not found:
        where = ", ".join(domain.decisions_topic for domain in domains)
        raise InputError(f"no decision {masked(decision_id)!r} on {where}; ids are shown in the dashboard and by `polyscore decisions`")
    return found.popitem()[1]


def _decision(value: bytes) -> Decision | None:
    try:
        return Decision.model_validate_json(value)
    except ValidationError:  # the sink keeps it among the dead letters
        return None


def _event(settings: Settings, domain: Domain, decision: Decision) -> str | None:
    """The original message, card numbers masked; None where it is not there any more."""
    if decision.partition is None or decision.offset is None:
        return None
    consumer = Consumer(consumer_config(settings, "polyscore-explain"))
    try:
        consumer.assign([TopicPartition(domain.events_topic, decision.partition, decision.offset)])
        message = consumer.poll(_WAIT_S)
    finally:
        consumer.close()
    if message is None or message.error() is not None or message.offset() != decision.offset:
        return None
    return masked((message.value() or b"").decode("utf-8", "replace"))


def _label(settings: Settings, domain: Domain, decision: Decision) -> float:
    return domain.targets(values(settings, domain.labels_topic, domain.parse_label))(decision)


def _plain(found: Audit) -> Mapping[str, Any]:
    known = found.registry.versions.get(found.decision.model_version)
    return {
        "decision": found.decision.model_dump(mode="json"),
        "event": found.event,
        "label": None if math.isnan(found.label) else found.label,
        "model": {"stages": [step.model_dump() for step in known.steps], "parent": known.parent} if known else None,
        "explanation": to_json(found.explanation) if found.explanation else None,
        "unexplained": found.unexplained,
    }


def _show(found: Audit, console: Console) -> None:
    d = found.decision
    what = f"{d.domain}: {masked(d.key)} got {d.action!r} at {d.event_time:%Y-%m-%d %H:%M:%S} UTC"
    say(console, f"{what}, score {d.score:.6g}, threshold {d.threshold:.6g}")
    say(console, f"event: {found.event or 'not in its topic any more'}")
    say(console, f"what became of it: {'not known yet' if math.isnan(found.label) else f'{found.label:g}'}")
    known = found.registry.versions.get(d.model_version)
    since = f", {known.stage} ({known.steps[-1].by}: {known.steps[-1].why})" if known else ""
    say(console, f"made by {d.model_version} as {d.format}{since}")
    by = DOMAINS[d.domain].terms
    if by:
        say(console, f"by {in_words(in_full(by, d.terms))}")
    if found.explanation is None:
        say(console, found.unexplained, "yellow")
        return
    for reason in found.explanation.reasons:
        say(console, f"because {reason}")
    console.print(_parts(found.explanation))
    console.print(_formats(found.explanation))


def _parts(found: Explanation) -> Table:
    table = Table("feature", "value", "adds to the raw score", box=None, pad_edge=False)
    for part in found.parts:
        table.add_row(part.feature, "missing" if part.value is None else str(part.value), f"{part.push:+.4f}")
    return table


def _formats(found: Explanation) -> Table:
    table = Table("format", "raw score now", "equal in every bit", "artifact's SHA-256", box=None, pad_edge=False)
    for a in found.answers:
        raw = a.refused or ", ".join(repr(value) for value in a.raw[:3]) + (", ..." if len(a.raw) > 3 else "")  # a line
        table.add_row(a.format, raw, "" if a.refused else "yes" if a.equal else "NO", a.sha256[:16])
    return table
