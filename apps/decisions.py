"""`polyscore decisions`: the decisions on a topic as CSV: all, those of one version of the model, of one key or with one action."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from apps.kafka import explained
from apps.partitions import to_end
from apps.settings import Settings
from apps.sheet import harmless
from domain.contract import Domain
from domain.registry import DOMAINS

_COLUMNS = ("decision_id", "event_time", "key", "action", "score", "threshold", "model_version", "format")


@dataclass(frozen=True)
class Wanted:
    """What to list; None: whichever."""

    domain: str
    version: str | None
    key: str | None
    action: str | None


def command(settings: Settings, wanted: Wanted) -> int:
    """Write the lines to standard output and return how many there were. Raises ``BrokerError`` without a Kafka."""
    sheet, done = csv.writer(sys.stdout), 0
    sheet.writerow(_COLUMNS)
    with explained(settings):
        for decision in _chosen(settings, DOMAINS[wanted.domain], wanted):
            sheet.writerow([harmless(decision[name]) for name in _COLUMNS])
            done += 1
    return done


def _chosen(settings: Settings, domain: Domain, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Each decision once: at-least-once may have written it again, with the same content."""
    asked = {"model_version": wanted.version, "key": wanted.key, "action": wanted.action}
    filters = {name: value for name, value in asked.items() if value is not None}
    seen: set[tuple[str, str]] = set()
    for message in to_end(settings, domain.decisions_topic, {}):
        try:
            found = orjson.loads(message.value() or b"")
            identity = (found["decision_id"], found["model_version"])
            fits = all(found[name] == value for name, value in filters.items())
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue  # the sink keeps it among the dead letters
        if fits and identity not in seen:
            seen.add(identity)
            yield found
