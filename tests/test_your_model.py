"""Every command of the tutorial is run as a newcomer types it: from a CSV, and from a LightGBM file, to scored topics and a dashboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from apps.database import open_database
from apps.errors import DatabaseError
from apps.table import read_rows
from exports import pfa
from tests.reader import HEALTH, ROOT, RUNS_ON, Reader, answers, commands

PARTS = (ROOT / "docs" / "your-model-your-stream.md").read_text().partition("## From a LightGBM file")
ROWS = 400


def decided(folder: Path, name: str) -> dict[str, Any]:
    """The raw scores by id, as the database has them, and the number of dead letters."""
    try:
        engine = open_database(f"sqlite:///{folder / 'home' / 'polyscore.db'}", read_only=True)
    except DatabaseError:
        return {"scores": {}, "letters": 0}
    with engine.connect() as connection:
        scores = connection.execute(text("SELECT decision_id, raw FROM decision WHERE domain = :name"), {"name": name})
        letters = connection.execute(text("SELECT count(*) FROM dead_letter WHERE domain = :name"), {"name": name})
        found = {"scores": {ident: json.loads(raw)[0] for ident, raw in scores}, "letters": letters.scalar_one()}
    engine.dispose()
    return found


def typed(reader: Reader, part: str, name: str) -> None:
    """Type a part's commands; before the topic of decisions is looked at, all rows must have been decided."""
    for command in commands(part):
        if command.startswith(f"polyscore tail {name}.decisions"):
            reader.until(lambda: len(decided(reader.folder, name)["scores"]) == ROWS, "rows decided")
        elif command == "polyscore broker stop":
            reader.stop_all()
        reader.type(command)


def scored(folder: Path, name: str) -> dict[str, float]:
    """The raw scores of the rows as a batch has them, by id, from an artifact that the streams did not use."""
    (bundle,) = (folder / "home" / "bundles" / name).iterdir()
    scorer = pfa.load(bundle / "model.pfa")
    rows = np.concatenate(list(read_rows(str(folder / "loans.csv"), scorer.schema, ["repaid"])))
    return {f"loans-{n}": float(score) for n, (score,) in enumerate(scorer.raw_batch(rows), 1)}


@pytest.mark.system
@pytest.mark.timeout(900)
def test_every_command_of_the_tutorial_does_what_the_page_says(tmp_path: Path) -> None:
    assert len(commands("".join(PARTS))) > 15
    assert {command for command in commands("".join(PARTS)) if command.startswith(RUNS_ON)} >= {"polyscore ui", "polyscore sink"}
    with Reader(tmp_path) as reader:
        typed(reader, PARTS[0], "loans")
        reader.until(lambda: decided(tmp_path, "loans")["letters"] == 1, "the malformed row among the dead letters")
        reader.until(lambda: answers(reader.log("polyscore ui"), HEALTH["ui"]), "the dashboard")
        reader.stop_all()
        typed(reader, PARTS[2], "mine")
    for name in ("loans", "mine"):
        assert decided(tmp_path, name)["scores"] == scored(tmp_path, name), "bit for bit what a batch says"
