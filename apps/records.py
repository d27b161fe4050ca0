"""What a message becomes in the database: one row of one table. What cannot be read becomes a row that says so."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from apps import contests, loop_events, outcomes, registry, resend, sla
from apps.partitions import Message
from apps.tables import (
    LABELS_KEPT,
    MAX_BIGINT,
    AlertRow,
    BatchRow,
    Contested,
    ContestedRow,
    DeadLetterRow,
    DecisionRow,
    DriftWindow,
    DriftWindowRow,
    LabelRow,
    LoopEvent,
    LoopEventRow,
    ModelRow,
    Outcomes,
    OutcomesRow,
    QualityWindow,
    QualityWindowRow,
    Resent,
    ResentRow,
    ReviewRow,
    SlaWindow,
    SlaWindowRow,
    StandingRow,
    Table,
)
from apps.topics import DRIFT_WINDOW, METRICS, MODELS, QUALITY_WINDOW
from domain.contract import Domain, MalformedEvent
from domain.decision import Decision
from models.registry import Standing
from models.reviews import Act

UNREADABLE = "unreadable"  # a dead letter's code: the sink could not make a row of the message
_BATCH = tuple(name for name in BatchRow.model_fields if name in Decision.model_fields or name == "run_us")
_NUMBER = re.compile(r"[0-9][0-9.,:]*")
_LIKENESS = 200  # characters: a database has it in an index
_ALERT = tuple(name for name in AlertRow.model_fields if name in Decision.model_fields)


class Record(NamedTuple):
    """A row and its table."""

    table: type[Table]
    row: dict[str, Any]

    @property
    def readable(self) -> bool:
        """False for the row that stands for an unreadable message."""
        return self.row.get("code") != UNREADABLE


Reader = Callable[[Message], Record | None]


class UnreadableError(ValueError):
    """A message that is not what its topic holds; the text says why."""


def readers(domains: list[Domain]) -> dict[str, Reader]:
    """By topic: from a message to its record, or None for one that the database does not keep.

    A reader raises ``UnreadableError``.
    """
    found: dict[str, Reader] = {METRICS: _metric, MODELS: _model}
    for domain in domains:
        found[domain.decisions_topic] = _decisions_of(domain.name)
        found[domain.alerts_topic] = _alerts_of(domain.name)
        found[domain.reviews_topic] = _reviews_of(domain.name)
        found[domain.batch_topic] = _batch_of(domain.name)
        found[domain.labels_topic] = _labels_of(domain)
        found[domain.dead_letters_topic] = _dead_letters_of(domain.name)
    return found


def unreadable(message: Message, reason: str) -> Record:
    """The row that stands for a message that could not be stored: a dead letter whose source is the message itself."""
    domain = message.topic().rpartition(".")[0]  # a table's own name may hold dots, a stream's does not
    place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
    source = {f"source_{name}": value for name, value in place.items()}
    said = {"domain": domain, "code": UNREADABLE, "reason": _clean(reason), "original": message.value() or b""}
    return Record(DeadLetterRow, {**place, **said, **source, "failed_us": _arrived_us(message)})


def _decisions_of(domain: str) -> Reader:
    def read(message: Message) -> Record:
        return Record(DecisionRow, _decision(message, domain))

    return read


def _alerts_of(domain: str) -> Reader:
    def read(message: Message) -> Record:
        decision = _decision(message, domain)
        return Record(AlertRow, {**{name: decision[name] for name in _ALERT}, "likeness": likeness(decision["reasons"])})

    return read


def likeness(reasons: Sequence[str]) -> str:
    """By which alerts are alike: the first reason without its numbers.

    >>> likeness(["4.9 times the customer's usual amount", "at night"])
    "# times the customer's usual amount"
    """
    return _NUMBER.sub("#", reasons[0])[:_LIKENESS] if reasons else ""


def _reviews_of(domain: str) -> Reader:
    def read(message: Message) -> Record:
        try:
            act = Act.model_validate_json(message.value() or b"")
        except ValidationError as error:
            raise UnreadableError(_first(error)) from None
        if act.domain != domain:
            raise UnreadableError(f"an act of {act.domain!r} on a topic of {domain!r}")
        return Record(ReviewRow, {**act.model_dump(exclude={"label"}), "arrived_us": _arrived_us(message)})

    return read


def _labels_of(domain: Domain) -> Reader:
    def read(message: Message) -> Record | None:
        value = message.value() or b""
        try:
            tells_of = domain.tells_of(domain.parse_label(value))
        except MalformedEvent:  # the monitor sends it to the dead letters
            return None
        if tells_of is None:
            return None
        place = {"partition": message.partition(), "place": message.offset() % LABELS_KEPT}
        return Record(LabelRow, {"domain": domain.name, **place, "tells_of": tells_of, "label": value})

    return read


def _batch_of(domain: str) -> Reader:
    def read(message: Message) -> Record:
        try:
            fields = orjson.loads(message.value() or b"")
        except orjson.JSONDecodeError as error:
            raise UnreadableError(f"not JSON: {error}") from None
        run_us = fields.pop("run_us", None) if isinstance(fields, dict) else None
        if type(run_us) is not int or not 0 <= run_us <= MAX_BIGINT:
            raise UnreadableError("run_us: a line of a batch says in microseconds when that ran")
        decision = {"run_us": run_us, **_checked(orjson.dumps(fields), domain)}
        return Record(BatchRow, {name: decision[name] for name in _BATCH})

    return read


def _decision(message: Message, domain: str) -> dict[str, Any]:
    return _checked(message.value() or b"", domain)


def _checked(value: bytes, domain: str) -> dict[str, Any]:
    try:
        decision = Decision.model_validate_json(value)
    except ValidationError as error:
        raise UnreadableError(_first(error)) from None
    if decision.domain != domain:
        raise UnreadableError(f"a decision of {decision.domain!r} on a topic of {domain!r}")
    if decision.event_time.tzinfo is None:
        raise UnreadableError("event_time: has no time zone")
    if not all(map(math.isfinite, (decision.score, decision.threshold, *decision.raw))):
        raise UnreadableError("score, threshold or raw: not a finite number")
    return dict(decision)


def _dead_letters_of(domain: str) -> Reader:
    def read(message: Message) -> Record:
        said = {name: _clean((value or b"").decode("utf-8", "replace")) for name, value in message.headers() or ()}
        row = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "domain": domain,
            "code": said.get("code", "unknown"),
            "reason": said.get("reason", "its sender gave no reason"),
            "original": message.value() or b"",
            "source_topic": said.get("source-topic", ""),
            "source_partition": _number(said.get("source-partition"), -1, 2**31 - 1),
            "source_offset": _number(said.get("source-offset"), -1),
            "failed_us": _number(said.get("failed-us"), _arrived_us(message)),
        }
        return Record(DeadLetterRow, row)

    return read


_METRICS: dict[str, tuple[type[Table], type[Table]]] = {
    sla.KIND: (SlaWindow, SlaWindowRow),
    outcomes.KIND: (Outcomes, OutcomesRow),
    contests.KIND: (Contested, ContestedRow),
    loop_events.KIND: (LoopEvent, LoopEventRow),
    QUALITY_WINDOW: (QualityWindow, QualityWindowRow),
    DRIFT_WINDOW: (DriftWindow, DriftWindowRow),
    resend.KIND: (Resent, ResentRow),
}


def _metric(message: Message) -> Record | None:
    try:
        fields = orjson.loads(message.value() or b"")
        if not isinstance(fields, dict) or not isinstance(kind := fields.pop("kind", None), str):
            raise UnreadableError("a metric is a JSON object with a field `kind`")
        if kind not in _METRICS:
            return None
        shape, row = _METRICS[kind]
        return Record(row, shape.model_validate(fields).model_dump())
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error}") from None
    except ValidationError as error:
        raise UnreadableError(_first(error)) from None


def _model(message: Message) -> Record | None:
    value = message.value()
    if value is None:  # a compacted topic's tombstone; what was trained stays in the list of models
        return None
    try:
        found = registry.record(value)
    except ValidationError as error:
        raise UnreadableError(_first(error)) from None
    if isinstance(found, Standing):
        return Record(StandingRow, {**found.model_dump(), "challengers": list(found.challengers), "former": list(found.former)})
    return Record(ModelRow, {**found.model_dump(), "stage": found.stage, "steps": [step.model_dump() for step in found.steps]})


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'message'}: {first['msg']}"


def _number(text: str | None, otherwise: int, highest: int = MAX_BIGINT) -> int:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 19:
        return otherwise
    return int(text) if int(text) <= highest else otherwise


def _clean(text: str) -> str:
    """PostgreSQL takes no NUL in a text."""
    return text.replace("\x00", "\ufffd")


def _arrived_us(message: Message) -> int:
    return max(message.timestamp()[1], 0) * 1000
