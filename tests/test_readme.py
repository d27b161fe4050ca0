"""Every command in README.md is run, in its order, as a reader would: what ends is waited for, what runs on is stopped with Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.fraud.events import Label, Payment
from domain.fraud.simulator import PERFECT, simulate

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
RUNS_ON = ("polyscore stream", "polyscore sink", "polyscore monitor", "polyscore ui", "polyscore simulate")
# Run by hand only: `make demo` without an end, and what runs this very test.
NOT_HERE = ("make demo", "make test")


def test_the_two_commands_come_first() -> None:
    assert tuple(COMMANDS[:2]) == NOT_HERE


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


class Reader:
    """Types the README's commands: those that end one after the other, the others beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beside: dict[str, subprocess.Popen[str]] = {}
        own = Path(sys.executable).parent
        cleared = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "POLYSCORE_"))}
        self.environment = {**cleared, "PATH": f"{own}{os.pathsep}{os.environ['PATH']}", "POLYSCORE_HOME": str(folder / "home")}

    def type(self, command: str) -> None:
        if command.startswith(RUNS_ON):
            self.beside[command] = self._start(command)
            return
        place = ROOT if command.startswith(("make", ".")) else self.folder
        command = command.replace("--for 60s", "--for 20s")
        result = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=place, env=self.environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["/bin/sh", "-ec", f"exec {command}"],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def stop_all(self) -> None:
        """Ctrl-C in each terminal."""
        for command, process in self.beside.items():
            assert process.poll() is None, f"{command} ended by itself:\n{process.communicate()[0][-3000:]}"
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, f"{command}\n{output[-3000:]}"
            assert "Traceback" not in output, f"{command}\n{output[-3000:]}"
        self.beside.clear()


@pytest.mark.system
@pytest.mark.timeout(900)
def test_every_command_runs(tmp_path: Path) -> None:
    handbook_files(tmp_path)
    reader = Reader(tmp_path)
    for command in COMMANDS:
        if command in NOT_HERE:
            continue
        if reader.beside and not command.startswith(RUNS_ON):
            time.sleep(10)  # real processes get the time to start and to do something
            reader.stop_all()
        reader.type(command)
    assert (tmp_path / "out" / "model.pmml").stat().st_size > 1000
    assert (tmp_path / "out" / "model.pfa").stat().st_size > 1000
    assert not (tmp_path / "home").exists(), "reset leaves something behind"
