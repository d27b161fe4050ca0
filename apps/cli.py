"""The command line. Each command imports what it runs when it is called, so that help and completion are instant."""

from __future__ import annotations

import errno
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from apps import logs, own, terminal
from apps.__main__ import INTERRUPTED
from apps.cli_artifacts import artifacts_app
from apps.cli_loop import loop_app
from apps.cli_models import models_app
from apps.cli_options import (
    MODELS,
    STREAM,
    DomainArgument,
    DomainOrNone,
    FormatOption,
    GuaranteeOption,
    ModelOption,
    MoreFiles,
    PinnedOption,
    SeparatorOption,
    begin,
    console,
    finite,
    guarantee_of,
    say,
    seconds,
)
from apps.cli_own import own_app
from apps.cli_scenarios import scenario_app
from apps.cli_system import system_app
from apps.cli_training import training_app
from apps.errors import AppError
from apps.process import ending
from apps.settings import from_environment
from domain.registry import DOMAINS

if TYPE_CHECKING:
    from apps.replay import Pace

app = typer.Typer(
    name="polyscore",
    help="One LightGBM model, every export format, one live Kafka stream: what each format costs, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
broker_app = typer.Typer(help="The Kafka broker of this machine, used when KAFKA_BOOTSTRAP_SERVERS names no other.", no_args_is_help=True)
app.add_typer(broker_app, name="broker", rich_help_panel=STREAM)
app.add_typer(models_app, name="models", rich_help_panel=MODELS)
app.add_typer(training_app)
app.add_typer(artifacts_app)
app.add_typer(loop_app)
app.add_typer(own_app)
app.add_typer(system_app)
app.add_typer(scenario_app, name="scenario")
_MENDABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}  # disks and rights, not defects


_traced: list[bool] = []  # not empty: errors come with their trace


def _version(wanted: bool) -> None:
    if wanted:
        print(f"polyscore {version('polyscore')}")
        raise typer.Exit


@app.callback()
def _before(
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's whole trace, not the one line with the remedy.")] = False,
    _shown: Annotated[bool, typer.Option("--version", help="Say which version this is.", callback=_version, is_eager=True)] = False,
) -> None:
    if debug:
        _traced.append(True)
    own.adopt_from_environment(lambda text: say(f"warning: {text}"))


@app.command()
def demo(
    domain: DomainOrNone = None,
    duration: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, such as 60s, 5m or 1h.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print plain lines instead of the live screen.")] = False,
    rate: Annotated[
        float | None, typer.Option(help="Events per second, of each domain. Default: the domain's own.", min=0.1, callback=finite)
    ] = None,
    model_format: FormatOption = "pmml",
    guarantee: GuaranteeOption = None,
    port: Annotated[int, typer.Option(help="The dashboard's port; a free one is taken if it is busy.", min=0, max=65535)] = 8501,
) -> None:
    """Run everything, for all domains or one: broker, models, scorers, sources, database and dashboard. Ctrl-C stops it all."""
    from apps import demo as process

    settings, domains = from_environment(), (domain,) if domain else DOMAINS.built_in
    options = process.Options(seconds(duration), headless, rate, model_format, guarantee_of(guarantee, settings), port, domains)
    raise typer.Exit(process.run(settings, options, console))


@broker_app.command("start")
def broker_start(
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.", min=0, max=65535)] = 9092,
) -> None:
    """Start Kafka on this machine and create the topics. Its data is kept in .polyscore/broker."""
    from apps import broker, topics

    settings = from_environment()
    with terminal.progress(console) as progress:
        address = broker.start(settings, port=port, say=say, progress=progress)
    created = topics.create_topics(settings)
    say(f"Kafka answers at {address.bootstrap}" + (f"; created {len(created)} topics" if created else ""))


@broker_app.command("stop")
def broker_stop() -> None:
    """Stop the broker that `broker start` or `demo` started here."""
    from apps import broker

    broker.stop(from_environment(), say=say)


@broker_app.command("status")
def broker_status() -> None:
    """Say whether Kafka runs, where, and how much memory and disk it takes. Exits with 1 if it does not."""
    from apps import broker

    status = broker.status(from_environment())
    say(str(status))
    raise typer.Exit(0 if status.running else 1)


