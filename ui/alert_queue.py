"""The queue of alerts as a viewer holds it: the newest ones, of which each look reads only those that are new."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Engine

from ui import queries


class AlertQueue:
    """The newest alerts of one domain, newest first. An alert that was decided again counts as new."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], Any] = {}

    def look(self, engine: Engine, domain: str) -> list[Any]:
        """The alerts as they are now. One that vanishes between two questions is left out."""
        newest = [(row.decision_id, row.decided_us) for row in queries.newest_alerts(engine, domain)]
        unknown = [decision_id for decision_id, decided_us in newest if (decision_id, decided_us) not in self._held]
        known = self._held | {(row.decision_id, row.decided_us): row for row in queries.alerts(engine, domain, unknown)}
        self._held = {place: known[place] for place in newest if place in known}
        return list(self._held.values())


def matching(rows: Collection[Any], actions: Collection[str], key: str) -> list[Any]:
    """Those with one of these actions (none: any), of a customer whose id begins with ``key``."""
    return [row for row in rows if (not actions or row.action in actions) and row.key.startswith(key)]
