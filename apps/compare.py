"""`polyscore models compare`: a challenger and the champion on the same labelled events: quality side by side, with an interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from apps import registry
from apps.errors import InputError
from apps.kafka import explained
from apps.readable import values
from apps.retrain import limits
from apps.settings import Settings
from apps.terminal import progress, say
from domain.contract import Domain
from domain.decision import Decision
from domain.learning import Rows
from models import gate
from models.answers import answers, outputs
from models.days import busy_days, day_of
from models.errors import DataError

_SEED = 7
_BARE: dict[str, Any] = {"reasons": [], "facts": {}}


@dataclass(frozen=True)
class Pair:
    """An event that both decided: the champion's decision, and the challenger's."""

    ours: Decision
    theirs: Decision


def command(settings: Settings, domain: Domain, version: str | None, days: int, console: Console) -> gate.Verdict:
    """Show both on the newest ``days`` days with labels.

    Raises ``InputError`` where nothing challenges, ``DataError`` where too little was decided by both and labelled, ``BrokerError``.
    """
    with explained(settings), progress(console) as told:
        name = version or _first(settings, domain)
        told(f"reading what {name} would have decided", 0, 0)
        pairs = list(_pairs(settings, domain, name))
        told("reading labels", 0, 0)
        labels = list(values(settings, domain.labels_topic, domain.parse_label))
    verdict = judged(domain, pairs, labels, days, limits(settings))
    _show(domain, verdict, console)
    return verdict


def _first(settings: Settings, domain: Domain) -> str:
    standing = registry.read(settings, domain.name).standing
    if standing is None or not standing.challengers:
        fix = f"let one with `polyscore models challenge {domain.name} VERSION`, and run `polyscore shadow`"
        raise InputError(f"nothing challenges the champion of {domain.name}; {fix}")
    return standing.challengers[0]


def _pairs(settings: Settings, domain: Domain, version: str) -> Iterator[Pair]:
    """Each event once, the first decision of either."""
    theirs: dict[str, Decision] = {}
    for decision in values(settings, domain.shadow_topic, Decision.model_validate_json):
        if decision.model_version == version:
            theirs.setdefault(decision.decision_id, decision.model_copy(update={**_BARE, "features": []}))
    for decision in values(settings, domain.decisions_topic, Decision.model_validate_json):
        if (other := theirs.pop(decision.decision_id, None)) is not None:
            yield Pair(decision.model_copy(update=_BARE), other)


def judged(domain: Domain, pairs: list[Pair], labels: list[Any], days: int, of: gate.Limits) -> gate.Verdict:
    """Both sides' answers to the labelled events of the newest ``days`` days that have labels. Raises ``DataError``.

    Only pairs with the champion that decided last count; size, latency and parity are not looked at: both are here already.
    """
    target, width = domain.targets(labels), outputs(domain)
    known = [(p, of_event) for p in pairs if len(p.ours.raw) == len(p.theirs.raw) == width and not math.isnan(of_event := target(p.ours))]
    last = max(busy_days(Counter(day_of(p.ours.event_time) for p, _ in known)), default=0)
    newest = sorted(
        (pair for pair in known if last - days < day_of(pair[0].ours.event_time) <= last), key=lambda pair: pair[0].ours.event_time
    )
    chosen = [(p, of_event) for p, of_event in newest if p.ours.model_version == newest[-1][0].ours.model_version]
    y = np.array([of_event for _, of_event in chosen])
    if len(np.unique(y)) < 2:  # nothing to tell apart
        raise DataError(f"{len(chosen)} labelled events that both decided are too few to compare on; wait for labels")
    keys, rng = np.array([p.ours.key for p, _ in chosen]), np.random.default_rng(_SEED)
    kept = gate.of_some_keys(keys, gate.MOST_ROWS, rng)
    decided = [chosen[at][0] for at in kept]
    x, day = np.array([p.ours.features for p in decided], np.float64), np.array([day_of(p.ours.event_time) for p in decided])
    rows = Rows(x, y[kept], keys[kept], day)
    ours, theirs = (answers(domain, np.array(raw)) for raw in ([p.ours.raw for p in decided], [p.theirs.raw for p in decided]))
    one = gate.Contender(decided[0].ours.model_version, ours, 1, 1.0, {})
    other = gate.Contender(decided[0].theirs.model_version, theirs, 1, 1.0, {})
    return gate.judge(domain, rows, one, other, of, rng)


def _show(domain: Domain, verdict: gate.Verdict, console: Console) -> None:
    sides = (f"champion {verdict.champion}", f"challenger {verdict.candidate}")
    table = Table("measure", *sides, "95 % of the difference", box=None, pad_edge=False)
    headline, calibration = verdict.checks[:2]
    span = f"{headline.low:+.4f} to {headline.high:+.4f}" if headline.low is not None and headline.high is not None else ""
    measure = domain.learning().headline.replace("_", " ")
    table.add_row(measure, f"{headline.champion:.4f}", f"{headline.candidate:.4f}", span)
    table.add_row("calibration error", f"{calibration.champion:.4f}", f"{calibration.candidate:.4f}", "")
    say(console, f"{verdict.rows:,} labelled events of {verdict.keys:,} {domain.key_name}s, which both decided; positive is better")
    console.print(table)
