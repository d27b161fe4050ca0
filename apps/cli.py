"""The command line. Each command imports what it runs when it is called, so that help and completion are instant."""

from __future__ import annotations

import errno
import logging
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.text import Text

from apps import terminal
from apps.cli_loop import loop_app
from apps.cli_models import models_app
from apps.cli_options import (
    DomainArgument,
    DomainOrNone,
    FormatOption,
    GuaranteeOption,
    ModelOption,
    PinnedOption,
    SeparatorOption,
    console,
    finite,
    guarantee_of,
    one_of,
    say,
    seconds,
)
from apps.errors import AppError
from apps.settings import from_environment
from domain.registry import DOMAINS
from exports.formats import FORMATS

app = typer.Typer(
    name="polyscore",
    help="One LightGBM model, every export format, one live Kafka stream: what each format costs, measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
broker_app = typer.Typer(help="The Kafka broker of this machine, used when KAFKA_BOOTSTRAP_SERVERS names no other.", no_args_is_help=True)
app.add_typer(broker_app, name="broker")
app.add_typer(models_app, name="models")
app.add_typer(loop_app)
_MENDABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}  # disks and rights, not defects
_SPLITS = ("time", "key")


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

    settings, domains = from_environment(), (domain,) if domain else tuple(DOMAINS)
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


@app.command()
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


@app.command()
def replay(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="A file of the domain's recorded data; may be given several times.")],
    speed: Annotated[
        float | None, typer.Option(help="Recorded seconds per second. Default: as fast as Kafka takes it.", min=0.001, callback=finite)
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Send only this many events.", min=1)] = None,
) -> None:
    """Send recorded history through the same topics as live events, labels seven days late."""
    from apps import recorded

    recorded.command(from_environment(), domain, data, speed=speed, limit=limit, console=console)


_OF_A_DOMAIN = ("data", "days")
_OF_A_TABLE = ("label", "objective", "time", "group", "test_last", "drop", "categorical", "keep", "separator", "name")


def _refuse(context: typer.Context, names: Collection[str], why: str) -> None:
    """Refuses options that were given, at whatever value, where they say nothing."""
    sources = {p.name: context.get_parameter_source(p.name) for p in context.command.params if p.name in names}
    given = [p.opts[0] for p in context.command.params if (source := sources.get(p.name)) and source.name != "DEFAULT"]
    if given:
        raise typer.BadParameter(f"{', '.join(given)}: {why}")


@app.command()
def train(  # noqa: PLR0913  # its arguments are options
    context: typer.Context,
    domain: DomainOrNone = None,
    data: Annotated[list[Path] | None, typer.Option("--data", help="Recorded history to train on. Default: simulated history.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated history, of the training, and of a table's folds.")] = 7,
    days: Annotated[int | None, typer.Option(help="Days of simulated history. Default: what the domain's protocol needs.", min=1)] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="A table of your own (CSV), instead of a domain.")] = None,
    label: Annotated[str | None, typer.Option(help="The table's column to predict.")] = None,
    objective: Annotated[str | None, typer.Option(help="binary, multiclass or regression. Default: told from the label.")] = None,
    time: Annotated[str | None, typer.Option(help="A column of times: models are judged on rows later than those they saw.")] = None,
    group: Annotated[str | None, typer.Option(help="A column that says which rows belong together: none is parted.")] = None,
    test_last: Annotated[int | None, typer.Option(help="Judge on so many last rows, by --time or as they stand.", min=1)] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be given several times.")] = None,
    categorical: Annotated[list[str] | None, typer.Option(help="A column whose numbers are labels; may be given several times.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="A column that looks like an id and is none.")] = None,
    separator: SeparatorOption = ",",
    name: Annotated[str | None, typer.Option(help="What to call the table's model. Default: the file's name.")] = None,
) -> None:
    """Train a model on a domain's history, or on a table of your own; writes a bundle with every format and a report."""
    if (domain is None) == (table is None):
        raise typer.BadParameter(f"give either a domain ({', '.join(DOMAINS)}) or a table with --csv FILE --label COLUMN")
    settings = from_environment()
    if domain is not None:
        from apps import train as process

        _refuse(context, _OF_A_TABLE, "for a table (--csv), not for a domain")
        process.command(settings, domain, data or [], seed=seed, days=days, console=console)
        return
    from apps import csv_training, train_table
    from models.table_splits import Protocol

    _refuse(context, _OF_A_DOMAIN, "for a domain, not for a table (--csv)")
    if table is None or label is None:
        raise typer.BadParameter("--csv needs --label COLUMN, the column to predict")
    wanted = csv_training.Wanted(label, objective, time, group, tuple(drop or ()), tuple(categorical or ()), separator)
    train_table.command(settings, table, name, wanted, Protocol(test_last, seed), frozenset(keep or ()), console=console)


@app.command()
def evaluate(
    domain: DomainArgument,
    data: Annotated[list[Path], typer.Option("--data", help="Recorded history: files or a folder; may be given several times.")],
    split: Annotated[
        str | None, typer.Option(help="Part by time or by key, where the data allows both.", callback=one_of(("time", "key")))
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="Judge on this file instead: the test file of C-MAPSS.")] = None,
    rul: Annotated[Path | None, typer.Option("--rul", help="What the test file's engines had left: the RUL file of C-MAPSS.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report here as well.")] = None,
) -> None:
    """Judge the training recipe on recorded history, as the domain's benchmark does."""
    from apps import train as process
    from models.recorded import Question

    chosen: Any = split
    process.evaluate(domain, Question(data, chosen, test, rul), json_file, console=console)