@app.command(rich_help_panel=STREAM)
def simulate(
    domain: DomainArgument,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Events per second; simulated time passes as fast as that needs. Default: as in a demo.",
            min=0.1,
            callback=finite,
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(help="Simulated seconds per second, instead of --rate; 1 is real time.", min=0.001, callback=finite),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same world and the same events.")] = 7,
    size: Annotated[
        list[str] | None, typer.Option("--size", help="How large the world is, such as customers=500; may be given several times.")
    ] = None,
    warmup_days: Annotated[int, typer.Option(help="Days of history sent first, as fast as possible, outside the SLA.", min=0)] = 0,
    drift_after: Annotated[
        int,
        typer.Option(help="Days, those of history included, after which the world changes, and a model must learn anew; 0: never.", min=0),
    ] = 0,
    duration: Annotated[str | None, typer.Option("--for", help="Stop by itself after this time, such as 60s.")] = None,
) -> None:
    """Send a simulated stream of events and late labels to Kafka."""
    from apps import simulate as process

    world = process.Size(seed, dict(_sized(part) for part in size or []), drift_after)
    pace = process.pace_of(rate, speed, DOMAINS[domain].demo_rate)
    process.command(from_environment(), domain, world, pace, warmup_days=warmup_days, duration_s=seconds(duration), console=console)


@app.command(rich_help_panel=STREAM)
def replay(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="A file of the domain's recorded data; may be given several times.")],
    more: MoreFiles = None,
    speed: Annotated[
        float | None, typer.Option(help="Recorded seconds per second. Default: as fast as Kafka takes it.", min=0.001, callback=finite)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Send only this many events.", min=1)] = None,
    rate: Annotated[float | None, typer.Option(help="Events per second, instead of --speed.", min=0.1, callback=finite)] = None,
    separator: SeparatorOption = ",",
) -> None:
    """Send recorded history through the topics of live events, labels as late as they come; or the rows of a CSV file to a table's."""
    settings, pace = from_environment(), _replayed_at(rate, speed)
    if domain in DOMAINS.own:
        from apps import rows_in

        rows_in.command(settings, domain, [*data, *(more or [])], separator=separator, pace=pace, rate=rate, limit=limit, console=console)
        return
    from apps import recorded

    recorded.command(settings, domain, [*data, *(more or [])], pace=pace, limit=limit, console=console)


def _replayed_at(rate: float | None, speed: float | None) -> Pace | None:
    """None: as fast as Kafka takes it."""
    if rate is None and speed is None:
        return None
    from apps import simulate as process

    return process.pace_of(rate, speed, 0.0)


@app.command(rich_help_panel=STREAM)
def stream(
    domain: DomainArgument,
    model: PinnedOption = None,
    model_format: FormatOption = "native",
    guarantee: GuaranteeOption = None,
    instance: Annotated[str, typer.Option(help="Name of this scorer; each process needs its own. Default: the machine's.")] = "",
) -> None:
    """Score a domain's events as they come, by the champion that the topic `models` announces; a new one is taken without a restart.

    Decisions, alerts and dead letters go out on Kafka.
    """
    from apps import scorer

    settings = from_environment()
    options = scorer.Options(domain, model, model_format, guarantee_of(guarantee, settings), instance)
    scorer.command(settings, options, say)


@app.command(rich_help_panel=STREAM)
def batch(
    domain: DomainArgument,
    since: Annotated[str | None, typer.Option(help="Leave out what has had no event since then, such as 2026-01-31.")] = None,
    model: ModelOption = None,
    model_format: FormatOption = "pmml",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The list, as CSV. Default: DOMAIN-batch.csv.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List also where there is nothing to do.")] = False,
) -> None:
    """Decide once, from the topics up to now: a list of work orders (or offers, or payments to look at), as CSV and on Kafka."""
    from apps import batch as process

    options = process.Options(domain, process.moment(since), model, model_format, out or Path(f"{domain}-batch.csv"), everything)
    process.command(from_environment(), options, console)


