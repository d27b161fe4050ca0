"""Messages that could not be processed: why, what they were, and how to send them again once they are corrected."""

from __future__ import annotations

from domain.contract import Domain
from ui import letters, parts


def draw(domain: Domain) -> None:
    parts.live(lambda engine: letters.figures(engine, domain))
    if not parts.once(lambda engine: letters.desk(engine, domain)):
        parts.again()


parts.still("Dead letters", draw)
