"""`polyscore stream`: loads a bundle, checks that it fits the domain, and scores with it until stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from apps.errors import InputError
from apps.settings import Guarantee, Settings
from domain.contract import Domain
from domain.registry import DOMAINS
from models import bundle as bundles
from models.decide import Model, explain


def load(settings: Settings, domain: Domain, folder: Path | None, model_format: str) -> Model:
    """The model of a bundle (default: the domain's newest) in one format, compiled and ready for its first event.

    Raises ``InputError`` where the bundle was trained on other features than this code computes.
    """
    found = bundles.load_bundle(folder or bundles.latest(settings.bundles / domain.name))
    if found.schema.digest != domain.schema.digest:
        raise InputError(f"bundle {found.version} has other features than the domain {domain.name} computes; train it again: `polyscore train {domain.name}`")
    model = Model(found.version, model_format, found.scorer(model_format), found.contributions)
    row = [float("nan")] * len(domain.schema)
    model.scorer.score(row)
    explain(domain, model, row)
    return model


def command(
    settings: Settings, domain_name: str, folder: Path | None, model_format: str, guarantee: Guarantee, instance: str, *, say: Callable[[str], None]
) -> None:
    """Run the scorer of a domain until SIGINT or SIGTERM."""
    from apps import stream  # noqa: PLC0415  # Quix takes a second to import: wrong options are told before that

    domain = DOMAINS[domain_name]
    model = load(settings, domain, folder, model_format)
    say(f"scoring {domain.events_topic} with model {model.version} as {model_format}, {guarantee}; Ctrl-C stops")
    counts = stream.run(settings, domain, model, guarantee, instance)
    say(f"stopped: {counts.decided} decisions, {counts.alerts} alerts, {counts.dead_letters} dead letters, {counts.repeated} repeated")
