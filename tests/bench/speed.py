"""`python -m tests.bench.speed`: the stream's speed as ratios in one run, written to `bench/stream.json` and `bench/stream.md`.

Every figure is taken beside its yardstick in the same run: the whole stream against the same application with the
features and the model taken out, end-to-end latency against a bare consume-produce echo. Takes about six minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from apps import broker, replay, topics
from apps import train as training
from apps.settings import Settings
from domain.contract import Emission
from domain.registry import DOMAINS
from tests.bench.latency import measure
from tests.bench.parts import parts
from tests.bench.report import write

FRAUD = DOMAINS["fraud"]
PAYMENTS = 60_000
ROUNDS = 3
RATES = (500, 1000)
GUARANTEES = ("at-least-once", "exactly-once")
FORMATS = ("native", "pmml", "pfa")
START = datetime(2025, 11, 1, tzinfo=UTC)
console = Console(stderr=True)


def main() -> None:
    """Measure all, on a broker of its own that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="polyscore-bench-") as folder, _kafka(Path(folder)) as settings:
        bundle = training.ensure(settings, "fraud", console=console)
        history = list(simulated(PAYMENTS, seed=11, start=START))
        console.print(f"sending {PAYMENTS:,} payments")
        replay.Replay(settings, FRAUD).send(history, pace=None, stop=threading.Event(), progress=lambda *_: None)
        results = {
            "machine": {"cores": os.cpu_count(), "python": sys.version.split()[0]},
            "throughput": throughput(settings, bundle),
            "parts_us": parts(settings, bundle, history[:40_000]),
            "latency": latency(settings, bundle),
        }
    write(results, Path("bench"))


def simulated(payments: int, *, seed: int, start: datetime) -> Iterator[Emission]:
    """The demo's world up to its ``payments``-th payment, labels included: frauds, and so alerts, as rare as there."""
    for emission in FRAUD.simulate(seed, start):
        yield emission
        payments -= emission.stream == "events"
        if payments == 0:
            return


@contextmanager
def _kafka(folder: Path) -> Iterator[Settings]:
    own = Settings(home=folder)
    address = broker.start(own, port=9092, say=console.print)
    settings = own.model_copy(update={"kafka_bootstrap_servers": address.bootstrap})
    try:
        topics.create_topics(settings)
        yield settings
    finally:
        broker.stop(own, say=console.print)


def _environment(settings: Settings) -> dict[str, str]:
    return {**os.environ, "POLYSCORE_HOME": str(settings.home), "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers}


def throughput(settings: Settings, bundle: Path) -> list[dict[str, Any]]:
    """Payments per second of CPU and of wall-clock time, median of the rounds, kinds taken in turn."""
    kinds = [("consume", "-", "-")]
    kinds += [(kind, g, f) for g in GUARANTEES for kind, f in (("frame", "-"), *(("full", f) for f in FORMATS))]
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {k: [] for k in kinds}
    for _ in range(ROUNDS):
        for kind, guarantee, model_format in kinds:
            command = [sys.executable, "-m", "tests.bench.counting", kind, guarantee, str(PAYMENTS), str(bundle), model_format]
            output = subprocess.run(command, env=_environment(settings), capture_output=True, text=True, check=True, timeout=300).stdout
            found[kind, guarantee, model_format].append(json.loads(output.splitlines()[-1]))
            console.print(f"{kind} {guarantee} {model_format}: {found[kind, guarantee, model_format][-1]}")
    return [_row(*kind, rounds=rounds) for kind, rounds in found.items()]


def _row(kind: str, guarantee: str, model_format: str, rounds: list[dict[str, float]]) -> dict[str, Any]:
    per_core = [r["payments"] / r["cpu_s"] for r in rounds]
    row = {"kind": kind, "guarantee": guarantee, "format": model_format, "per_core": median(per_core)}
    return {**row, "per_second": median(r["payments"] / r["wall_s"] for r in rounds), "spread": [min(per_core), max(per_core)]}


def latency(settings: Settings, bundle: Path) -> list[dict[str, Any]]:
    """End-to-end latency of the stream under either guarantee and of the echo, at each rate."""
    rows = []
    for what in ("echo", *GUARANTEES):
        with _answering(settings, bundle, what):
            for rate in RATES:
                source = _payments(f"{what}-{rate}-", rate * 25)
                figures = measure(settings, source, rate=rate, seconds=20, answers=FRAUD.decisions_topic)
                rows.append({"what": what, "rate": rate, **figures})
                console.print(rows[-1])
    return rows


@contextmanager
def _answering(settings: Settings, bundle: Path, what: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.latency", FRAUD.decisions_topic]
    if what != "echo":
        command = [sys.executable, "-m", "apps.cli", "stream", "fraud", "--model", str(bundle), "--format", "pmml", "--guarantee", what]
    process = subprocess.Popen(command, env=_environment(settings), stderr=subprocess.DEVNULL)
    try:
        time.sleep(5 if what == "echo" else 30)  # the scorer first works off what is in the topic
        yield
    finally:
        process.terminate()
        process.wait(60)


def _payments(prefix: str, count: int) -> list[tuple[bytes, bytes]]:
    found = (e for e in simulated(count, seed=5, start=START + timedelta(days=30)) if e.stream == "events")
    return [(e.key.encode(), _renamed(e, prefix)) for e in found]


def _renamed(emission: Emission, prefix: str) -> bytes:
    payment = emission.value.model_copy(update={"transaction_id": prefix + emission.value.transaction_id})
    return bytes(payment.model_dump_json(), "utf-8")


if __name__ == "__main__":
    main()
