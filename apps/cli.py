"""The command line. Each command imports what it runs when it is called, so that help and completion are instant."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from apps.errors import AppError
from apps.settings import Guarantee, Settings

app = typer.Typer(
    name="polyscore",
    help="One LightGBM model, every export format, one live Kafka stream: what each format costs, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
broker_app = typer.Typer(help="The Kafka broker of this machine, used when KAFKA_BOOTSTRAP_SERVERS names no other.", no_args_is_help=True)
app.add_typer(broker_app, name="broker")
console = Console(stderr=True, highlight=False)


class DomainName(StrEnum):
    """The domains that commands take."""

    fraud = "fraud"


class FormatName(StrEnum):
    """The formats that a stream can score with."""

    native = "native"
    pmml = "pmml"
    pfa = "pfa"


class GuaranteeName(StrEnum):
    """What holds when a process dies."""

    exactly_once = "exactly-once"
    at_least_once = "at-least-once"


DomainArgument = Annotated[DomainName, typer.Argument(help="Which domain.")]
ModelOption = Annotated[Path | None, typer.Option("--model", help="A bundle's folder. Default: the newest one trained here.")]
FormatOption = Annotated[FormatName, typer.Option("--format", help="Which of the bundle's artifacts does the scoring.")]
GuaranteeOption = Annotated[
    GuaranteeName | None, typer.Option(help="What holds when a process dies. Default: POLYSCORE_GUARANTEE, else at-least-once.")
]


def say(text: str) -> None:
    """Tell the person at the terminal what is happening."""
    console.print(text)


def _guarantee(chosen: GuaranteeName | None, settings: Settings) -> Guarantee:
    if chosen is None:
        return settings.guarantee
    return "exactly-once" if chosen is GuaranteeName.exactly_once else "at-least-once"


@app.command()
def demo(
    duration: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, such as 60s, 5m or 1h.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print plain lines instead of the live screen.")] = False,
    rate: Annotated[float, typer.Option(help="Payments per second.", min=0.1)] = 200.0,
    model_format: FormatOption = FormatName.pmml,
    guarantee: GuaranteeOption = None,
    port: Annotated[int, typer.Option(help="The dashboard's port; a free one is taken if it is busy.")] = 8501,
) -> None:
    """Run everything: broker, model, scorer, sink, monitor, payments and dashboard. Ctrl-C stops it all."""
    from apps import demo as process

    settings = Settings()
    options = process.Options(seconds(duration), headless, rate, model_format.value, _guarantee(guarantee, settings), port)
    raise typer.Exit(process.run(settings, options, console))


@broker_app.command("start")
def broker_start(port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.")] = 9092) -> None:
    """Start Kafka on this machine and create the topics. Its data is kept in .polyscore/broker."""
    from apps import broker, topics

    settings = Settings()
    address = broker.start(settings, port=port, say=say)
    created = topics.create_topics(settings)
    say(f"Kafka answers at {address.bootstrap}" + (f"; created {len(created)} topics" if created else ""))


@broker_app.command("stop")
def broker_stop() -> None:
    """Stop the broker that `broker start` or `demo` started here."""
    from apps import broker

    broker.stop(Settings(), say=say)


@broker_app.command("status")
def broker_status() -> None:
    """Say whether Kafka runs, where, and how much memory and disk it takes. Exits with 1 if it does not."""
    from apps import broker

    status = broker.status(Settings())
    say(str(status))
    raise typer.Exit(0 if status.running else 1)


@app.command()
def simulate(
    domain: DomainArgument,
    rate: Annotated[float | None, typer.Option(help="Events per second; simulated time passes as fast as that needs.")] = None,
    speed: Annotated[float | None, typer.Option(help="Simulated seconds per second; 1 is real time.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world and the same events.")] = 7,
    customers: Annotated[int, typer.Option(help="How many customers the world has.", min=1)] = 2000,
    terminals: Annotated[int, typer.Option(help="How many terminals.", min=1)] = 4000,
    warmup_days: Annotated[int, typer.Option(help="Days of history sent first, as fast as possible, outside the SLA.", min=0)] = 0,
    duration: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, such as 60s.")] = None,
) -> None:
    """Send a simulated stream of events and late labels to Kafka."""
    from apps import simulate as process

    size = process.Size(seed, customers, terminals)
    pace = process.pace_of(rate, speed)
    process.command(Settings(), domain.value, size, pace, warmup_days=warmup_days, duration_s=seconds(duration), say=say)


@app.command()
def replay(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="A file of the Fraud Detection Handbook (parquet); may be given twice.")],
    speed: Annotated[float | None, typer.Option(help="Recorded seconds per second. Default: as fast as Kafka takes it.", min=0.001)] = None,
    limit: Annotated[int | None, typer.Option(help="Send only this many events.", min=1)] = None,
) -> None:
    """Send recorded history through the same topics as live events, labels seven days late."""
    from apps import recorded

    recorded.command(Settings(), domain.value, data, speed=speed, limit=limit, console=console)


@app.command()
def train(
    domain: DomainArgument,
    data: Annotated[list[Path] | None, typer.Option("--data", help="Recorded history to train on. Default: simulated history.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated history and of the training.")] = 7,
    days: Annotated[int, typer.Option(help="Days of simulated history.", min=30)] = 60,
) -> None:
    """Train a model by replaying history through the domain's features; writes a bundle with every format and a report."""
    from apps import train as process

    process.command(Settings(), domain.value, data or [], seed=seed, days=days, console=console)


