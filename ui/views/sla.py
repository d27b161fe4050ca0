"""The service level: what was promised, what is left of the error budget, when it was missed, and the day's history."""

from __future__ import annotations

from sqlalchemy import Engine

from domain.contract import Domain
from ui import budget, parts, queries, sla_panels, sla_queries
from ui.asking import shared

HOUR_US, WIDTH_US = 3_600_000_000, 600_000_000


def draw(engine: Engine, domain: Domain) -> None:
    end_us = shared(queries.totals, engine, domain.name).end_us
    if not end_us:
        parts.empty("no decision has been measured.", "polyscore monitor", f"polyscore stream {domain.name}", parts.source(domain))
        return
    parts.measured_at(end_us)
    since_us = end_us - queries.DAY_US
    day = budget.Budget(domain.on_time, *shared(sla_queries.spent, engine, domain.name, since_us))
    hour = budget.Budget(domain.on_time, *shared(sla_queries.spent, engine, domain.name, end_us - HOUR_US))
    sla_panels.objective(domain, day, hour)
    sla_panels.promises(domain, shared(queries.sums, engine, domain.name)[0])
    sla_panels.day(shared(sla_queries.stretches, engine, domain.name, since_us, WIDTH_US), WIDTH_US, domain)
    bad = shared(sla_queries.bad_windows, engine, domain.name, since_us, domain.on_time)
    sla_panels.breaches(budget.breaches(bad), day, len(bad) == sla_queries.MOST_BAD)


parts.page("SLA", draw)
