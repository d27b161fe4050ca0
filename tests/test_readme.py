"""Every command in README.md is run, in its order, as a reader would: what ends is waited for, what runs on is stopped with Ctrl-C.

Those that run on must have done their work by then: payments decided, their latency measured, the dashboard answering.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

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

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
RUNS_ON = (
    "polyscore stream",
    "polyscore sink",
    "polyscore monitor",
    "polyscore outcomes",
    "polyscore shadow",
    "polyscore online",
    "polyscore loop",
    "polyscore quality",
    "polyscore ui",
    "polyscore simulate",
    "polyscore serve",
)
# Run by hand only: `make demo` without an end, and what runs this very test.
BY_HAND = ("make demo", "make test")
HEALTH = {"ui": "/_stcore/health", "serve": "/v2/health/ready"}  # where a server says that it is well
BENCH = "make bench"  # has a test of its own
SMALL = "--cases smoke --payments 1000 --rounds 1 --seconds 1 --rates 50"


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


class Reader:
    """Types the README's commands: those that end one after the other, the others beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside: dict[str, subprocess.Popen[str]] = {}
        own = Path(sys.executable).parent
        cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "POLYSCORE_", "PYTEST_"))}
        self.environment = {**cleared, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "POLYSCORE_HOME": str(folder / "home")}

    def type(self, command: str) -> None:
        if command.startswith(RUNS_ON):
            self.beside[command] = self._start(command)
            return
        place = ROOT if command.startswith(("make", ".")) else self.folder
        result = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=place, env=self.environment, capture_output=True, text=True, timeout=1200, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"

    def _start(self, command: str) -> subprocess.Popen[str]:
        with self.log(command).open("w") as log:
            return subprocess.Popen(
                ["/bin/sh", "-ec", f"exec {command}"],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip

    def log(self, command: str) -> Path:
        return self.folder / f"{command.split()[1]}.log"

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait, with a bound, for what the commands that run on should bring about."""
        give_up = time.monotonic() + 180
        while not condition():
            for command, process in self.beside.items():
                assert process.poll() is None, f"{command} ended by itself:\n{self.log(command).read_text()[-3000:]}"
            assert time.monotonic() < give_up, f"{what}: not in time\n" + "\n".join(self.log(c).read_text()[-1000:] for c in self.beside)
            time.sleep(0.5)  # until other processes have got there

    def stop_all(self) -> None:
        """Ctrl-C in each terminal."""
        for command, process in self.beside.items():
            process.send_signal(signal.SIGINT)
            process.wait(60)
            output = self.log(command).read_text()
            assert process.returncode == 0, f"{command}\n{output[-3000:]}"
            assert "Traceback" not in output, f"{command}\n{output[-3000:]}"
        self.beside.clear()


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


def answers(log: Path, health: str) -> bool:
    address = re.search(r"http://[\w.:]+", log.read_text())
    if address is None:
        return False
    try:
        with urlopen(f"{address[0]}{health}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.system
@pytest.mark.timeout(1800)
def test_every_command_runs_and_those_that_run_on_do_their_work(tmp_path: Path) -> None:
    handbook_files(tmp_path)
    rows_file(tmp_path / "rows.csv")
    loans_file(tmp_path / "loans.csv")
    (tmp_path / "complete_journey").mkdir()
    made_up_households(tmp_path / "complete_journey", weeks=48, households=30)
    split(tmp_path, made_up_engines(24), 6)
    reader, url, began_us = Reader(tmp_path), f"sqlite:///{tmp_path / 'home' / 'polyscore.db'}", 0
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
    assert began_us
    assert (tmp_path / "out" / "model.pmml").stat().st_size > 1000
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 21
    assert json.loads((tmp_path / "out" / "parity.json").read_text())["passed"]
    assert set(json.loads((tmp_path / "rul.json").read_text())) >= {"rmse", "nasa_score", "engines"}
    assert json.loads((tmp_path / "journey.json").read_text())["hit@1"] > 0
    assert (tmp_path / "out" / "model.pfa").stat().st_size > 1000
    assert (tmp_path / "loans" / "model.pmml").stat().st_size > 1000
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
    assert {row["format"] for row in compared["stream"]} == set(FORMATS), "the stream's figures are told with the formats'"
    page = (tmp_path / "stream.md").read_text()
    assert "| met |" in page or "| not met |" in page
    assert all(f"| full | exactly-once | {name} |" in page for name in FORMATS)
    assert re.search(r"\| echo \| 50 \|.*\| 0 \|$", page, re.MULTILINE), "every payment came back"
