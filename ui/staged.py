"""`python -m ui.staged FOLDER`: runs a demo of its own until its charts are full, takes its pictures, and leaves nothing else."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import environ
from pathlib import Path

import psutil

from apps.children import launch
from apps.database import open_database
from apps.errors import DatabaseError
from domain.registry import DOMAINS
from ui import alert_queries, picture, queries

MINUTES = 5.0  # of live payments on the charts
_PATIENCE_S = 900.0  # beside these minutes: training a model, sending the history, a slow machine
_STOP_WITHIN_S = 30.0  # a demo that trains its model stops only after that; in a folder of its own nothing is lost by ending it
_TRIED = "what_if?fraud_analyst=12"  # terms beside those in force
_ADDRESS = re.compile(r"the dashboard is at (http://\S+)")


@contextmanager
def demo(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A headless demo that keeps everything in ``folder``, and its log. It is stopped at the end, however that comes."""
    own = {"POLYSCORE_HOME": str(folder / "home"), "POLYSCORE_DATABASE_URL": "", "KAFKA_BOOTSTRAP_SERVERS": ""}
    log = folder / "demo.log"
    process = launch([sys.executable, "-m", "apps.cli", "demo", "--headless", *words], log, tied=True, environment={**environ, **own})
    try:
        yield process, log
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    started = []
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()  # what it started is tied to it
        process.wait()
    psutil.wait_procs(started, timeout=_STOP_WITHIN_S)


def address(process: subprocess.Popen[bytes], log: Path, url: str, minutes: float) -> str:
    """The dashboard's address, once so many minutes of live payments are in the database. Raises ``RuntimeError``."""
    give_up = time.monotonic() + minutes * 60 + _PATIENCE_S
    while time.monotonic() < give_up and process.poll() is None:
        found = _ADDRESS.search(log.read_text())
        if found and _live_seconds(url) >= minutes * 60:
            return found[1]
        time.sleep(1.0)  # until other processes have got there
    raise RuntimeError(f"the demo came to nothing; its log ends with:\n{log.read_text()[-2000:]}")


def _live_seconds(url: str) -> float:
    """From the first window with live payments among the newest to the last."""
    try:
        engine = open_database(url, read_only=True)
    except DatabaseError:
        return 0.0
    name = next(iter(DOMAINS))
    live = [w.end_us for w in queries.windows(engine, name, queries.totals(engine, name).end_us - 3600 * 1_000_000) if w.measured]
    engine.dispose()
    return (live[-1] - live[0]) / 1e6 if live else 0.0


def _open(url: str) -> dict[str, str]:
    """The pages that show one thing, with the newest alert on them."""
    engine = open_database(url, read_only=True)
    name = next(iter(DOMAINS))
    found = alert_queries.newest(engine, name)
    engine.dispose()
    names = {"decision": "decision", "alerts": "alert", "formats": "decision"}
    return {page: f"{page}?{name}={found[0].decision_id}" for page, name in names.items()} if found else {}


def main() -> None:
    """Start, wait, take, stop. A SIGTERM unwinds it as Ctrl-C does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write live-light.png and the others")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of live payments to wait for")
    chosen = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="polyscore-picture-") as name:
        folder = Path(name)
        with demo(folder) as (process, log):
            print(f"a demo of its own runs in {folder}; the pictures come after {chosen.minutes:g} minutes of payments", flush=True)
            database = f"sqlite:///{folder / 'home' / 'polyscore.db'}"
            url = address(process, log, database, chosen.minutes)
            picture.take(url, chosen.folder, {**_open(database), "what_if": _TRIED})


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except RuntimeError as error:
        sys.exit(str(error))