@app.command()
def evaluate(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="Recorded history (parquet); may be given several times.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here as well.")] = None,
) -> None:
    """Judge the training recipe on recorded history: train 7 days, wait 7, test 7, rolled forward."""
    from apps import train as process

    process.evaluate(domain.value, data, json_file, console=console)


@app.command()
def export(
    model: Annotated[
        Path | None, typer.Option("--model", help="A bundle's folder, or a LightGBM text model. Default: the newest bundle.")
    ] = None,
    to: Annotated[str, typer.Option(help="Formats, separated by commas.")] = "native,pmml,pfa",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("out"),
) -> None:
    """Write a model as files that stand alone: LightGBM text, PMML, PFA. Takes a bundle, or your own LightGBM text file."""
    from apps import export as process

    process.command(Settings(), model, to.split(","), out, say=say)


@app.command()
def stream(
    domain: DomainArgument,
    model: ModelOption = None,
    model_format: FormatOption = FormatName.native,
    guarantee: GuaranteeOption = None,
    instance: Annotated[str, typer.Option(help="Name of this scorer; each process needs its own. Default: the machine's.")] = "",
) -> None:
    """Score a domain's events as they come: decisions, alerts and dead letters go out on Kafka."""
    from apps import scorer

    settings = Settings()
    options = scorer.Options(domain.value, model, model_format.value, _guarantee(guarantee, settings), instance)
    scorer.command(settings, options, say)


@app.command()
def sink(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Drop the tables first; they are filled again from the topics.")] = False,
) -> None:
    """Keep the database a view of the topics: decisions, alerts, SLA windows, models, dead letters."""
    from apps import process, sink

    settings = Settings()
    if rebuild:
        sink.rebuild(settings)
    with process.stoppable() as stop:
        sink.run(settings, stop=stop, say=say)


@app.command()
def monitor() -> None:
    """Measure what readers see: latency percentiles against the deadline, throughput, consumer lag; published on `metrics`."""
    from threading import Thread

    from apps import label_letters, monitor, process

    settings = Settings()
    with process.stoppable() as stop:
        letters = Thread(target=label_letters.run, args=(settings, stop))
        letters.start()
        monitor.run(settings, stop=stop)
        stop.set()
        letters.join()


@app.command()
def setup(domain: DomainArgument) -> None:
    """Create the topics and, where there is no model yet, train one: what a deployment does once."""
    from apps import topics
    from apps import train as process

    settings = Settings()
    created = topics.create_topics(settings)
    say(f"created {len(created)} topics" if created else "the topics are there")
    process.ensure(settings, domain.value, console=console)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on; leave it unless something in front checks who comes.")] = "127.0.0.1",
) -> None:
    """Open the dashboard's server on this machine."""
    from apps import dashboard

    raise typer.Exit(dashboard.run(port=port, host=host))


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the broker and delete what polyscore keeps in .polyscore: topics, database, state and models."""
    from apps import reset as process

    settings = Settings()
    if not yes:
        typer.confirm(f"Delete everything in {settings.home}?", abort=True)
    process.run(settings, say=say)


def seconds(text: str | None) -> float | None:
    """``90``, ``60s``, ``5m`` or ``1h`` as seconds."""
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise typer.BadParameter(f"{text!r} is not a time; write 60s, 5m or 1h", param_hint="--for")
    return value


def main() -> None:
    """Run a command; what a person can mend is one line, not a trace."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        app()
    except _errors() as error:
        console.print(f"[bold red]error[/] {error}", soft_wrap=True)
        sys.exit(1)


def _errors() -> tuple[type[Exception], ...]:
    from exports.errors import ExportError
    from models.errors import ModelError

    return (AppError, ExportError, ModelError)


if __name__ == "__main__":
    main()
