"""The alerts as CSV: whole, masked, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace
from typing import Any

import pytest

from domain.registry import DOMAINS
from tests.ui.filled import NOW_US
from ui import alert_csv

FRAUD = DOMAINS["fraud"]


def alert(**changes: Any) -> Any:
    fields: dict[str, Any] = {
        **{"decision_id": "d1", "decided_us": NOW_US, "action": "block", "score": -0.5, "status": "closed", "analyst": "Ana"},
        **{"verdict": "fraud", "reason": "a known pattern", "note": "two\nlines, quoted", "key": "c1"},
        **{"context": {"amount": 12.5, "terminal_id": "t9"}, "reasons": ["far away", "at night"]},
    }
    return SimpleNamespace(**(fields | changes))


def read(*rows: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(alert_csv.text(FRAUD, rows))))


def test_every_alert_is_a_line_with_its_state_and_its_context() -> None:
    (row,) = read(alert())
    assert row == {
        **{"alert": "d1", "decided": "2026-09-21T14:13:20+00:00", "action": "block", "score": "-0.5", "status": "closed"},
        **{"analyst": "Ana", "verdict": "fraud", "reason": "a known pattern", "note": "two\nlines, quoted", "customer": "c1"},
        **{"amount": "12.5", "terminal_id": "t9", "reasons": "far away; at night"},
    }


def test_card_numbers_are_masked_in_every_column() -> None:
    card = "4111111111111111"
    found = alert_csv.text(FRAUD, [alert(decision_id=card, key=card, note=f"card {card}", context={"terminal_id": card}, reasons=[card])])
    assert card not in found
    assert found.count("411111******1111") == 5
    assert read(alert(context={"amount": float(card), "terminal_id": int(card)}))[0]["amount"] == "411111******1111"


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_text_that_begins_like_a_formula_is_text_and_a_number_a_number(begins: str) -> None:
    (row,) = read(alert(note=begins, reasons=[begins], analyst=begins))
    assert row["note"] == row["reasons"] == row["analyst"] == f"'{begins}"
    assert row["score"] == "-0.5"
