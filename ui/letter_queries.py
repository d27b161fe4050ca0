"""What the page Dead letters asks the database. Each question is answered from an index, and reads a bounded number of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Row, func, select

from apps.tables import DeadLetterRow, ResentRow
from ui.asking import rows
from ui.queries import how_many

MOST_LETTERS = 500  # in the list
MOST_CODES = 50
MOST_SENT = 20  # times that one letter was sent again
_L = DeadLetterRow.metadata.tables["dead_letter"]
_S = ResentRow.metadata.tables["resent"]
_LISTED = (_L.c.topic, _L.c.partition, _L.c.offset, _L.c.code, _L.c.reason, _L.c.source_topic, _L.c.source_partition, _L.c.source_offset)


def count(engine: Engine, domain: str, code: str = "", after_us: int = -1) -> int:
    """How many letters there are, of one code or (empty) of all, from after that time; ``MOST_COUNTED`` where there are that many."""
    found = select(_L.c.failed_us).where(_L.c.domain == domain, _L.c.failed_us > after_us)
    if code:
        found = found.where(_L.c.code == code)
    return how_many(engine, found)


def by_code(engine: Engine, domain: str) -> Mapping[str, int]:
    """Counts by code, as ``count`` gives them, the most first."""
    first = select(func.min(_L.c.code).label("code")).where(_L.c.domain == domain).cte("codes", recursive=True)
    after = select(func.min(_L.c.code)).where(_L.c.domain == domain, _L.c.code > first.c.code).scalar_subquery()
    codes = first.union_all(select(after).where(first.c.code.is_not(None)))  # from code to code through the index
    found = rows(engine, select(codes.c.code).where(codes.c.code.is_not(None)).limit(MOST_CODES))
    counts = {code: count(engine, domain, code) for (code,) in found}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def newest_us(engine: Engine, domain: str) -> int:
    """When the newest letter of a domain failed; 0 where there is none."""
    return int(rows(engine, select(func.max(_L.c.failed_us)).where(_L.c.domain == domain))[0][0] or 0)


def newest(engine: Engine, domain: str, code: str = "") -> Sequence[Row[Any]]:
    """The newest letters, of one code or (empty) of all, without what they hold."""
    query = select(*_LISTED, _L.c.failed_us).where(_L.c.domain == domain)
    if code:
        query = query.where(_L.c.code == code)
    return rows(engine, query.order_by(_L.c.failed_us.desc()).limit(MOST_LETTERS))


def letter(engine: Engine, topic: str, partition: int, offset: int) -> Row[Any] | None:
    """One letter with everything in it."""
    found = rows(engine, select(_L).where(_L.c.topic == topic, _L.c.partition == partition, _L.c.offset == offset))
    return found[0] if found else None


def sent(engine: Engine, of: Any) -> Sequence[Row[Any]]:
    """Each time that a letter's message was sent again, the last first."""
    query = select(_S).where(_S.c.topic == of.topic, _S.c.partition == of.partition, _S.c.offset == of.offset)
    return rows(engine, query.order_by(_S.c.at_us.desc()).limit(MOST_SENT))


def came_back(engine: Engine, sent: Any) -> Row[Any] | None:
    """The letter that a message sent again has become in its turn; None where it has become none."""
    at = (_L.c.source_topic == sent.to_topic, _L.c.source_partition == sent.to_partition, _L.c.source_offset == sent.to_offset)
    found = rows(engine, select(*_LISTED).where(*at).limit(1))
    return found[0] if found else None
