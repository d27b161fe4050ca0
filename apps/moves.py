"""Promotions, rollbacks, challenges, terms: each is looked at first, is announced on ``models``, and told on ``metrics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps import loading, loop_events, registry
from apps.loop_events import What
from apps.settings import Settings
from apps.tables import LoopEvent
from apps.terms import in_words, instead
from domain.contract import Domain
from domain.terms import in_full
from models.errors import BundleError, RegistryError
from models.registry import Cause, Change, Registry

_SOUND = ("passed", "unavailable")  # the latter is proven where it is first scored


def promote(settings: Settings, domain: Domain, version: str, cause: Cause) -> str:
    """Make a version the champion; returns what was told.

    Raises ``RegistryError`` for a move that makes no sense, or that another one came before, ``BundleError``, ``InputError`` or
    ``ExportError`` for a bundle that scorers would refuse, ``BrokerError`` without a Kafka.
    """
    known = registry.read(settings, domain.name)
    before = _champion(known)
    changes = known.promote(version, cause)
    prove(settings, domain, known, version)
    text = f"{version} is the champion" + (f" now, after {before}" if before else "")
    return _announce(settings, known, changes, _event(domain, "promoted", version, text, cause, before=before))


def rollback(settings: Settings, domain: Domain, cause: Cause) -> str:
    """Make the champion before the present one the champion again. Returns and raises as ``promote``."""
    known = registry.read(settings, domain.name)
    before = _champion(known)
    changes = known.rollback(cause)
    version = _champion(known)
    prove(settings, domain, known, version)
    text = f"back to {version} from {before}"
    return _announce(settings, known, changes, _event(domain, "rolled-back", version, text, cause, before=before))


def challenge(settings: Settings, domain: Domain, version: str, share: float, cause: Cause) -> str:
    """Let a version score beside the champion, for a share of the keys for real. Returns and raises as ``promote``."""
    known = registry.read(settings, domain.name)
    changes = known.challenge(version, cause, share=share)
    prove(settings, domain, known, version)
    text = f"{version} challenges {_champion(known)}" + (f" and decides for {share:.1%} of the keys" if share else ", in shadow")
    return _announce(settings, known, changes, _event(domain, "challenged", version, text, cause, share=share))


def archive(settings: Settings, domain: Domain, version: str, cause: Cause) -> str:
    """Take a version out of use; its bundle stays where it is. Returns and raises as ``promote``, but looks at no bundle."""
    known = registry.read(settings, domain.name)
    changes = known.archive(version, cause)
    return _announce(settings, known, changes, _event(domain, "archived", version, f"{version} is archived", cause))


def decide_by(
    settings: Settings, domain: Domain, given: Mapping[str, float] | None, cause: Cause, opened: Mapping[str, float] | None = None
) -> str:
    """Set terms of the policy, and leave the others as they are; None: all are the defaults again. Returns what was told.

    ``opened``: the terms in force that the person saw; where others are by now, nothing is changed. Raises ``TermsError`` for a number that
    the policy cannot decide by, ``RegistryError`` for what would change nothing or comes too late, ``BrokerError`` without a Kafka.
    """
    known = registry.read(settings, domain.name)
    before = dict(known.terms)
    if opened is not None and dict(opened) != before:
        there = in_words(before) or "the defaults"
        raise RegistryError(f"{domain.name} is decided by other terms by now: {there}; look again before you change them")
    after = domain.with_terms({**before, **given} if given is not None else {}).in_force
    changes = known.decide_by(after, cause)
    text = f"{domain.name} decides by {instead(domain, before, after)}"
    numbers = {"before": in_full(domain.terms, before), "after": in_full(domain.terms, after)}
    return _announce(settings, known, changes, _event(domain, "terms", _champion(known), text, cause, **numbers))


def prove(settings: Settings, domain: Domain, known: Registry, version: str) -> None:
    """Load and warm the bundle as a scorer does, and look at the parity report of every format. Raises as ``promote``."""
    found = loading.as_announced(settings, domain, known, version)
    loading.ready(domain, found, "native")
    failed = [f"{c['name']} ({c['reason'] or c['outcome']})" for c in found.parity["comparisons"] if c["outcome"] not in _SOUND]
    if failed:
        raise BundleError(f"bundle {version} has no passing parity report for {', '.join(failed)}; train again")


def _champion(known: Registry) -> str:
    return known.standing.champion if known.standing else ""


def _event(domain: Domain, what: What, version: str, text: str, cause: Cause, **details: Any) -> LoopEvent:
    return loop_events.event(domain.name, what, version, f"{text}: {cause.why}", by=cause.by, **details)


def _announce(settings: Settings, known: Registry, changes: Sequence[Change], happened: LoopEvent) -> str:
    registry.move(settings, known, changes, happened)
    return happened.text
