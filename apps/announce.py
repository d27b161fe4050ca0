"""A bundle's way into the registry: the first of its domain decides at once, any other waits to be promoted."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from apps import loading, registry, topics
from apps.errors import BrokerError, InputError
from apps.monitor import now_us
from apps.settings import Settings
from apps.terminal import say
from domain.registry import DOMAINS
from models import bundle as bundles
from models.errors import BundleError, RegistryError
from models.registry import Cause, Registry


def known(settings: Settings, domain_name: str, *, console: Console) -> Path | None:
    """The champion's bundle, or the newest, announced, if it fits this code's features; else None, and the reason is said."""
    try:
        found = bundles.load_bundle(registry.champion(settings, domain_name) or bundles.latest(settings.bundles / domain_name))
    except BundleError as error:
        say(console, str(error))
        return None
    if found.schema.digest != DOMAINS[domain_name].schema.digest:
        say(console, f"model {found.folder.name} has other features than this code computes")
        return None
    announce(settings, found, console)
    return found.folder


def ensure(settings: Settings, domain_name: str, *, console: Console) -> Path:
    """The bundle that is ``known``; one is trained where there is none. Raises ``InputError`` for a table, ``ModelError``."""
    if found := known(settings, domain_name, console=console):
        say(console, f"model {found.name} was trained before")
        return found
    if domain_name in DOMAINS.own:
        fix = "train it again: `polyscore train --csv FILE --label COLUMN`"
        raise InputError(f"the table {domain_name} has no model that fits what it is now; {fix}")
    from apps.train import command  # noqa: PLC0415  # what trains takes a second to import, and is seldom needed

    return command(settings, domain_name, [], seed=7, days=None, console=console)


def announce(settings: Settings, found: bundles.Bundle, console: Console) -> None:
    """Enter a bundle into the registry, as a candidate. It becomes the champion if it is the domain's first, or if the champion

    cannot be used. Without a Kafka it is entered by the next start.
    """
    domain = found.manifest["domain"]
    try:
        if domain in DOMAINS:
            topics.create_own(settings, DOMAINS[domain])
        known = registry.read(settings, domain)
        registered = known.register(registry.candidate(found, now_us(), "train", found.manifest["data"]["source"]))
        why = _takes_over(settings, known, found)
        promoted = known.promote(found.version, Cause(now_us(), "train", why)) if why else []
        if promoted:
            registry.move(settings, known, [*registered, *promoted])
        else:
            registry.enter(settings, registered)
    except (BrokerError, RegistryError) as error:
        say(console, f"the model was not announced: {error}; the next start of a demo, or `polyscore setup`, does it")
        return
    if promoted:
        say(console, f"model {found.version} is the champion: {why}")
    elif registered and domain in DOMAINS:
        say(console, f"model {found.version} is a candidate; to let it decide: {_promotion(domain, found.version)}")


def _promotion(domain: str, version: str) -> str:
    return f'`polyscore models promote {domain} {version} --why "..."`'


def _takes_over(settings: Settings, known: Registry, found: bundles.Bundle) -> str:
    """Why a new bundle decides at once, without a comparison; empty where it does not."""
    if found.manifest["domain"] not in DOMAINS:  # a table's that no stream can have
        return ""
    standing = known.standing
    if standing is None:
        return "the first model of its domain"
    if standing.champion == found.version:
        return ""
    try:
        loading.as_announced(settings, DOMAINS[known.domain], known, standing.champion)
    except (BundleError, InputError) as error:
        return f"the champion {standing.champion} cannot be used: {error}"
    return ""
