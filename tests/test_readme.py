"""Every command in README.md is run, in its order, as a reader would: what ends is waited for, what runs on is stopped with Ctrl-C.

Those that run on must have done their work by then: payments decided, their latency measured, the dashboard answering.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from apps.database import open_database
from apps.errors import DatabaseError
from domain.fraud.events import Label, Payment
from domain.fraud.simulator import PERFECT, simulate
from domain.registry import DOMAINS
from exports.formats import FORMATS
from tests.bench.readme import BEGIN, END
from tests.models.test_cmapss_evaluation import made_up as made_up_engines
from tests.models.test_cmapss_evaluation import split
from tests.models.test_complete_journey_evaluation import made_up as made_up_households
from tests.reader import HEALTH, ROOT, RUNS_ON, Reader, answers, commands

README = (ROOT / "README.md").read_text()
COMMANDS = commands(README)
# Run by hand only: `make demo` without an end, and what runs this very test.
BY_HAND = ("make demo", "make test")
BENCH = "make bench"  # has a test of its own
STREAMED = ("native", "pmml")  # there: each other format is scored on a stream by tests of its own
SMALL = f"--cases smoke --payments 1000 --rounds 1 --seconds 1 --rates 50 --formats {' '.join(STREAMED)}"


def test_the_two_commands_come_first() -> None:
    assert tuple(COMMANDS[:2]) == BY_HAND


def test_the_table_of_formats_has_figures_for_each() -> None:
    table = README.partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows[2:]] == list(FORMATS), "one row a format; `make bench` measures them, `make readme` writes them"
    for row in rows[2:]:
        assert row[1:3] == [FORMATS[row[0]].description, "every bit"]
        assert re.fullmatch(r"[\d,]+ kB", row[6])
        assert re.fullmatch(r"\d+\.\d\d s", row[5])
        assert all(re.fullmatch(r"\d+\.\d\d", cell) for cell in (row[3], row[4], row[7])), row
        assert len(row) == len(rows[0])
    assert re.search(r"on \d+ cores", table)


def handbook_files(folder: Path) -> None:
    """Two months of payments as the handbook's files hold them."""
    found = list(simulate(3, datetime(2018, 4, 1, tzinfo=UTC), customers=900, terminals=1800, days=68, imperfections=PERFECT))
    fraud = {e.value.transaction_id: e.value.fraud for e in found if isinstance(e.value, Label)}
    payments = [e.value for e in found if isinstance(e.value, Payment) and e.value.id in fraud]
    for month in (4, 5):
        of_month = [(i, p) for i, p in enumerate(payments) if (p.event_time.month == 4) == (month == 4)]
        columns = {
            "TRANSACTION_ID": pa.array([i for i, _ in of_month], pa.int64()),
            "TX_DATETIME": pa.array([p.event_time.replace(tzinfo=None) for _, p in of_month], pa.timestamp("us")),
            "CUSTOMER_ID": pa.array([int(p.customer_id[1:]) for _, p in of_month], pa.int64()),
            "TERMINAL_ID": pa.array([int(p.terminal_id[1:]) for _, p in of_month], pa.int64()),
            "TX_AMOUNT": pa.array([p.amount for _, p in of_month], pa.float64()),
            "TX_FRAUD": pa.array([int(fraud[p.id]) for _, p in of_month], pa.int64()),
        }
        pq.write_table(pa.table(columns), folder / f"2018-{month:02}.parquet")


def rows_file(path: Path) -> None:
    """A table with the features of a payment, some of them missing."""
    names = DOMAINS["fraud"].schema.names

    def cell(row: int, column: int) -> str:
        number = "" if (row + column) % 7 == 0 else f"{row + column}.5"
        return "online" if names[column] == "merchant_category" else number

    lines = [",".join(cell(row, column) for column in range(len(names))) for row in range(20)]
    path.write_text("\n".join([",".join(names), *lines, ""]))


def loans_file(path: Path) -> None:
    """A small table to learn from: numbers, labels, and a label to predict."""
    lines = [f"{(i * 37) % 101},{('car', 'flat')[i % 2]},{('no', 'yes')[(i * 37) % 101 > 50 + 20 * (i % 2)]}" for i in range(200)]
    path.write_text("\n".join(["amount,purpose,repaid", *lines, ""]))


