"""A small table of one's own and its bundle, made once for all tests that stream it."""

from __future__ import annotations

from pathlib import Path

from apps.csv_training import Wanted, read_table
from models import table_training
from models.dataset import silent
from models.table_splits import Protocol

ROWS = 200


def lines(rows: int = ROWS) -> list[str]:
    """The rows of a CSV file of loans: some amounts are missing, one purpose is rare."""
    found = ["amount,purpose,repaid"]
    for i in range(rows):
        amount, purpose = (i * 37) % 101, ("car", "flat", "car", "boat")[i % 4]
        found.append(f"{'' if i % 11 == 3 else str(amount / 7)},{purpose},{('no', 'yes')[amount > 50 + 20 * (purpose == 'flat')]}")
    return found


def loans(home: Path) -> Path:
    """``home`` with a bundle of the table ``loans``, of few trees, and the CSV file that it was trained on beside it."""
    (path := home / "loans.csv").write_text("\n".join([*lines(), ""]))
    before, table_training.MOST_ROUNDS = table_training.MOST_ROUNDS, 5
    try:
        table = read_table(path, "loans", Wanted("repaid"), silent)
        table_training.train(table, Protocol(), path.name, home / "bundles" / "loans")
    finally:
        table_training.MOST_ROUNDS = before
    return home
