"""Tables of one's own as domains: whatever `train --csv` or `adopt` left below ``bundles`` is known to every process from its start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from apps.errors import InputError
from apps.settings import Settings, from_environment
from domain.contract import Domain
from domain.registry import DOMAINS
from models import table_domain
from models.errors import ModelError


def adopt(settings: Settings, tell: Callable[[str], None]) -> None:
    """Make the tables whose bundles are here domains, and those that are gone none. ``tell`` hears of each that cannot be one, and why."""
    found: dict[str, Callable[[], Domain]] = {}
    for folder in _folders(settings):
        try:
            facts = table_domain.founded(folder)
            if facts is None:
                continue
            if other := table_domain.clash(folder.name, (*DOMAINS.built_in, *found)):
                raise ModelError(f"Kafka cannot tell its topics from those of {other!r}; train it under another --name")
        except ModelError as error:
            tell(f"the table {folder.name!r} is left out: {error}")
        else:
            found[folder.name] = partial(table_domain.domain_of, facts)
    DOMAINS.adopt(found)


def adopt_from_environment(tell: Callable[[str], None]) -> None:
    """The same by the settings of the environment; where these are wrong, what needs them says so."""
    try:
        settings = from_environment()
    except InputError:
        return
    adopt(settings, tell)


def _folders(settings: Settings) -> list[Path]:
    """Those below ``bundles`` that are no built-in domain's."""
    try:
        return sorted(p for p in settings.bundles.iterdir() if p.is_dir() and p.name not in DOMAINS.built_in and not p.name.startswith("."))
    except OSError:
        return []