def rows_since(url: str, began_us: int) -> dict[str, int]:
    """How many payments were decided, and how many windows measured a latency, since then."""
    queries = {
        "decisions": "SELECT count(*) FROM decision WHERE decided_us > :began",
        "windows": "SELECT count(*) FROM sla_window WHERE start_us > :began AND measured > 0",
    }
    try:
        engine = open_database(url, read_only=True)
    except DatabaseError:
        return dict.fromkeys(queries, 0)
    with engine.connect() as connection:
        found = {name: int(connection.execute(text(query), {"began": began_us}).scalar_one()) for name, query in queries.items()}
    engine.dispose()
    return found


def typed(reader: Reader, url: str) -> int:
    """Type the README's commands; returns when those of the last part that run on were begun, in microseconds."""
    began_us = 0
    for command in COMMANDS:
        if command in (*BY_HAND, BENCH):
            continue
        if reader.beside and not command.startswith(RUNS_ON):
            beside = {name.split()[1] for name in reader.beside}
            if "stream" in beside:
                reader.until(lambda since=began_us: all(rows_since(url, since).values()), "payments decided and measured")
            for name, health in HEALTH.items():
                if name in beside:
                    reader.until(lambda name=name, health=health: answers(reader.log(f"polyscore {name}"), health), name)
            reader.stop_all()
        if not reader.beside:
            began_us = time.time_ns() // 1000  # the demo before has left rows of its own
        reader.type(command)
    return began_us


@pytest.mark.system
@pytest.mark.timeout(1800)
def test_every_command_runs_and_those_that_run_on_do_their_work(tmp_path: Path) -> None:
    handbook_files(tmp_path)
    rows_file(tmp_path / "rows.csv")
    loans_file(tmp_path / "loans.csv")
    (tmp_path / "complete_journey").mkdir()
    made_up_households(tmp_path / "complete_journey", weeks=48, households=30)
    split(tmp_path, made_up_engines(24), 6)
    with Reader(tmp_path) as reader:
        began_us = typed(reader, f"sqlite:///{tmp_path / 'home' / 'polyscore.db'}")
    assert began_us
    assert (tmp_path / "out" / "model.pmml").stat().st_size > 1000
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 21
    assert json.loads((tmp_path / "out" / "parity.json").read_text())["passed"]
    assert set(json.loads((tmp_path / "rul.json").read_text())) >= {"rmse", "nasa_score", "engines"}
    assert json.loads((tmp_path / "journey.json").read_text())["hit@1"] > 0
    assert (tmp_path / "out" / "model.pfa").stat().st_size > 1000
    assert (tmp_path / "loans-pmml" / "model.pmml").stat().st_size > 1000
    assert not (tmp_path / "home").exists(), "reset leaves something behind"


@pytest.mark.system
@pytest.mark.timeout(1800)
def test_the_bench_runs_and_writes_what_the_readme_says(tmp_path: Path, bundle: Path) -> None:
    assert BENCH in COMMANDS
    Reader(tmp_path).type(f'{BENCH} BENCH={tmp_path} ARGS="{SMALL} --model {bundle}"')
    named = {Path(name).name for name in re.findall(r"`bench/([\w.]+)`", README)}
    assert {file.name for file in tmp_path.iterdir()} == named
    compared = json.loads((tmp_path / "comparison.json").read_text())
    assert {row["outcome"] for row in compared["rows"] if row["kind"] != "engine"} == {"passed"}
    assert {row["format"] for row in compared["stream"]} == set(STREAMED), "the stream's figures are told with the formats'"
    page = (tmp_path / "stream.md").read_text()
    assert len(re.findall(r"\| not measured \|$", page, re.MULTILINE)) == 4, "two formats of all, and no rate of 500"
    assert all(f"| full | exactly-once | {name} |" in page for name in STREAMED)
    assert re.search(r"\| echo \| 50 \|.*\| 0 \|$", page, re.MULTILINE), "every payment came back"
