"""What the page SLA asks the database: sums and stretches of the monitor's windows. Each is answered from an index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, and_, func, or_, select

from apps.tables import SlaWindowRow
from ui.asking import rows

MOST_BAD = 3_000  # windows, the newest: one of two seconds each for more than an hour and a half without a break
MINUTE_US = 60_000_000
FAST = 10.0  # times what the objective allows: a minute at this rate is a breach; at once or twice, most are that by chance
MOST = 0.5  # but where half of a minute is late it is one, whatever the objective
_W = SlaWindowRow.metadata.tables["sla_window"]


def spent(engine: Engine, domain: str, since_us: int) -> tuple[int, int]:
    """Decisions measured, and late ones among them, in the windows that ended after ``since_us``."""
    query = select(func.sum(_W.c.measured), func.sum(_W.c.misses)).where(_W.c.domain == domain, _W.c.end_us > since_us)
    found: Any = rows(engine, query)[0]
    return int(found[0] or 0), int(found[1] or 0)


def stretches(engine: Engine, domain: str, since_us: int, width_us: int) -> Sequence[Row[Any]]:
    """The same by stretches of time, oldest first: when each began, ``measured`` and ``misses``."""
    number = (_W.c.end_us // width_us).label("number")
    sums = select(number, func.sum(_W.c.measured).label("measured"), func.sum(_W.c.misses).label("misses"))
    return rows(engine, sums.where(_W.c.domain == domain, _W.c.end_us > since_us).group_by(number).order_by(number))


def bad_windows(engine: Engine, domain: str, since_us: int, share: float) -> Sequence[Row[Any]]:
    """The windows with late decisions in minutes that were ``FAST`` in spending the budget, and those in which events waited and nothing
    was decided; oldest first.
    """
    minute, of_day = _W.c.end_us // MINUTE_US, and_(_W.c.domain == domain, _W.c.end_us > since_us)
    too_many = func.sum(_W.c.misses) > min(FAST * (1.0 - share), MOST) * func.sum(_W.c.measured)
    late = and_(_W.c.misses > 0, minute.in_(select(minute).where(of_day).group_by(minute).having(too_many)))
    still = and_(_W.c.decisions == 0, _W.c.lag > 0)
    columns = (_W.c.start_us, _W.c.end_us, _W.c.model_version, _W.c.decisions, _W.c.misses, _W.c.p99_ms, _W.c.lag)
    query = select(*columns).where(of_day, or_(late, still))
    return rows(engine, query.order_by(_W.c.end_us.desc()).limit(MOST_BAD))[::-1]
