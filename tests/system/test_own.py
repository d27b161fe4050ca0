"""A table of one's own on a real Kafka: from its bundle to decisions in the database, each the batch's in every bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from sqlalchemy import text

from apps import own, rows_in
from apps.announce import ensure
from apps.database import open_database
from apps.errors import DatabaseError
from apps.lag import GroupLag
from apps.replay import at_rate
from apps.settings import Settings
from apps.table import read_rows
from apps.topics import consumer_group
from domain.registry import DOMAINS
from models.bundle import latest, load_bundle
from tests.own import ROWS
from tests.system.processes import start, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
QUIET = Console(quiet=True)
QUERIES = {
    "decisions": "SELECT decision_id, raw, alert FROM decision WHERE domain = 'loans'",
    "letters": "SELECT code, reason FROM dead_letter WHERE domain = 'loans'",
    "alerts": "SELECT decision_id FROM alert WHERE domain = 'loans'",
}


def rows(settings: Settings, what: str) -> list[tuple[object, ...]]:
    try:
        engine = open_database(settings.database, read_only=True)
    except DatabaseError:
        return []
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(QUERIES[what]))]
    engine.dispose()
    return found


def test_rows_come_out_scored_as_in_a_batch_once_each_and_a_malformed_one_as_a_dead_letter(
    clean_topics: Settings, loans: Path, tmp_path: Path
) -> None:
    home = Path(shutil.copytree(loans, tmp_path / "home"))
    settings = clean_topics.model_copy(update={"home": home, "database_url": f"sqlite:///{home / 'polyscore.db'}"})
    own.adopt(settings, pytest.fail)
    assert GroupLag(settings, consumer_group(DOMAINS["loans"]), "loans.rows").events() == 0, "where its topics are not made yet"
    ensure(settings, "loans", console=QUIET)  # makes the topics, which came after all others
    running = [start("stream", "loans", "--format", "pmml", settings=settings), start("sink", settings=settings)]
    (bad := tmp_path / "bad.csv").write_text("id,amount,purpose\nbroken,much,car\n")
    for path in (home / "loans.csv", bad, home / "loans.csv"):
        rows_in.command(settings, "loans", [path], separator=",", pace=at_rate(1e4), rate=None, limit=None, console=QUIET)
    until(lambda: len(rows(settings, "decisions")) >= ROWS and rows(settings, "letters"), running[0], running=True)
    until(lambda: len(rows(settings, "alerts")) == sum(bool(alert) for *_, alert in rows(settings, "decisions")), running[1], running=True)
    assert [process.stop() for process in running] == [0, 0]

    found = {str(ident): (raw, alert) for ident, raw, alert in rows(settings, "decisions")}
    assert set(found) == {f"loans-{n}" for n in range(1, ROWS + 1)}, "a row that comes again is the same row"
    matrix = np.concatenate(list(read_rows(str(home / "loans.csv"), DOMAINS["loans"].schema, ["repaid"])))
    scores = load_bundle(latest(home / "bundles" / "loans")).scorer("pmml").raw_batch(matrix)
    assert {f"loans-{n}": repr(float(score)) for n, (score,) in enumerate(scores, 1)} == {
        ident: str(raw).strip("[]") for ident, (raw, _) in found.items()
    }
    assert {ident for ident, (_, alert) in found.items() if alert} == {ident for (ident,) in rows(settings, "alerts")}
    ((code, reason),) = rows(settings, "letters")
    assert code == "wrong-type"
    assert "column 'amount' takes a number" in str(reason)