@app.command()
def export(
    model: Annotated[
        Path | None, typer.Option("--model", help="A bundle's folder, or a LightGBM text model. Default: the newest bundle.")
    ] = None,
    to: Annotated[str, typer.Option(help="Formats, separated by commas.")] = ",".join(FORMATS),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write to.")] = Path("out"),
) -> None:
    """Write a model as files that stand alone, one for each format. Takes a bundle, or your own LightGBM text file."""
    from apps import export as process

    process.command(from_environment(), model, to.split(","), out, say=say)


ArtifactArgument = Annotated[Path, typer.Argument(help="A model as a file: LightGBM text, PMML, PFA; told by its ending or beginning.")]
DropOption = Annotated[list[str] | None, typer.Option("--drop", help="A column to leave out; may be given several times.")]


@app.command()
def score(
    artifact: ArtifactArgument,
    rows: Annotated[str, typer.Argument(help="A table: CSV, parquet, or - for CSV on standard input. Columns are matched by name.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write to. Default: standard output.")] = None,
    drop: DropOption = None,
    separator: SeparatorOption = ",",
) -> None:
    """Score a table with an artifact of any format: a line of raw and linked scores for each row, to the last bit."""
    from apps import score as process

    done = process.command(artifact, rows, out, dropped=drop or [], separator=separator, console=console)
    say(f"{done:,} rows scored" + (f"; {out}" if out else ""))


@app.command()
def inspect(artifact: ArtifactArgument) -> None:
    """Show what an artifact of any format holds: features, labels, trees, link, hashes."""
    from apps import inspect as process

    process.command(artifact, console)


@app.command()
def verify(
    model: Annotated[Path, typer.Argument(help="A LightGBM text model, or a folder with one: a bundle, or what export wrote.")],
    artifacts: Annotated[
        list[Path] | None, typer.Argument(help="Artifacts to compare. Default: those in the folder; for a lone model, fresh exports.")
    ] = None,
    data: Annotated[str | None, typer.Option("--data", help="A table of rows to compare on, beside those made for the model.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the report here as JSON.")] = None,
    judges: Annotated[bool, typer.Option(help="Ask independent engines too.")] = True,
    drop: DropOption = None,
) -> None:
    """Prove that artifacts give LightGBM's answer: on your rows, and on rows that stand on every split. Exits with 1 if one does not."""
    from apps import verify as process

    passed = process.command(model, artifacts or [], data, out, judged=judges, dropped=drop or [], console=console)
    raise typer.Exit(0 if passed else 1)


@app.command()
def serve(
    artifacts: Annotated[list[Path], typer.Argument(help="Artifacts to serve, each under a name made of its model's digest.")],
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.", min=0, max=65535)] = 8080,
    host: Annotated[str, typer.Option(help="Address to listen on; leave it unless something in front checks who comes.")] = "127.0.0.1",
) -> None:
    """Put artifacts behind a server that speaks the Open Inference Protocol v2. POLYSCORE_API_KEY sets a key to ask for."""
    from apps import serve as process

    key = from_environment().api_key.get_secret_value()
    process.command(artifacts, host=host, port=port, api_key=key, say=say)


@app.command()
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


@app.command()
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


@app.command()
def sink(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Drop the tables first; they are filled again from the topics.")] = False,
) -> None:
    """Keep the database a view of the topics: decisions, alerts, SLA windows, models, dead letters."""
    from apps import process, sink

    settings = from_environment()
    if rebuild:
        sink.rebuild(settings)
    with process.stoppable() as stop:
        sink.run(settings, stop=stop, say=say)


@app.command()
def monitor() -> None:
    """Measure what readers see: latency percentiles against the deadline, throughput, consumer lag; published on `metrics`."""
    from apps import label_letters, monitor, process

    settings = from_environment()
    with process.stoppable() as stop, process.beside(lambda: label_letters.run(settings, stop), stop):
        monitor.run(settings, stop=stop)


@app.command()
def setup(domain: DomainOrNone = None) -> None:
    """Create the topics and, where a domain has no model yet, train one: what a deployment does once."""
    from apps import topics
    from apps import train as process

    settings = from_environment()
    created = topics.create_topics(settings)
    say(f"created {len(created)} topics" if created else "the topics are there")
    for name in (domain,) if domain else DOMAINS:
        process.ensure(settings, name, console=console)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Wanted port; a free one is taken if it is busy.", min=0, max=65535)] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on; leave it unless something in front checks who comes.")] = "127.0.0.1",
) -> None:
    """Open the dashboard's server on this machine."""
    from apps import dashboard

    from_environment()  # what is wrong there is told here; the server would tell it to the log
    raise typer.Exit(dashboard.run(port=port, host=host))


@app.command()
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
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of its font cache
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a command that is asked to end cleans up, as after Ctrl-C
    try:
        app()
    except _errors() as error:
        _fail(_in_words(error))
    except OSError as error:
        if error.errno not in _MENDABLE:
            raise
        _fail(f"{error.filename or 'a file'}: {error.strerror}; make room there, or mend the rights")


def _fail(text: str) -> NoReturn:
    console.print(Text.assemble(("error ", "bold red"), text), soft_wrap=True)
    sys.exit(1)


def _errors() -> tuple[type[Exception], ...]:
    from exports.errors import ExportError
    from models.errors import ModelError

    kafka = sys.modules.get("confluent_kafka")  # a command that did not import it did not raise its exception
    return (AppError, ExportError, ModelError, *([kafka.KafkaException] if kafka else []))


def _in_words(error: Exception) -> str:
    if isinstance(error, AppError) or "confluent_kafka" not in sys.modules:
        return str(error)
    from confluent_kafka import KafkaException

    from apps.kafka import in_words

    return f"Kafka: {in_words(error)}" if isinstance(error, KafkaException) else str(error)


if __name__ == "__main__":
    main()
