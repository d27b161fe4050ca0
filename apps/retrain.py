"""`polyscore retrain`: from the topics to a candidate, through the gate to the champion's place or to a challenger's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from apps import loop_events, recall, registry
from apps.errors import BrokerError, InputError
from apps.kafka import explained, producer_config
from apps.monitor import now_us
from apps.settings import Settings
from apps.terminal import Progress, progress, say
from apps.train import check_writable, tell_unproven
from domain.contract import Domain
from domain.registry import DOMAINS
from models import bundle as bundles
from models import gate, retrain
from models.dataset import Dataset
from models.errors import BundleError
from models.protocol import Fold
from models.refit import Fit, refitting
from models.registry import Cause, Change, Registry
from models.report import fitted
from models.train import Origin

REFUSED = 3  # exit status: a candidate was made, and is not better
EVER, ALWAYS = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_SEED = 7  # of the gate's resampling


@dataclass(frozen=True)
class Options:
    """What `polyscore retrain` was told. ``why``: what triggered it. ``offsets_of``: a version whose window of offsets is read again."""

    domain: str
    why: str = "by hand"
    since: datetime = EVER
    until: datetime = ALWAYS
    offsets_of: str = ""
    days: retrain.Days = field(default_factory=retrain.Days)
    promote: bool = True
    refit: bool = False  # the champion's trees with new leaves, instead of new trees


@dataclass(frozen=True)
class Outcome:
    """What became of it. ``verdict`` is None where there was no champion to compare with."""

    version: str
    better: bool
    promoted: bool
    reason: str
    verdict: gate.Verdict | None


def command(settings: Settings, options: Options, console: Console) -> Outcome:
    """Read, train, register, judge, and promote or leave a challenger; all of it is told on ``metrics``.

    Raises ``DataError`` where labels are too few, ``BrokerError`` without a Kafka, ``InputError`` for a folder that cannot be written.
    """
    domain = DOMAINS[options.domain]
    check_writable(settings.bundles / domain.name)
    with explained(settings):
        run = _Run(settings, domain, options, console)
        try:
            with progress(console) as told:
                return run.through(told)
        except Exception as error:
            reason = str(error) or type(error).__name__
            run.tell("retraining", "", f"not retrained ({options.why}): {reason}", why=options.why, reason=reason)
            raise
        finally:
            run.flush()


class _Run:
    def __init__(self, settings: Settings, domain: Domain, options: Options, console: Console) -> None:
        self._settings, self._domain, self._options, self._console = settings, domain, options, console
        self._producer = Producer(producer_config(settings))
        self._unopposed = "the first model of its domain"  # why there is no champion to compare with
        self._before: str | None = None  # who was the champion when it began

    def through(self, told: Progress) -> Outcome:
        known = registry.read(self._settings, self._domain.name)
        self._before = known.standing.champion if known.standing else None
        champion = self._champion(known)
        self.tell("retraining", "", f"retraining: {self._options.why}", why=self._options.why)
        found, data = self._recalled(known, told)
        fold = retrain.part(self._domain, data, champion, self._options.days)
        candidate = self._train(found, data, fold, known, champion, told)
        verdict = self._judged(data, fold, champion, candidate, told)
        return self._placed(candidate, verdict)

    def tell(self, what: loop_events.What, version: str, text: str, **details: Any) -> None:
        loop_events.tell(self._producer, loop_events.event(self._domain.name, what, version, text, **details))

    def flush(self) -> None:
        if self._producer.flush(20):
            raise BrokerError("Kafka did not take what there is to tell of a retraining; is it up?")

    def _champion(self, known: Registry) -> bundles.Bundle | None:
        """The champion's bundle; None where there is none that scores this code's features."""
        if known.standing is None:
            return None
        name = known.standing.champion
        try:
            found = bundles.load_bundle(self._settings.bundles / self._domain.name / name)
        except BundleError as error:
            self._unopposed = f"the champion {name} cannot be compared with: {error}"
            return None
        if found.schema.digest != self._domain.schema.digest:
            self._unopposed = f"the champion {name} has other features than this code computes"
            return None
        return found

    def _recalled(self, known: Registry, told: Progress) -> tuple[recall.Recalled, Dataset]:
        digest = self._domain.schema.digest
        foreign = {name for name, version in known.versions.items() if version.manifest.get("schema_digest", digest) != digest}
        wanted = recall.Wanted(self._options.since, self._options.until, self._offsets(known), foreign)
        found, data = recall.read(self._settings, self._domain, wanted, told)
        counts = ", ".join(f"{number:,} {name}" for name, number in found.counts.items() if number)
        say(self._console, f"read {counts}; {int(data.labelled.sum()):,} of {len(data):,} rows have a label")
        return found, data

    def _offsets(self, known: Registry) -> recall.Offsets | None:
        name = self._options.offsets_of
        if not name:
            return None
        if name not in known.versions:
            raise InputError(
                f"--offsets-of {name}: no such version of {self._domain.name}; there are {', '.join(known.versions) or 'none'}"
            )
        offsets: recall.Offsets | None = known.versions[name].manifest["data"].get("offsets")
        if offsets is None:
            raise InputError(f"--offsets-of {name}: it was not trained from the topics")
        return offsets

    def _fit(self, champion: bundles.Bundle | None) -> Fit:
        if not self._options.refit:
            return fitted
        if champion is None:
            raise InputError(f"--refit: there is no champion of {self._domain.name} whose leaves could be learned anew; leave it out")
        return refitting(champion)

    def _train(
        self, found: recall.Recalled, data: Dataset, fold: Fold, known: Registry, champion: bundles.Bundle | None, told: Progress
    ) -> bundles.Bundle:
        parent = known.standing.champion if known.standing else None
        origin = Origin({"source": "topics", "why": self._options.why, "offsets": found.offsets, **found.counts}, parent)
        folder = self._settings.bundles / self._domain.name
        made = bundles.load_bundle(
            retrain.train(self._domain, data, fold, origin, folder, days=self._options.days, fit=self._fit(champion), progress=told)
        )
        tell_unproven(made, self._console)
        version = registry.candidate(made, now_us(), "retrain", self._options.why, parent)
        registry.enter(self._settings, known.register(version))
        self.tell("registered", made.version, f"{made.version} was trained on {len(fold.train):,} rows: {self._options.why}", parent=parent)
        return made

    def _judged(
        self, data: Dataset, fold: Fold, champion: bundles.Bundle | None, candidate: bundles.Bundle, told: Progress
    ) -> gate.Verdict | None:
        if champion is None:
            return None
        told("comparing with the champion", 0, 1)
        rng = np.random.default_rng(_SEED)
        verdict = gate.compare(self._domain, data.chosen(fold.test), champion, candidate, limits(self._settings), rng)
        told("comparing with the champion", 1, 1)
        self.tell("gate", candidate.version, f"{verdict.verdict}: {verdict.reason}", **verdict.to_json())
        return verdict

    def _placed(self, candidate: bundles.Bundle, verdict: gate.Verdict | None) -> Outcome:
        """Promote, or leave it where it is, with the reason. The registry may have moved while the model was trained."""
        known = registry.read(self._settings, self._domain.name)
        reason = verdict.reason if verdict else self._unopposed
        better = verdict is None or verdict.better
        now = known.standing.champion if known.standing else None
        if now != self._before:
            better, reason = False, f"{now} became the champion meanwhile, and it was compared with {self._before or 'none'}"
        promoted = better and self._options.promote
        cause = Cause(now_us(), "gate", reason)
        if promoted:
            text = f"{candidate.version} is the champion: {reason}"
            told = loop_events.event(self._domain.name, "promoted", candidate.version, text, former=now)
            registry.move(self._settings, known, known.promote(candidate.version, cause), told)
        elif not better and self._options.promote and (moved := challenged(known, candidate.version, cause)):
            registry.move(self._settings, known, moved)
        self._show(candidate, verdict, promoted, reason)
        return Outcome(candidate.version, better, promoted, reason, verdict)

    def _show(self, candidate: bundles.Bundle, verdict: gate.Verdict | None, promoted: bool, reason: str) -> None:
        if verdict:
            table = Table("check", "champion", "candidate", "", box=None)
            for check in verdict.checks:
                table.add_row(check.name, f"{check.champion:,.4f}", f"{check.candidate:,.4f}", "passed" if check.passed else "FAILED")
            self._console.print(table)
        say(self._console, f"{candidate.version} {'was promoted' if promoted else 'was not promoted'}: {reason}")


def challenged(known: Registry, name: str, cause: Cause) -> list[Change]:
    """A refused candidate becomes the challenger, in place of the gate's last one; it does not while another has a share of keys."""
    standing = known.standing
    if standing is None or standing.share > 0:
        return []
    former = [c for c in standing.challengers if c != name and c in known.versions and known.versions[c].steps[-1].by == cause.by]
    replaced = cause._replace(why=f"{name} is the newer challenger")
    return [*known.challenge(name, cause), *(change for c in former for change in known.archive(c, replaced))]


def limits(settings: Settings) -> gate.Limits:
    """What the gate demands, from the settings."""
    return gate.Limits(settings.gate_margin, settings.gate_calibration, settings.gate_size, settings.gate_latency)
