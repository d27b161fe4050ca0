"""`polyscore models`: what the registry holds of a domain's versions, as tables for people."""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from apps import loading, registry
from apps.errors import AppError, InputError
from apps.monitor import now_us
from apps.settings import Settings
from apps.terms import in_words
from domain.cards import masked
from domain.contract import Domain
from domain.terms import in_full
from models.errors import ModelError
from models.registry import Cause, Registry, Version

_NOTHING = "-"


def by_hand(why: str) -> Cause:
    """The person at the terminal, now. Raises ``InputError`` where no reason is given."""
    if not why.strip():
        raise InputError("--why is empty; say why, so that others can read it later")
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        name = "somebody"
    return Cause(now_us(), name, masked(why.strip()))


def listed(settings: Settings, domain: Domain, console: Console) -> None:
    """One line a version, the newest first: stage, since when, headline metric, who or what moved it there and why."""
    known = registry.read(settings, domain.name)
    if not known.versions:
        console.print(f"no model of {domain.name} is registered; train one with `polyscore train {domain.name}`")
        return
    headline = domain.learning().headline
    table = _table("version", "stage", "since", headline.replace("_", " "), "by", "why")
    for version in sorted(known.versions.values(), key=lambda v: v.created, reverse=True):
        step = version.steps[-1]
        table.add_row(version.version, _stage(known, version), _at(step.at_us), _mean(version, headline), step.by, step.why)
    console.print(table)
    _say_terms(known, console)


def shown(settings: Settings, domain: Domain, name: str | None, console: Console) -> None:
    """All that is known of one version (default: the champion): lineage, metrics, parity of each format, history.

    Raises ``InputError`` where there is no such version.
    """
    known = registry.read(settings, domain.name)
    version = _version(known, name)
    console.print(_pairs(f"{domain.name} {version.version}", {"stage": _stage(known, version), **_lineage(version)}))
    console.print(_pairs("trained with", version.manifest.get("params", {})))
    metrics = _table("metric", "mean", "spread over folds")
    for metric, m in version.manifest.get("metrics", {}).items():
        metrics.add_row(metric.replace("_", " "), f"{m['mean']:.4f}", f"{m['min']:.4f} to {m['max']:.4f}")
    console.print(metrics)
    console.print(_parity(settings, domain, known, version))
    history = _table("since", "stage", "by", "why")
    for step in version.steps:
        history.add_row(_at(step.at_us), step.stage, step.by, step.why)
    console.print(history)
    _say_terms(known, console)


def terms(settings: Settings, domain: Domain, console: Console) -> None:
    """The numbers that the domain's policy decides by: what is in force, the defaults, the bounds, and what each is."""
    if not domain.terms:
        console.print(f"the policy of {domain.name} has no number that can be changed")
        return
    in_force = in_full(domain.terms, registry.read(settings, domain.name).terms)
    table = _table("term", "in force", "default", "from", "to", "unit", "what it is")
    for t in domain.terms:
        table.add_row(t.name, f"{in_force[t.name]:g}", f"{t.default:g}", f"{t.low:g}", f"{t.high:g}", t.unit, t.meaning)
    console.print(table)


def compared(settings: Settings, domain: Domain, one: str, other: str, console: Console) -> None:
    """Two versions side by side: what differs in lineage, parameters and features, and every metric. Raises ``InputError``."""
    known = registry.read(settings, domain.name)
    a, b = _version(known, one), _version(known, other)
    table = _table("", a.version, b.version, "difference")
    for name in {**_lineage(a), **_lineage(b)}:
        _add(table, name, _lineage(a).get(name), _lineage(b).get(name))
    for what in ("params", "schema"):
        first, second = _named(a, what), _named(b, what)
        for name in {**first, **second}:
            _add(table, f"{what}: {name}", first.get(name), second.get(name))
    for name in {**a.manifest.get("metrics", {}), **b.manifest.get("metrics", {})}:
        values = [v.manifest.get("metrics", {}).get(name, {}).get("mean") for v in (a, b)]
        apart = f"{values[1] - values[0]:+.4f}" if None not in values else ""
        table.add_row(name.replace("_", " "), *[_NOTHING if value is None else f"{value:.4f}" for value in values], apart)
    console.print(table)


def _say_terms(known: Registry, console: Console) -> None:
    """That the policy does not decide by its defaults, if so."""
    if known.terms:
        console.print(f"{known.domain} decides by other terms than its own: {in_words(known.terms)}")


def _version(known: Registry, name: str | None) -> Version:
    wanted = name or (known.standing.champion if known.standing else "")
    if wanted in known.versions:
        return known.versions[wanted]
    there = ", ".join(sorted(known.versions)) or "none"
    what = f"no version {wanted!r}" if wanted else "no champion yet; name a version"
    raise InputError(f"{known.domain} has {what}; there are: {there}")


def _stage(known: Registry, version: Version) -> str:
    """A version's stage, and the share of the keys that it decides for real, if any."""
    standing = known.standing
    takes = standing is not None and standing.share > 0 and standing.challengers[:1] == (version.version,)
    return f"{version.stage}, {standing.share:.1%}" if standing and takes else version.stage


def _lineage(version: Version) -> dict[str, Any]:
    """Where a version comes from, by name, as far as its manifest says it."""
    manifest = version.manifest
    known = {"created": f"{version.created:%Y-%m-%d %H:%M:%S}", "parent": version.parent or _NOTHING}
    known |= {f"data: {name}": value for name, value in manifest.get("data", {}).items()}
    known |= {name: manifest[name] for name in ("code_version", "schema_digest") if name in manifest}
    return known | {f"library: {name}": value for name, value in manifest.get("libraries", {}).items()}


def _named(version: Version, what: str) -> dict[str, Any]:
    """The parameters, or the features, of a version by name."""
    found = version.manifest.get(what, {})
    return found if isinstance(found, dict) else {feature["name"]: feature for feature in found}


def _table(first: str, *more: str) -> Table:
    """A table whose names, in the first column, are not cut on a narrow terminal."""
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in more:
        table.add_column(name, overflow="fold")
    return table


def _add(table: Table, name: str, one: Any, other: Any) -> None:
    """A line of two values, where they differ."""
    if one != other:
        table.add_row(name, *[_NOTHING if value is None else _plain(value) for value in (one, other)], "")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(title: str, facts: Mapping[str, Any]) -> Table:
    table = _table(title, "")
    for name, value in facts.items():
        table.add_row(name, _plain(value))
    return table


def _parity(settings: Settings, domain: Domain, known: Registry, version: Version) -> Table | str:
    """How each format compares with LightGBM, as the bundle says it; why it cannot be asked, where it is not here, or not whole."""
    try:
        found = loading.as_announced(settings, domain, known, version.version).parity["comparisons"]
    except (ModelError, AppError) as error:
        return f"parity is not known here: {error}"
    table = _table("format", "parity", "rows", "equal in every bit")
    for c in found:
        equal = _NOTHING if c["equal"] is None else f"{c['equal']:,}"
        table.add_row(c["name"], c["outcome"] + (f": {c['reason']}" if c["reason"] else ""), f"{c['rows']:,}", equal)
    return table


def _mean(version: Version, metric: str) -> str:
    found = version.manifest.get("metrics", {}).get(metric)
    return f"{found['mean']:.4f}" if found else _NOTHING


def _at(moment_us: int) -> str:
    return f"{datetime.fromtimestamp(moment_us / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
