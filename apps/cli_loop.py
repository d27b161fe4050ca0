"""The commands of the loop: what became of decisions, how good they were, and how models learn on."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli_options import LOOKING, LOOP, MODELS, DomainArgument, DomainOrNone, FormatOption, console, one_of, run_on, say, seconds
from apps.settings import from_environment
from domain.registry import DOMAINS

loop_app = typer.Typer()


@loop_app.command(rich_help_panel=MODELS)
def retrain(  # noqa: PLR0913  # its arguments are options
    domain: DomainArgument,
    why: Annotated[str, typer.Option(help="What triggered it; goes into the registry.")] = "by hand",
    since: Annotated[str | None, typer.Option(help="Leave out decisions of events before then, such as 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="Leave out decisions and labels of event time from then on.")] = None,
    offsets_of: Annotated[str, typer.Option(help="Read the window of offsets once more that this version was trained on.")] = "",
    train_days: Annotated[int | None, typer.Option(help="Days to learn from. Default: the domain's.", min=1)] = None,
    holdout_days: Annotated[int | None, typer.Option(help="Newest days to judge on. Default: the domain's.", min=1)] = None,
    promote: Annotated[bool, typer.Option("--promote/--no-promote", help="Promote what the gate finds better, or only judge.")] = True,
    refit: Annotated[bool, typer.Option("--refit", help="Learn the leaves of the champion's trees anew, not new trees.")] = False,
) -> None:
    """Train a candidate from the topics and promote it if the gate finds it better than the champion; else it is a challenger.

    Exits with 0 where it is better, 3 where it is refused, 1 where there are too few labels, or something is wrong.
    """
    from apps import retrain as process
    from apps.batch import moment
    from models.retrain import Days

    end = moment(until, "--until") if until else process.ALWAYS
    days = Days(train_days, holdout_days)
    options = process.Options(domain, why, moment(since), end, offsets_of, days, promote, refit)
    outcome = process.command(from_environment(), options, console)
    raise typer.Exit(0 if outcome.better else process.REFUSED)


@loop_app.command(rich_help_panel=LOOP)
def outcomes() -> None:
    """Join decisions with what became of them: money saved, offers taken, failures foreseen; published on `metrics`."""
    from apps import outcomes as process

    run_on("joining decisions with what becomes of them", lambda settings, stop: process.run(settings, stop=stop))
    say("stopped")


@loop_app.command(rich_help_panel=LOOP)
def shadow(domain: DomainOrNone = None, model_format: FormatOption = "pmml") -> None:
    """Let challengers score beside the champion what it decided; what they would have done goes on a topic of its own."""
    from apps import shadow as process

    chosen = [DOMAINS[domain]] if domain else [*DOMAINS.values()]
    what = f"challengers score what the champions of {', '.join(d.name for d in chosen)} decide"
    written = run_on(what, lambda settings, stop: process.run(settings, chosen, model_format, stop=stop))
    say(f"stopped: {written or 0:,} decisions in a challenger's place")


@loop_app.command(rich_help_panel=LOOP)
def online(
    domain: DomainArgument,
    every: Annotated[int, typer.Option(help="Labels between two judgements by the gate.", min=100)] = 5_000,
) -> None:
    """Let a model that learns one label at a time challenge the champion from the shadow."""
    from apps import online as process

    what = f"learning the labels of {domain} as they come"
    written = run_on(what, lambda settings, stop: process.run(settings, DOMAINS[domain], every=every, stop=stop))
    say(f"stopped: {written or 0:,} decisions in the champion's place")


@loop_app.command(rich_help_panel=LOOP)
def loop(
    domain: DomainOrNone = None,
    labels: Annotated[int | None, typer.Option(help="Train again after so many new labels. Default: not for that.", min=1)] = None,
    every: Annotated[str | None, typer.Option(help="Train again after this time, such as 24h. Default: not for that.")] = None,
    drift: Annotated[bool, typer.Option(help="Train again when drift is raised, until a promotion answers it.")] = True,
    retry_labels: Annotated[int, typer.Option(help="New labels between two trainings for one alarm.", min=1)] = 5_000,
) -> None:
    """Train again when a rule says so, keep the former champion in the shadow of the new one, and roll back what is worse."""
    from apps import loop as process
    from models.rules import Rules

    rules = Rules(labels, seconds(every, "--every"), drift, retry_labels)
    watched = [DOMAINS[domain]] if domain else [*DOMAINS.values()]
    what = f"watching the models of {', '.join(d.name for d in watched)}"
    run_on(what, lambda settings, stop: process.run(settings, watched, rules, stop=stop))
    say("stopped")


@loop_app.command(rich_help_panel=LOOKING)
def explain(
    decision_id: Annotated[str, typer.Argument(help="The decision's id: that of its event.")],
    domain: Annotated[str | None, typer.Option(help="Look in this domain only.", callback=one_of(DOMAINS))] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Go over one decision again: event, version, score by every format, reasons, label. Exits with 1 where a format disagrees."""
    from apps import explain as process

    raise typer.Exit(0 if process.command(from_environment(), decision_id, domain, as_json=as_json, console=console) else 1)


@loop_app.command(rich_help_panel=LOOKING)
def decisions(
    domain: DomainArgument,
    version: Annotated[str | None, typer.Option("--model", help="Only those that this version of the model made.")] = None,
    key: Annotated[str | None, typer.Option(help="Only those of this customer, shopper or machine.")] = None,
    action: Annotated[str | None, typer.Option(help="Only those with this action.")] = None,
) -> None:
    """List decisions as CSV on standard output."""
    from apps import decisions as process

    done = process.command(from_environment(), process.Wanted(domain, version, key, action))
    say(f"{done:,} decisions")


@loop_app.command(rich_help_panel=LOOP)
def quality() -> None:
    """Judge decisions by the labels that come days later, by day and version, and watch for drift; published on `metrics`."""
    from apps import quality as process

    run_on("judging decisions by their labels, and watching for drift", lambda settings, stop: process.run(settings, stop=stop))
    say("stopped")
