"""The listed alerts as CSV for a spreadsheet: card numbers masked, and no text that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from apps.sheet import harmless
from domain.contract import Domain
from ui.parts import moment

_FIXED = ("alert", "decided", "action", "score", "status", "analyst", "verdict", "reason", "note")


def text(domain: Domain, rows: Iterable[Any]) -> str:
    """A line of names, and a line an alert."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow([*_FIXED, domain.key_name, *domain.shown, "reasons"])
    for row in rows:
        state = (row.status, row.analyst, row.verdict, row.reason, row.note)
        fixed = (row.decision_id, moment(row.decided_us).isoformat(), row.action, row.score, *state)
        shown = (row.context.get(name) for name in domain.shown)
        writer.writerow([harmless(value) for value in (*fixed, row.key, *shown, "; ".join(row.reasons))])
    return sheet.getvalue()
