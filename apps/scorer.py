"""`polyscore stream`: loads a bundle, checks that it fits the domain, and scores with it until stopped."""

from __future__ import annotations

import gc
import socket
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from apps import process
from apps.errors import InputError
from apps.settings import Guarantee, Settings, in_words
from domain.contract import Domain
from domain.registry import DOMAINS
from models import bundle as bundles
from models.decide import Model, explain


def load(settings: Settings, domain: Domain, folder: Path | None, model_format: str) -> Model:
    """The model of a bundle (default: the domain's newest) in one format, compiled and ready for its first event.

    Raises ``InputError`` where the bundle was trained on other features than this code computes.
    """
    found = bundles.load_bundle(folder or bundles.latest(settings.bundles / domain.name))
    if found.manifest["domain"] != domain.name:
        of = f"bundle {found.version} is a model of {found.manifest['domain']!r}, not of the domain {domain.name}"
        raise InputError(f"{of}; a stream computes a domain's features: score a table with `polyscore score` or `polyscore serve`")
    if found.schema.digest != domain.schema.digest:
        fix = f"train it again: `polyscore train {domain.name}`"
        raise InputError(f"bundle {found.version} has other features than the domain {domain.name} computes; {fix}")
    model = Model(found.version, model_format, found.scorer(model_format), found.contributions, found.average)
    row = [float("nan")] * len(domain.schema)
    model.scorer.score(row)
    explain(domain, model, row)
    return model


@dataclass(frozen=True)
class Options:
    """What `polyscore stream` was told."""

    domain: str
    bundle: Path | None
    format: str
    guarantee: Guarantee
    instance: str


def command(settings: Settings, options: Options, say: Callable[[str], None]) -> None:
    """Run the scorer of a domain until SIGINT or SIGTERM. Raises ``InputError`` for settings that Quix refuses."""
    # Quix takes a second to import: wrong options are told before that. A library below it warns of a rename in another.
    with warnings.catch_warnings(record=True):
        from apps import stream  # noqa: PLC0415
    domain = DOMAINS[options.domain]
    instance = options.instance or socket.gethostname()
    refusal = f"a scorer named {instance!r} runs here already; name this one with --instance"
    with process.only(settings.state / f"{domain.name}-{instance}.lock", refusal):
        model = load(settings, domain, options.bundle, options.format)
        say(f"scoring {domain.events_topic} with model {model.version} as {model.format}, {options.guarantee}; Ctrl-C stops")
        gc.freeze()  # half a million objects of the libraries, none of them garbage: a tenth of a payment's time to look through
        try:
            counts = stream.run(settings, domain, model, options.guarantee, instance)
        except ValidationError as error:  # Quix knows fewer of librdkafka's security settings than librdkafka does
            raise InputError(in_words(error, "KAFKA_")) if error.title == "ConnectionConfig" else error from None
    said = f"stopped: {counts.decided} decisions, {counts.alerts} alerts, {counts.dead_letters} dead letters, {counts.repeated} repeated"
    say(said + (f", {counts.fallbacks} by the average, while the model's server was away" if counts.fallbacks else ""))
