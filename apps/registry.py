"""The registry on Kafka: the compacted topic ``models`` holds versions under ``domain/version``, and standings under ``domain``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from confluent_kafka import KafkaError, KafkaException, Producer
from pydantic import ValidationError

from apps import loop_events
from apps.errors import BrokerError
from apps.kafka import explained, producer_config
from apps.partitions import read_to_end
from apps.settings import Settings
from apps.tables import LoopEvent
from apps.topics import MODEL_BYTES, MODELS
from models.bundle import Bundle
from models.errors import RegistryError
from models.registry import Change, Registry, Standing, Step, Version

_TIMEOUT = 20.0  # seconds for the brokers to take what is written
# What a producer hears whose transactional id another one has taken.
_FENCED: Final = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}


def record(value: bytes) -> Change:
    """A message of ``models``. Raises ``ValidationError``."""
    try:
        standing = "champion" in orjson.loads(value)
    except (orjson.JSONDecodeError, TypeError):
        standing = False  # said better by what reads it
    return Standing.model_validate_json(value) if standing else Version.model_validate_json(value)


def read(settings: Settings, domain: str) -> Registry:
    """All that is known of a domain's models now. Raises ``BrokerError`` where Kafka does not answer."""
    return read_all(settings, [domain])[domain]


def read_all(settings: Settings, domains: Iterable[str]) -> dict[str, Registry]:
    """The same of several domains, in one reading. Raises as ``read``."""
    found = {domain: Registry(domain) for domain in domains}
    with explained(settings):
        for message in read_to_end(settings, MODELS, {}):
            for registry in found.values():
                take_in(registry, message.value())
    return found


def champion(settings: Settings, domain: str) -> Path | None:
    """The folder of the announced champion; None where there is none, or no Kafka to ask."""
    try:
        standing = read(settings, domain).standing
    except BrokerError:
        return None
    folder = settings.bundles / domain / standing.champion if standing else None
    return folder if folder and folder.is_dir() else None


def take_in(registry: Registry, value: bytes | None) -> None:
    """Add a message to what is known; one that cannot be read is told by the sink, among the dead letters."""
    try:
        found = record(value) if value else None
    except ValidationError:
        return
    if found is None or found.domain != registry.domain:
        return
    if isinstance(found, Standing):
        registry.standing = registry.seen = found
    else:
        registry.versions[found.version] = found


def enter(settings: Settings, versions: Iterable[Change]) -> None:
    """Announce new versions, at which nobody else can be. Raises ``BrokerError`` where Kafka does not take them."""
    with explained(settings):
        producer = _producer(settings)
        _produce(producer, versions)
        if producer.flush(_TIMEOUT):
            raise BrokerError("Kafka did not take the announcement of a model; is it up? Do it again")


def move(settings: Settings, known: Registry, changes: Sequence[Change], *happened: LoopEvent) -> None:
    """Announce what changed, in order, and tell it, in one transaction: all of it is there, or nothing.

    The changes were made in ``known``, upon the standing that it has seen. Of those who move a domain's models at a time, one does: all
    use one transactional id, which Kafka takes from whoever had it before (KIP-98), and who has it looks once more. Raises
    ``RegistryError`` where another one was first, ``BrokerError`` where Kafka does not answer.
    """
    domain = known.domain
    refusal = f"somebody else changed what decides in {domain} at this moment; look at `polyscore models list {domain}`, and do it again"
    own = {"transactional.id": f"polyscore-models-{domain}", "transaction.timeout.ms": 15_000}
    with explained(settings):
        producer = _producer(settings, **own)
        try:
            producer.init_transactions(_TIMEOUT)
            if read(settings, domain).standing != known.seen:
                raise RegistryError(refusal)
            producer.begin_transaction()
            _produce(producer, changes)
            for event in happened:
                loop_events.tell(producer, event)
            producer.commit_transaction(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() in _FENCED:
                raise RegistryError(refusal) from error
            raise


def _producer(settings: Settings, **more: Any) -> Producer:
    """One that takes what the topic ``models`` takes."""
    return Producer({**producer_config(settings), "message.max.bytes": MODEL_BYTES, **more})


def _produce(producer: Producer, changes: Iterable[Change]) -> None:
    for change in changes:
        key = change.domain if isinstance(change, Standing) else f"{change.domain}/{change.version}"
        producer.produce(MODELS, change.model_dump_json().encode(), key)


def candidate(bundle: Bundle, at_us: int, by: str, why: str, parent: str | None = None) -> Version:
    """A bundle as a candidate of its domain."""
    manifest = bundle.manifest
    step = Step(stage="candidate", at_us=at_us, by=by, why=why)
    fields = {"domain": manifest["domain"], "version": bundle.version, "created": manifest["created"], "parent": parent}
    return Version(**fields, steps=(step,), manifest=manifest, report=bundle.report)