@app.command(rich_help_panel=STREAM)
def sink(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Drop the tables first; they are filled again with what the topics still hold.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Drop them though Kafka has let go of some of it.")] = False,
) -> None:
    """Keep the database a view of the topics: decisions, alerts, SLA windows, models, dead letters."""
    from apps import process, sink

    settings = from_environment()
    if rebuild:
        sink.rebuild(settings, anyway=yes)
    with process.stoppable() as stop:
        sink.run(settings, stop=stop, say=say)


@app.command(rich_help_panel=STREAM)
def monitor() -> None:
    """Measure what readers see: latency percentiles against the deadline, throughput, consumer lag; published on `metrics`."""
    from apps import label_letters, monitor, process

    settings = from_environment()
    begin(settings, "measuring what readers see")
    with process.stoppable() as stop, process.beside(lambda: label_letters.run(settings, stop), stop):
        monitor.run(settings, stop=stop)
    say("stopped")


@app.command(rich_help_panel=STREAM)
def setup(domain: DomainOrNone = None) -> None:
    """Create the topics and, where a domain has no model yet, train one: what a deployment does once."""
    from apps import announce, topics

    settings = from_environment()
    created = topics.create_topics(settings)
    say(f"created {len(created)} topics" if created else "the topics are there")
    for name in (domain,) if domain else DOMAINS:
        announce.ensure(settings, name, console=console)


@app.command(rich_help_panel=STREAM)
def ui(
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.", min=0, max=65535)] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on; leave it unless something in front checks who comes.")] = "127.0.0.1",
) -> None:
    """Open the dashboard's server on this machine."""
    from apps import dashboard, database

    database.known(from_environment().database)  # what is wrong there is told here; the server would tell it to the log
    raise typer.Exit(dashboard.run(port=port, host=host))


@app.command(rich_help_panel=STREAM)
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the broker and delete what polyscore keeps in .polyscore: topics, database, state and models."""
    from apps import reset as process

    settings = from_environment()
    if not yes:
        typer.confirm(f"Delete everything in {settings.home}?", abort=True)
    process.run(settings, say=say)


def _sized(text: str) -> tuple[str, int]:
    """``customers=500`` as a name and a number."""
    name, _, number = text.partition("=")
    if not (number.isascii() and number.isdigit()):
        raise typer.BadParameter(f"{text!r} is not a name and a number; write customers=500", param_hint="--size")
    return name, int(number)


def main() -> None:
    """Run a command; what a person can mend is one line, not a trace."""
    logs.configure()
    for number in ending():
        signal.signal(number, signal.default_int_handler)  # a command that is asked to end cleans up, as after Ctrl-C
    try:
        app()
    except KeyboardInterrupt:  # before or after what listens for it
        sys.exit(INTERRUPTED)
    except Exception as error:
        if _traced:
            raise
        _fail(_told(error))


def _told(error: Exception) -> str:
    """One line with a remedy. What nobody foresaw is a defect; its trace goes to the log where that is no terminal."""
    if isinstance(error, _errors()):
        return _in_words(error)
    if isinstance(error, OSError) and error.errno in _MENDABLE:
        return f"{error.filename or 'a file'}: {error.strerror}; make room there, or mend the rights"
    if not sys.stderr.isatty():
        logs.logger(__name__).exception("a defect")
    return f"{type(error).__name__}: {error}; this is a defect of polyscore: `polyscore --debug ...` shows where, please report it"


def _fail(text: str) -> NoReturn:
    console.print(Text.assemble(("error ", "bold red"), text), soft_wrap=True)
    sys.exit(1)


def _errors() -> tuple[type[Exception], ...]:
    from domain.terms import TermsError
    from exports.errors import ExportError
    from models.errors import ModelError

    kafka = sys.modules.get("confluent_kafka")  # a command that did not import it did not raise its exception
    return (AppError, ExportError, ModelError, TermsError, *([kafka.KafkaException] if kafka else []))


def _in_words(error: Exception) -> str:
    if isinstance(error, AppError) or "confluent_kafka" not in sys.modules:
        return str(error)
    from confluent_kafka import KafkaException

    from apps.kafka import in_words

    return f"Kafka: {in_words(error)}" if isinstance(error, KafkaException) else str(error)


if __name__ == "__main__":
    main()
