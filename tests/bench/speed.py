"""`python -m tests.bench.speed`: the stream's speed as ratios in one run, written to `bench/stream.json` and `bench/stream.md`.

Every figure is taken beside its yardstick in the same run: the whole stream against the same application with the
features and the model taken out, end-to-end latency against a bare consume-produce echo. Takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from apps import announce, broker, replay, topics
from apps.settings import Settings
from domain.contract import Emission
from domain.registry import DOMAINS
from exports.formats import FORMATS
from tests.bench import machine
from tests.bench.latency import measure, needed
from tests.bench.parts import parts
from tests.bench.report import write
from tests.bench.rounds import Counted, Kind, check_work, latencies, speeds
from tests.bench.serving import model_server
from tests.environment import forget_the_callers

FRAUD = DOMAINS["fraud"]
GUARANTEES = ("at-least-once", "exactly-once")
NO_COMMITS = "at-least-once, no commits"
FORMAT = "pmml"  # what the demo scores with
START = datetime(2025, 11, 1, tzinfo=UTC)
console = Console(stderr=True)


@dataclass(frozen=True)
class Size:
    """How much is measured. ``rates`` are payments per second."""

    payments: int
    rounds: int
    seconds: float
    rates: list[int]
    formats: list[str]


def main() -> None:
    """Measure all, on a broker of its own that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=60_000, help="how many payments each throughput is measured with")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured; the median counts")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each latency is measured in each round")
    parser.add_argument("--rates", type=int, nargs="+", default=[500, 1000], help="payments per second while it is")
    parser.add_argument("--formats", choices=tuple(FORMATS), nargs="+", default=[*FORMATS], help=f"what is streamed with; {FORMAT} always")
    parser.add_argument("--model", type=Path, help="a bundle's folder; default: one is trained")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="the folder to write to")
    chosen = parser.parse_args()
    forget_the_callers()
    formats = [name for name in FORMATS if name in (FORMAT, *chosen.formats)]
    write(measured(Size(chosen.payments, chosen.rounds, chosen.seconds, chosen.rates, formats), chosen.model), chosen.out)


def measured(size: Size, model: Path | None) -> dict[str, Any]:
    """Everything that the report is made of."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="polyscore-bench-"))
        settings = stack.enter_context(_kafka(Path(folder)))
        bundle = model.absolute() if model else announce.ensure(settings, "fraud", console=console)
        server = stack.enter_context(model_server([bundle / FORMATS[FORMAT].file_name]))
        history = list(simulated(size.payments, seed=11, start=START))
        console.print(f"sending {size.payments:,} payments")
        replay.Replay(settings, FRAUD).send(history, pace=None, stop=threading.Event(), progress=lambda *_: None)
        return {
            "measured": machine.now(),
            "machine": machine.here(),
            "rounds": size.rounds,
            "format": FORMAT,
            "throughput": throughput(settings, bundle, size, server),
            "parts_us": parts(settings, bundle, history[:40_000], FORMAT),
            "latency": latency(settings, bundle, size),
        }


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


def throughput(settings: Settings, bundle: Path, size: Size, server: int) -> list[dict[str, Any]]:
    """Payments per second of CPU and of wall-clock time, median of the rounds, kinds taken in turn.

    ``server``: the process whose CPU counts for the formats that are scored there. Raises ``RuntimeError`` as ``check_work``.
    """
    kinds: list[Kind] = [("consume", "-", "-")]
    kinds += [(kind, g, f) for g in GUARANTEES for kind, f in (("frame", "-"), *(("full", f) for f in size.formats))]
    found: dict[Kind, list[Counted]] = {k: [] for k in kinds}
    for _ in range(size.rounds):
        for kind, guarantee, model_format in kinds:
            helping = server if kind == "full" and FORMATS[model_format].served else 0
            about = [kind, guarantee, str(size.payments), str(bundle), model_format, str(helping)]
            command = [sys.executable, "-m", "tests.bench.counting", *about]
            found[kind, guarantee, model_format].append(_counted(command, _environment(settings)))
            console.print(f"{kind} {guarantee} {model_format}: {found[kind, guarantee, model_format][-1]}")
    check_work(found)
    return [speeds(kind, rounds) for kind, rounds in found.items()]


def _counted(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def latency(settings: Settings, bundle: Path, size: Size) -> list[dict[str, Any]]:
    """End-to-end latency of the stream under either guarantee and of the echo, at each rate.

    At the first rate also of a stream that never commits: what is missing there of the tail is the commits' share. All are taken in
    turn, round by round: one window's tail may be the machine's.
    """
    rates = dict.fromkeys(("echo", *GUARANTEES), size.rates) | {NO_COMMITS: size.rates[:1]}
    found: dict[tuple[str, int], list[dict[str, Any]]] = {(what, rate): [] for what in rates for rate in rates[what]}
    for number in range(size.rounds):
        for what in rates:
            with _answering(settings, bundle, what):
                for rate in rates[what]:
                    source = _payments(f"{what}-{rate}-{number}-", needed(rate, size.seconds))
                    found[what, rate].append(measure(settings, source, rate=rate, answers=FRAUD.decisions_topic))
                    console.print(f"{what}, {rate} a second: {found[what, rate][-1]}")
    return [{"what": what, "rate": rate, **latencies(rounds)} for (what, rate), rounds in found.items()]


@contextmanager
def _answering(settings: Settings, bundle: Path, what: str) -> Iterator[None]:
    command, environment = [sys.executable, "-m", "tests.bench.latency", FRAUD.decisions_topic], _environment(settings)
    if what != "echo":
        guarantee = what.partition(",")[0]
        options = ["--model", str(bundle), "--format", FORMAT, "--guarantee", guarantee]
        command = [sys.executable, "-m", "apps.cli", "stream", "fraud", *options]
    if what == NO_COMMITS:
        environment |= {"POLYSCORE_COMMIT_INTERVAL": "3600"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
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
