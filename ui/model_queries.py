"""What the page Models asks the database. Each question is answered from an index, and reads a bounded number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, func, select

from apps.tables import Table
from domain.contract import Domain
from ui.asking import rows

MOST_VERSIONS = 50
MOST_EVENTS = 100
MOST_WINDOWS = 800  # a day and version each
MOST_DRIFT = 200  # features and outputs
MOST_PAIRS = 10
_DRIFT = ("drift", "drift-over")  # ``apps.loop_events.What``


class Headline(NamedTuple):
    """The measure that models are compared by, and which way it is better."""

    name: str
    lower_is_better: bool


def headline(engine: Engine, domain: Domain) -> Headline:
    """As the newest report says it; asking the domain would load what it learns with, for a second."""
    t = _table("model")
    said = (t.c.report["headline"].as_string().label("name"), t.c.report["lower_is_better"].as_boolean().label("lower"))
    found = _first(engine, select(*said).where(t.c.domain == domain.name).order_by(t.c.created.desc()))
    if found is not None and found.name is not None:
        return Headline(found.name, bool(found.lower))
    learning = domain.learning()
    return Headline(learning.headline, learning.lower_is_better)


def versions(engine: Engine, domain: str, headline: str) -> Sequence[Row[Any]]:
    """The newest versions, newest first: stages, parent, and what their reports say of the headline (``value``)."""
    t = _table("model")
    value = t.c.manifest["metrics", headline, "mean"].as_float().label("value")
    query = select(t.c.version, t.c.stage, t.c.steps, t.c.parent, value).where(t.c.domain == domain)
    return rows(engine, query.order_by(t.c.created.desc()).limit(MOST_VERSIONS))


def standing(engine: Engine, domain: str) -> Row[Any] | None:
    """Which versions are at work; None where none was promoted."""
    t = _table("standing")
    return _first(engine, select(t).where(t.c.domain == domain))


def events(engine: Engine, domain: str) -> Sequence[Row[Any]]:
    """What happened last to the domain's models, newest first."""
    t = _table("loop_event")
    query = select(t.c.at_us, t.c.what, t.c.version, t.c.text).where(t.c.domain == domain)
    return rows(engine, query.order_by(t.c.at_us.desc()).limit(MOST_EVENTS))


def alarm(engine: Engine, domain: str, version: str) -> Row[Any] | None:
    """What was last said of a version's drift: an alarm, or that it is over; None where there never was one."""
    t = _table("loop_event")
    query = select(t.c.at_us, t.c.what, t.c.text).where(t.c.domain == domain, t.c.version == version, t.c.what.in_(_DRIFT))
    return _first(engine, query.order_by(t.c.at_us.desc()))


def quality(engine: Engine, domain: str, headline: str) -> Sequence[Row[Any]]:
    """The newest days' windows, newest first, with the headline (``value``; None: too few labels)."""
    t = _table("quality_window")
    value = t.c.metrics[headline].as_float().label("value")
    query = select(t.c.day, t.c.model_version, t.c.decisions, t.c.labelled, t.c.settled, value).where(t.c.domain == domain)
    return rows(engine, query.order_by(t.c.day.desc()).limit(MOST_WINDOWS))


def drift(engine: Engine, domain: str, version: str) -> Sequence[Row[Any]]:
    """A version's newest week, what is nearest to its limit or farthest beyond it first."""
    t = _table("drift_window")
    own = (t.c.domain == domain, t.c.model_version == version)
    newest = select(func.max(t.c.end_us)).where(*own).scalar_subquery()
    query = select(t).where(*own, t.c.end_us == newest).order_by((t.c.psi / t.c.limit).desc())
    return rows(engine, query.limit(MOST_DRIFT))


def pairs(engine: Engine, domain: str, champion: str) -> Sequence[Row[Any]]:
    """What the champion and each challenger came to on the same events."""
    t = _table("contest")
    return rows(engine, select(t).where(t.c.domain == domain, t.c.champion == champion).limit(MOST_PAIRS))


def _table(name: str) -> Any:
    return Table.metadata.tables[name]


def _first(engine: Engine, query: Any) -> Row[Any] | None:
    found = rows(engine, query.limit(1))
    return found[0] if found else None
